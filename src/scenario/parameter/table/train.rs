//! The rows of `[train]`.

use super::super::{Parameter, Step};
use super::applies::{
    adapting, adapting_by_choice, chunking, dropping, over_words, paired, quantizing, quantizing_scales, ranked,
    recomputing, referring, rotating, scoring, seeing, training, training_by_choice, training_in_detail, uncovered,
    writing,
};
use super::{LARGEST, MOST_IMAGES};

pub(super) const TRAIN: &[Parameter] = &[
    row!(train.micro_batch_size)
        .within([1, LARGEST], Step::One)
        .label("micro batch")
        .unit("sequences")
        .when(training)
        .help("sequences in one forward pass, b"),
    row!(train.sequence_length)
        .within([1, LARGEST], Step::Multiple(256))
        .label("sequence")
        .unit("tokens")
        .when(training)
        .help("tokens in a sequence, s; in each stack that reads tokens"),
    row!(train.method).label("method").when(training_in_detail).help("what is trained"),
    row!(train.objective)
        .label("objective")
        .when(training_in_detail)
        .help("what is learned: the head, the rows and the references follow from it"),
    row!(train.reference)
        .label("reference")
        .when(referring)
        .help("what a policy is held against: a copy, itself without adapters, or what was computed before"),
    row!(train.completion_length)
        .within([1, LARGEST], Step::Multiple(256))
        .label("completion")
        .unit("tokens")
        .when(writing)
        .help("tokens generated and scored of each sequence; the rest of it is the prompt"),
    row!(train.num_generations)
        .within([2, LARGEST], Step::Double)
        .label("generations")
        .unit("sequences")
        .when(writing)
        .help("completions of one prompt; they are the rows of micro batches, however those are cut"),
    row!(train.precision).label("precision").when(training).help("types of weights, gradients and arithmetic"),
    row!(train.optimizer)
        .label("optimizer")
        .when(training_in_detail)
        .help("what is kept for each parameter between steps"),
    row!(train.optimizer_implementation)
        .label("optimizer kernel")
        .when(training_by_choice)
        .help("fused makes no temporaries; foreach one more copy of what is trained"),
    row!(train.attention)
        .label("attention")
        .covered(&["flash", "eager"])
        .when(training_by_choice)
        .help("flash is any fused kernel; eager stores the scores, b·a·s²"),
    row!(train.recompute)
        .label("recompute")
        .when(training_in_detail)
        .help("full keeps only what enters each layer and computes the rest again"),
    row!(train.recompute_layers)
        .within([0, LARGEST], Step::One)
        .label("recomputed layers")
        .unit("layers")
        .when(recomputing)
        .help("with full: how many layers are recomputed; unset: all"),
    row!(train.recompute_every)
        .within([1, LARGEST], Step::One)
        .label("recompute every")
        .unit("layers")
        .when(recomputing)
        .help("with full: of the layers that are recomputed the first and every n-th after it"),
    row!(train.offload_activations)
        .label("offload activations")
        .when(recomputing)
        .help("with full: whether what enters recomputed layers waits in host memory"),
    row!(train.padding)
        .label("padding mask")
        .when(training_in_detail)
        .help("whether batches carry a padding mask (torchtune: packed samples)"),
    row!(train.dropout).label("dropout").when(training_in_detail).help("unset: what the model's own config says"),
    row!(train.keep_outputs)
        .label("keep outputs")
        .when(training_by_choice)
        .help("whether the loop holds the logits during backward; the Trainer does not"),
    row!(train.keep_gradients)
        .label("keep gradients")
        .when(training_by_choice)
        .help("whether gradients stay allocated between steps"),
    row!(train.gradient_accumulation_steps)
        .within([1, LARGEST], Step::One)
        .label("accumulation")
        .unit("passes")
        .when(training_in_detail)
        .help("forward and backward passes before a step"),
    row!(train.step_in_backward)
        .label("step in backward")
        .when(training_in_detail)
        .help("whether the optimizer steps each parameter as its gradient comes, which then goes"),
    row!(train.compile).label("compile").when(training_in_detail).help("what torch.compile makes one graph of"),
    row!(train.kernels)
        .label("kernels")
        .when(training_in_detail)
        .help("liger: norms, rotation, gate times up, and head with loss in Liger's kernels"),
    row!(train.loss).label("loss").when(over_words).help("how logits and loss are computed"),
    row!(train.scored_tokens)
        .within([1, LARGEST], Step::Multiple(256))
        .label("scored tokens")
        .unit("tokens")
        .when(scoring)
        .help("tokens of a micro batch whose labels count, as completions do; unset: all"),
    row!(train.loss_chunks)
        .within([1, LARGEST], Step::Double)
        .label("loss chunks")
        .unit("chunks")
        .when(chunking)
        .help("chunks of a chunked loss"),
    row!(train.gradient_dtype)
        .one_of(&["fp32", "bf16", "fp16"], true)
        .label("gradient type")
        .covered(&[])
        .when(uncovered)
        .help("unset: follows precision and framework"),
    row!(train.offload_optimizer)
        .label("offload optimizer")
        .when(training_in_detail)
        .help("whether optimizer states live in host memory"),
    row!(train.adapter)
        .label("adapter")
        .when(adapting)
        .help("what adapters are made of; ia3's own targets are k, v, down, and its vectors have no rank"),
    row!(train.oft_block_size)
        .within([0, LARGEST], Step::Double)
        .label("OFT block size")
        .unit("features")
        .when(rotating)
        .help(
            "features in each block that oft rotates, or the nearest divisor of a layer's; 0: train.lora_rank blocks",
        ),
    row!(train.lora_rank)
        .within([1, LARGEST], Step::Double)
        .label("LoRA rank")
        .when(ranked)
        .help("rank of the adapters"),
    row!(train.lora_targets).label("LoRA targets").when(adapting).help("modules with adapters"),
    row!(train.modules_to_save)
        .label("modules to save")
        .when(adapting_by_choice)
        .help("modules of which a copy is trained whole beside adapters: lm_head, embed_tokens"),
    row!(train.trainable_token_indices)
        .within([0, LARGEST], Step::One)
        .label("trained tokens")
        .unit("tokens")
        .when(adapting_by_choice)
        .help("how many rows of the embedding are trained beside adapters"),
    row!(train.images)
        .within([0, MOST_IMAGES], Step::One)
        .label("images")
        .when(training_by_choice)
        .help("images of each sequence, or sounds, whose tokens lengthen it"),
    row!(train.image_size)
        .label("image size")
        .when(seeing)
        .help("width and height of each image in pixels, as in 1280x720; its class may make it another size"),
    row!(train.train_tower)
        .label("train tower")
        .when(training_by_choice)
        .help("whether the vision or audio tower is trained too; its projector always is, but beside adapters"),
    row!(train.lora_dropout).label("LoRA dropout").when(dropping).help("dropout before the adapters"),
    row!(train.lora_dtype)
        .one_of(&["fp32", "bf16", "fp16"], false)
        .label("LoRA type")
        .covered(&["fp32", "bf16"])
        .when(adapting_by_choice)
        .help("type of the adapters; PEFT makes them fp32 whatever the base is"),
    row!(train.dora).label("DoRA").when(adapting).help("weight-decomposed adapters"),
    row!(train.init_lora_weights)
        .label("LoRA start")
        .when(paired)
        .help("what adapters begin with; pissa and olora decompose each matrix, on the card where that is"),
    row!(train.base_weights).label("base weights").when(quantizing).help("type of the quantized base"),
    row!(train.double_quant)
        .label("double quant")
        .when(quantizing_scales)
        .help("whether the base's scales are quantized too"),
];
