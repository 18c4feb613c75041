//! What is worth saying of a run that has a ledger all the same.

use crate::frameworks;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::model::Model;
use crate::model::architecture::Method as Checkpoints;
use crate::model::parameters::{Tensor, blocks};
use crate::scenario::parameter::Parameter;
use crate::scenario::{Attention, Estimator, Method, Objective, Recompute, Scenario, Task};
use crate::sequence::Start;
use crate::states::adapters::Adapters;
use crate::tape::Dtype;
use crate::units::{Unit, grouped};

/// Says what was assumed of a card that stands in no list, and what is free of it.
fn of_capacity(gpu: &Gpu) -> Option<String> {
    let free = gpu.free_mib.filter(|free| *free < gpu.usable_mib);
    let free = free.map(|free| {
        let [free, held] = [free, gpu.usable_mib - free].map(grouped);
        format!("{free} MiB of {} are free (runtime.free_mib), others hold {held}", gpu.name)
    });
    let said: Vec<String> = gpu.assumed.iter().cloned().chain(free).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Says so where sequences are longer than those that the model was made for. Such a run takes the memory that it is
/// said to; what comes of it is another question.
pub fn beyond_positions(model: &Model, scenario: &Scenario) -> Option<String> {
    let tokens = match scenario.task {
        Task::Train => scenario.train.sequence_length,
        Task::Infer => scenario.infer.context_length,
    };
    let most = model.architecture.max_position_embeddings;
    (tokens > most).then(|| format!("{} was made for sequences of {} tokens", model.name, grouped(most)))
}

/// Says so where a card is none that the described program runs on as it stands: what is compared is memory alone.
fn other_runtime(scenario: &Scenario, gpu: &Gpu) -> Option<String> {
    let framework = &scenario.framework;
    let by = |engine| scenario.task == Task::Infer && framework.builds_by(engine);
    // llama.cpp has a backend for each.
    if by("llama.cpp") || by("mlx") && gpu.is_unified_by_metal() {
        return None;
    }
    if by("mlx") {
        return Some(format!(
            "{} is no Mac: its memory alone is compared, what is described is MLX under Metal",
            gpu.name
        ));
    }
    let is_cuda = gpu.vendor.eq_ignore_ascii_case("nvidia");
    (!is_cuda)
        .then(|| format!("{} is no CUDA card: its memory alone is compared, the runtime is that of CUDA", gpu.name))
}

/// Says what a Mac's memory is handed out by, where the run is one that Metal gives it to.
fn wired(scenario: &Scenario, gpu: &Gpu) -> Option<String> {
    let on_metal =
        scenario.task == Task::Infer && ["mlx", "llama.cpp"].iter().any(|it| scenario.framework.builds_by(it));
    let said = scenario.runtime.wired_limit_mib.is_some();
    (on_metal && gpu.is_unified_by_metal() && !said).then(|| {
        format!(
            "unified memory: Metal hands out {} MiB of it unless runtime.wired_limit_mib (sysctl iogpu.wired_limit_mb) says more",
            grouped(gpu.usable_mib)
        )
    })
}

/// Everything that is worth saying of a run, but for what was asked for and changes nothing.
pub fn notes(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Vec<String> {
    let of_run = [
        model.card.assumed.clone(),
        left_out(model, scenario),
        reached_by_names(model, scenario),
        published_otherwise(model, scenario),
        not_kept_as_stored(model, scenario),
        cut_short(model),
        written_elsewhere(scenario),
        adapters_kept_whole(scenario),
        decomposed_before(model, scenario, gpu),
    ];
    let of_card = gpu.into_iter().flat_map(|gpu| notes_of_card(scenario, gpu));
    of_run.into_iter().flatten().chain(notes_of_sizes(model, scenario)).chain(of_card).collect()
}

/// Says what is taken before the first step where adapters begin with a decomposition of their matrices on the card.
fn decomposed_before(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Option<String> {
    let train = &scenario.train;
    let trains = scenario.task == Task::Train && scenario.estimator == Estimator::Ledger;
    let by_peft = !scenario.framework.training().is_some_and(|it| it.adapters_as_model);
    if !trains || !by_peft || train.method == Method::Full {
        return None;
    }
    let weights = if train.precision.narrow_weights() { Dtype::Bf16 } else { Dtype::Fp32 };
    let start = Start::of(train, scenario.placement(), weights, Kernels::of(gpu).product)?;
    let blocks = blocks(&model.architecture);
    let adapters = Adapters::of(model, train, &blocks).ok()?;
    let adapted = blocks.iter().flat_map(|block| {
        let adapted = |matrix: &&Tensor| adapters.of_matrix(block.block, matrix).is_some();
        block.tensors.iter().filter(adapted)
    });
    let largest = adapted.max_by_key(|matrix| matrix.rows.saturating_mul(matrix.columns))?;
    let most = Unit::Gib.show(start.most(largest).ok()?);
    let (word, part) = (train.init_lora_weights.word(), largest.part.words());
    let [rows, columns] = [largest.rows, largest.columns].map(grouped);
    Some(format!(
        "{word} decomposes every adapted matrix before the first step: beside the weights {part}, {rows} by {columns}, \
         takes {most} and a workspace of cuSOLVER, which was not measured"
    ))
}

/// What depends on how many tokens and sequences there are.
pub fn notes_of_sizes(model: &Model, scenario: &Scenario) -> Vec<String> {
    let said = [beyond_positions(model, scenario), short_prompt(model, scenario), groups_of_completions(scenario)];
    said.into_iter().flatten().collect()
}

/// Parts of a published model that are not counted: those of which nothing is known here, and a tower under a framework
/// that builds the text part alone.
pub fn omitted(model: &Model, scenario: &Scenario) -> Vec<String> {
    let mut omitted = model.card.omitted.clone();
    let words_alone = scenario.estimator == Estimator::Ledger && !frameworks::sees(scenario);
    if let Some(tower) = model.architecture.tower.as_ref().filter(|_| words_alone) {
        omitted.push(format!("{} tower, which {} does not build", tower.modality().word(), scenario.framework.word()));
    }
    omitted
}

fn left_out(model: &Model, scenario: &Scenario) -> Option<String> {
    let omitted = omitted(model, scenario);
    (!omitted.is_empty()).then(|| format!("not counted of {}: {}", model.name, omitted.join("; ")))
}

/// Says so where adapters stand on the text alone though PEFT would find modules of the same names in the tower.
fn reached_by_names(model: &Model, scenario: &Scenario) -> Option<String> {
    let train = &scenario.train;
    let beside = scenario.task == Task::Train && train.method != Method::Full && !train.train_tower && train.images > 0;
    (beside && model.architecture.tower.is_some()).then(|| {
        String::from(
            "adapters are those of the text part; PEFT's target_modules find modules of these names in the tower too, \
             which train.train_tower=true counts",
        )
    })
}

/// Says so where weights were published quantized and are counted otherwise.
fn published_otherwise(model: &Model, scenario: &Scenario) -> Option<String> {
    const PLAIN: [&str; 3] = ["fp32", "bf16", "fp16"];
    let native = scenario.task == Task::Infer && scenario.infer.weights == "native";
    match (&model.stored, &model.card.quantization) {
        (Some(_), Some(_)) if native => return None,
        (Some(stored), Some(quantized)) => {
            return Some(format!(
                "{} was opened from a {} file, whose own tensors infer.weights=native counts: here the weights of \
                 {quantized} are counted as the run has them",
                model.name,
                stored.format.word()
            ));
        }
        _ => {}
    }
    if let Some(quantized) = &model.card.quantization {
        return Some(format!(
            "{} was published as {quantized}, whose layout is not covered: its weights are counted as the run has them",
            model.name
        ));
    }
    let native = model.architecture.checkpoint.as_ref().filter(|native| !PLAIN.contains(&native.word))?;
    let unpacked = scenario.task == Task::Infer && PLAIN.contains(&scenario.infer.weights.as_str());
    unpacked.then(|| {
        format!(
            "{} was published in {}, which infer.weights=native counts: here it is unpacked",
            model.name,
            native.words()
        )
    })
}

/// Says so where a file of weights does not have all that its header names, which is counted all the same.
fn cut_short(model: &Model) -> Option<String> {
    let stored = model.stored.as_deref().filter(|stored| !stored.missing.is_zero())?;
    let missing = grouped(stored.missing.get());
    Some(format!(
        "the {} file of {} is cut short by {missing} bytes, which are counted",
        stored.format.word(),
        model.name
    ))
}

/// Says so where the weights of a checkpoint are not what Transformers keeps of them.
fn not_kept_as_stored(model: &Model, scenario: &Scenario) -> Option<String> {
    let native = scenario.task == Task::Infer && scenario.infer.weights == "native";
    let scheme = model.architecture.checkpoint.as_ref().filter(|_| native)?.scheme?;
    match scheme.method {
        Checkpoints::CompressedTensors if !scheme.symmetric => Some(String::from(
            "compressed-tensors 0.20.1 with zeros beside its scales does not load in Transformers 5.23: what is counted is \
             what it would keep",
        )),
        Checkpoints::CompressedTensors => Some(String::from(
            "compressed-tensors: Transformers makes every matrix dense at its first pass, stacked experts as they are \
             loaded, and keeps them so; engines that read codes keep what is stored",
        )),
        Checkpoints::ModelOptimizer => Some(String::from(
            "Transformers does not read Model Optimizer's checkpoints: what is counted is what is stored, as engines keep it \
             that read them",
        )),
        _ => None,
    }
}

/// Says so where adapters are trained with everything kept for backward, which those that people train them with do not do.
fn adapters_kept_whole(scenario: &Scenario) -> Option<String> {
    let train = &scenario.train;
    let adapts =
        scenario.task == Task::Train && train.method != Method::Full && scenario.estimator == Estimator::Ledger;
    let recompute = Parameter::by_key("train.recompute").ok()?;
    let asked_for_nothing = recompute.get(scenario) == scenario.default_of(recompute);
    let kept = train.recompute == Recompute::None && asked_for_nothing && scenario.framework.builds_by("transformers");
    (adapts && kept).then(|| {
        String::from(
            "nothing is recomputed, as the Trainer has it; TRL and PEFT's prepare_model_for_kbit_training recompute all by \
             default: framework trl or peft, or train.recompute full",
        )
    })
}

/// Whether a run learns from completions that its model writes.
fn writes(scenario: &Scenario) -> bool {
    let trains = scenario.task == Task::Train && scenario.estimator == Estimator::Ledger;
    trains && scenario.train.objective == Objective::Grpo
}

/// Says so where completions are written beside the steps that are described.
fn written_elsewhere(scenario: &Scenario) -> Option<String> {
    let said =
        "completions are taken as written: what generate() takes, or an engine beside it on the card, is not modelled";
    writes(scenario).then(|| String::from(said))
}

/// Says so where a generation batch is no whole number of groups, which TRL asks for.
fn groups_of_completions(scenario: &Scenario) -> Option<String> {
    let train = &scenario.train;
    let rows = train.micro_batch_size.saturating_mul(train.gradient_accumulation_steps);
    let whole = rows.is_multiple_of(train.num_generations);
    (writes(scenario) && !whole).then(|| {
        format!(
            "TRL asks for whole groups: {rows} rows are no multiple of {} (train.num_generations)",
            train.num_generations
        )
    })
}

/// What a card makes otherwise than the run is described.
pub fn notes_of_card(scenario: &Scenario, gpu: &Gpu) -> Vec<String> {
    let always = [of_capacity(gpu), other_runtime(scenario, gpu)];
    if scenario.estimator == Estimator::Sketch {
        return always.into_iter().flatten().collect();
    }
    let in_detail = [wired(scenario, gpu), no_bf16(scenario, gpu), no_flash(scenario, gpu)];
    always.into_iter().chain(in_detail).flatten().collect()
}

/// Says so where a run computes in bf16 and the card does not.
fn no_bf16(scenario: &Scenario, gpu: &Gpu) -> Option<String> {
    let narrow = match scenario.task {
        Task::Train => scenario.train.precision.computes_in_bf16(),
        Task::Infer => scenario.infer.weights == "bf16",
    };
    let (key, other) = match scenario.task {
        Task::Train => ("train.precision", "fp16, fp16-autocast or fp16-mixed"),
        Task::Infer => ("infer.weights", "fp16"),
    };
    (narrow && gpu.precedes_ampere()).then(|| {
        let name = &gpu.name;
        format!("{name} has no bf16: where PyTorch runs it at all, it emulates it, in as many bytes; {key} {other} is what it computes")
    })
}

/// Says so where a run's attention is FlashAttention's, and the card has no such kernel.
fn no_flash(scenario: &Scenario, gpu: &Gpu) -> Option<String> {
    let attention = match scenario.task {
        Task::Train => scenario.train.attention,
        Task::Infer => scenario.infer.attention,
    };
    // Engines fall back to kernels of their own.
    let by_pytorch = scenario.task == Task::Train || !scenario.framework.is_engine();
    (by_pytorch && attention == Attention::Flash && gpu.precedes_ampere()).then(|| {
        let name = &gpu.name;
        format!(
            "{name} has no FlashAttention-2: PyTorch's memory-efficient kernel takes its place, of nearly the same memory; \
             `flash_attention_2` is refused there, and what falls back to eager takes b·a·s²"
        )
    })
}

/// Says so where prompts are shorter than the context: the rest is generated.
fn short_prompt(model: &Model, scenario: &Scenario) -> Option<String> {
    let infer = &scenario.infer;
    // An encoder reads all there is, and what an engine is told is of one pass.
    let generates =
        model.architecture.encoder.is_none() && scenario.task == Task::Infer && !scenario.framework.is_engine();
    let said = infer.prefill_tokens.is_some() && scenario.estimator == Estimator::Ledger;
    let (prompt, all) = (infer.prompt(), infer.context_length);
    let rest = all.saturating_sub(prompt);
    (generates && said && rest > 1).then(|| {
        let (prompt, rest) = (grouped(prompt), grouped(rest));
        format!("prompts of {prompt} tokens are read, and the other {rest} of each sequence are generated")
    })
}
