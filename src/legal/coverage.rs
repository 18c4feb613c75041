//! What the rules cover: a valid value that none of them reads is an error, never a silent default.

use std::sync::LazyLock;

use crate::allocator::Settings;
use crate::families::of_model;
use crate::frameworks;
use crate::ledger::{Asked, EstimateError};
use crate::model::{Model, Output, tower};
use crate::parallel::Layout;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{
    AdapterKind, Attention, Compile, Loss, Method, Objective, Optimizer, Precision, Recompute, Scenario, Task, Train,
    Value,
};

/// What a run has of every parameter unless it says otherwise.
static USUAL: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let usual = Scenario::default();
    PARAMETERS.iter().map(|parameter| parameter.get(&usual)).collect()
});

/// An error where the framework does not do the task, else for the first parameter whose value no rule covers.
pub(crate) fn check(scenario: &Scenario) -> Result<(), EstimateError> {
    if !scenario.framework.profile().is_some_and(|profile| profile.describes(scenario.task)) {
        return Err(frameworks::not_described(scenario));
    }
    for parameter in PARAMETERS.iter().filter(|parameter| (parameter.applies)(scenario)) {
        if let (Kind::Choice { covered, .. }, Value::Word(word)) = (parameter.kind, parameter.get(scenario))
            && !covered.contains(&word.as_str())
        {
            return Err(not_covered(parameter, word, covered.join(", ")));
        }
    }
    let with_usual = PARAMETERS.iter().zip(USUAL.iter());
    for (parameter, only) in with_usual.filter(|(parameter, _)| !is_laid_out(scenario, parameter)) {
        let found = parameter.get(scenario);
        if found != *only {
            return Err(not_covered(parameter, found.to_string(), only.to_string()));
        }
    }
    Layout::of(scenario)?;
    settings(scenario)?;
    check_for_megatron(scenario)?;
    let in_one_type = scenario.framework.training().is_some_and(|it| it.adapters_as_model);
    if scenario.task == Task::Train { check_train(&scenario.train, in_one_type) } else { Ok(()) }
}

/// An error for what programs of pretraining alone have: weights with a master copy, and layers of which some of what is
/// computed is kept.
fn check_for_megatron(scenario: &Scenario) -> Result<(), EstimateError> {
    if scenario.task != Task::Train || scenario.framework.builds_by("megatron") {
        return Ok(());
    }
    let (precision, recompute) = (scenario.train.precision, scenario.train.recompute);
    let others = Precision::WORDS.iter().filter(|word| !Precision::from_word(word).is_some_and(Precision::has_master));
    let others: Vec<&str> = others.copied().collect();
    let selects = scenario.framework.builds_by("torchtitan");
    EstimateError::first_unknown(
        &[(!precision.has_master(), "train.precision", &precision.word(), &others.join(", "))],
        "but under megatron",
    )?;
    EstimateError::first_unknown(
        &[(selects || recompute != Recompute::Selective, "train.recompute", &recompute.word(), "none, full")],
        "but under megatron and torchtitan",
    )
}

/// The only attention that a model's code runs with, where that is one: eager, where no fused kernel computes it.
pub(crate) fn only_attention(model: &Model) -> Option<Attention> {
    of_model(model).eager_only.then_some(Attention::Eager)
}

/// An error where it is not known what training of this family keeps.
pub(crate) fn check_family(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    check_class(model, scenario)?;
    check_encoder(model, scenario)?;
    check_seq2seq(model, scenario)?;
    check_image(model, scenario)?;
    check_tower(model, scenario)?;
    check_weights(model, scenario)?;
    if of_model(model).of_megatron && !scenario.framework.builds_by("megatron") {
        let covered = format!("megatron, for a model of the family {}, which no other builds", model.family.id);
        return Err(EstimateError::framework(scenario.framework.word(), covered));
    }
    // Megatron builds models by code of its own.
    if scenario.task != Task::Train || of_model(model).trains || scenario.framework.builds_by("megatron") {
        return Ok(());
    }
    let covered = format!("infer, for a model of the family {}: what its training keeps is not known", model.family.id);
    Err(EstimateError::NotCovered { key: "task", value: String::from("train"), covered })
}

/// An error where there are images and nothing to read them, or a run with them is not known.
fn check_tower(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    let (train, of_run) = (&scenario.train, scenario.task == Task::Train);
    let (key, images) = if of_run { ("train.images", train.images) } else { ("infer.images", scenario.infer.images) };
    if model.architecture.tower.is_none() {
        let beside = format!("for {}, which has no tower", model.id);
        return EstimateError::first_unknown(
            &[
                (images == 0, key, &images, "0"),
                (!of_run || !train.train_tower, "train.train_tower", &train.train_tower, "false"),
            ],
            &beside,
        );
    }
    if images == 0 {
        return Ok(());
    }
    check_outputs(model)?;
    if !of_run {
        return check_served_images(model, scenario);
    }
    let words = matches!(train.objective, Objective::Lm | Objective::Sft);
    // A decoder whose code knows no other has a tower that does.
    let attends = train.attention == only_attention(model).unwrap_or(Attention::Flash);
    if !model.architecture.tower.as_ref().is_some_and(tower::Tower::is_trained_with_images) {
        let covered = format!("0, for images of the family {}: what its training keeps is not known", model.family.id);
        return Err(EstimateError::NotCovered { key: "train.images", value: images.to_string(), covered });
    }
    let matrices = train.method == Method::Full || matches!(train.adapter, AdapterKind::Lora | AdapterKind::Rslora);
    let asked: [Asked<'_>; 7] = [
        (words, "train.objective", &train.objective.word(), "lm, sft"),
        (train.loss != Loss::Trl, "train.loss", &train.loss.word(), "eager, chunked, fused"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (attends, "train.attention", &train.attention.word(), "flash"),
        (!train.keep_outputs, "train.keep_outputs", &train.keep_outputs, "false"),
        (matrices || !train.train_tower, "train.adapter", &train.adapter.word(), "lora, rslora"),
        (train.recompute_every == 1, "train.recompute_every", &train.recompute_every, "1"),
    ];
    EstimateError::first_unknown(&asked, "with images")
}

/// An error where a tower whose layers are put side by side gives something else than its projector reads.
fn check_outputs(model: &Model) -> Result<(), EstimateError> {
    let Some(tower) = model.architecture.tower.as_ref().filter(|tower| tower.is_attended_to()) else { return Ok(()) };
    let chosen = tower.intermediate_layers();
    let width = tower.sizes.hidden.saturating_mul(1 + chosen.len() as u64);
    let [read, layers] = [tower.vision_output_dim(), tower.sizes.layers];
    let problem = if read != width {
        format!("{read}, but the tower gives {} layers of {}", 1 + chosen.len(), tower.sizes.hidden)
    } else if let Some(beyond) = chosen.iter().find(|layer| **layer >= layers) {
        format!("the tower's layer {beyond} is read, but it has {layers}")
    } else if model.architecture.groups.first().is_some_and(|group| group.layer.attends_to_tower()) {
        String::from("the first layer attends to images and not to the sequence: not covered")
    } else {
        return Ok(());
    };
    Err(EstimateError::Invalid { key: "vision_output_dim", problem })
}

/// An error where layers that attend to images are served in a way that is only known of others.
fn check_served_images(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    if !model.architecture.attends_to_tower() {
        return Ok(());
    }
    let infer = &scenario.infer;
    let cached = matches!(infer.kv_cache.as_str(), "fp32" | "bf16" | "fp16");
    let asked: [Asked<'_>; 3] = [
        (infer.attention == Attention::Flash, "infer.attention", &infer.attention.word(), "flash"),
        (
            infer.prefill_chunk_size.is_none(),
            "infer.prefill_chunk_size",
            &infer.prefill_chunk_size.unwrap_or(0),
            "none",
        ),
        (cached, "infer.kv_cache", &infer.kv_cache, "fp32, bf16, fp16"),
    ];
    EstimateError::first_unknown(&asked, "with images that layers attend to")
}

/// An error where a model without its head is served.
fn check_class(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    if scenario.task != Task::Infer || model.architecture.output == Output::Own {
        return Ok(());
    }
    let covered = String::from("train, for a class without a head over a vocabulary (architectures)");
    Err(EstimateError::NotCovered { key: "task", value: String::from("infer"), covered })
}

/// An error where weights are quantized of a model whose quantized layout is not known, or which clips a matrix in training
/// as if it had its shape.
fn check_weights(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    let architecture = &model.architecture;
    if scenario.task == Task::Train && scenario.train.method == Method::Qlora && architecture.streams.is_some() {
        let covered = format!("full, lora, for a model of the family {}", model.family.id);
        return Err(EstimateError::NotCovered { key: "train.method", value: String::from("qlora"), covered });
    }
    let unknown = architecture.encoder.is_some() || architecture.mixed_streams.is_some();
    let word = match (scenario.infer.weights.as_str(), &architecture.checkpoint) {
        ("native", Some(checkpoint)) => checkpoint.word,
        (word, _) => word,
    };
    if scenario.task != Task::Infer || !unknown || matches!(word, "native" | "fp32" | "bf16" | "fp16") {
        return Ok(());
    }
    let covered = format!("fp32, bf16, fp16, for a model of the family {}", model.family.id);
    Err(EstimateError::NotCovered { key: "infer.weights", value: scenario.infer.weights.clone(), covered })
}

/// The precisions in which T5 and models of images were measured.
const MEASURED: [Precision; 3] = [Precision::Fp32, Precision::Bf16, Precision::Bf16Mixed];

/// An error where a model of two stacks is run in a way that is only known of others.
fn check_seq2seq(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    if model.architecture.seq2seq.is_none() {
        return Ok(());
    }
    // T5's code keeps parts in fp32 and clamps in fp16.
    let measured = [&MEASURED[..], if model.architecture.is_t5() { &[] } else { &[Precision::Fp16Mixed] }].concat();
    let refuse = |key, value: &str, covered: &str| {
        let covered = format!("{covered}, for an encoder with a decoder");
        Err(EstimateError::NotCovered { key, value: value.to_owned(), covered })
    };
    let train = &scenario.train;
    match scenario.task {
        Task::Infer => refuse("task", "infer", "train"),
        Task::Train if train.method == Method::Qlora => refuse("train.method", "qlora", "full, lora"),
        Task::Train if train.loss != Loss::Eager => refuse("train.loss", train.loss.word(), "eager"),
        Task::Train if !measured.contains(&train.precision) => {
            let words: Vec<&str> = measured.iter().map(|precision| precision.word()).collect();
            refuse("train.precision", train.precision.word(), &words.join(", "))
        }
        Task::Train if train.padding => refuse("train.padding", "true", "false"),
        Task::Train if train.keep_outputs => refuse("train.keep_outputs", "true", "false"),
        Task::Train if train.recompute == Recompute::Full && train.offload_activations => {
            refuse("train.offload_activations", "true", "false")
        }
        Task::Train => Ok(()),
    }
}

/// An error where a model of images is run in a way that is only known of others.
fn check_image(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    let Some(image) = model.architecture.image else { return Ok(()) };
    let refuse = |key, value: &str, covered: &str| {
        let covered = format!("{covered}, for a model of images");
        Err(EstimateError::NotCovered { key, value: value.to_owned(), covered })
    };
    let train = &scenario.train;
    match scenario.task {
        Task::Infer => refuse("task", "infer", "train"),
        // One label is a number to be met, none leaves the vector of an image as it is.
        Task::Train if image.labels < 2 => refuse("task", "train", "two labels or more"),
        Task::Train if train.sequence_length != image.tokens() => {
            let [height, width] = image.pixels;
            let problem = format!(
                "{} tokens, but an image of {height} × {width} pixels is {}: no other number can be run",
                train.sequence_length,
                image.tokens()
            );
            Err(EstimateError::Invalid { key: "train.sequence_length", problem })
        }
        Task::Train if train.method == Method::Qlora => refuse("train.method", "qlora", "full, lora"),
        Task::Train if train.loss != Loss::Eager => refuse("train.loss", train.loss.word(), "eager"),
        Task::Train if !MEASURED.contains(&train.precision) => {
            refuse("train.precision", train.precision.word(), &MEASURED.map(Precision::word).join(", "))
        }
        Task::Train if train.padding => refuse("train.padding", "true", "false"),
        Task::Train
            if matches!(
                train.optimizer,
                Optimizer::Adafactor
                    | Optimizer::Muon
                    | Optimizer::Galore
                    | Optimizer::Apollo
                    | Optimizer::Adamw8bitTorchao
                    | Optimizer::Adamw4bitTorchao
            ) =>
        {
            refuse("train.optimizer", train.optimizer.word(), "every one that no matrix's sides matter to")
        }
        Task::Train
            if train.lora_targets.iter().any(|target| target == "all-linear") && train.method == Method::Lora =>
        {
            refuse("train.lora_targets", "all-linear", "the names of modules")
        }
        Task::Train => Ok(()),
    }
}

/// An error where an encoder is trained in a way that is only known of other models.
fn check_encoder(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    let Some(encoder) = model.architecture.encoder else { return Ok(()) };
    let refuse = |key, value: &str, covered: &str| {
        Err(EstimateError::NotCovered { key, value: value.to_owned(), covered: covered.to_owned() })
    };
    let train = &scenario.train;
    match scenario.task {
        Task::Train if train.method == Method::Qlora => refuse("train.method", "qlora", "full, lora, for an encoder"),
        Task::Train if train.loss != Loss::Eager && train.objective.is_of_words() => {
            refuse("train.loss", train.loss.word(), "eager, for an encoder's masked tokens")
        }
        Task::Train
            if encoder.second_bias && !model.architecture.tie_word_embeddings && train.objective.is_of_words() =>
        {
            let covered = "infer, for an encoder whose head is not tied: it has a second bias that no gradient reaches";
            refuse("task", "train", covered)
        }
        Task::Train if train.recompute != Recompute::None && !of_model(model).recomputes => {
            let covered = format!("none: the classes of {} let no layer be a checkpoint", model.family.id);
            refuse("train.recompute", train.recompute.word(), &covered)
        }
        Task::Infer | Task::Train => Ok(()),
    }
}

/// Whether a parameter says nothing of how a job is spread over GPUs, or does so where its framework reads it.
fn is_laid_out(scenario: &Scenario, parameter: &Parameter) -> bool {
    let (trains, spread) = (scenario.task == Task::Train, scenario.is_spread());
    if parameter.key.starts_with("megatron.") {
        return trains && scenario.framework.builds_by("megatron");
    }
    match (parameter.key, parameter.key.strip_prefix("parallel.")) {
        ("gpus", _) => spread && scenario.framework.profile().is_some_and(|profile| !profile.layout.is_empty()),
        (_, Some("micro_batches") | None) => true,
        (_, Some(key)) => spread && scenario.framework.lays_out(key),
    }
}

/// The allocator's settings.
pub(crate) fn settings(scenario: &Scenario) -> Result<Settings, EstimateError> {
    Settings::parse(&scenario.runtime.alloc_conf)
        .map_err(|error| EstimateError::Invalid { key: "runtime.alloc_conf", problem: error.to_string() })
}

fn check_train(train: &Train, in_one_type: bool) -> Result<(), EstimateError> {
    let own = match (train.method, train.precision) {
        _ if in_one_type => "bf16",
        (Method::Lora | Method::Qlora, _) => train.lora_dtype.as_str(),
        (Method::Full, Precision::Fp16 | Precision::Fp16Autocast) => "fp16",
        (Method::Full, precision) if precision.narrow_weights() => "bf16",
        (Method::Full, _) => "fp32",
    };
    if let Some(other) = train.gradient_dtype.as_deref().filter(|dtype| *dtype != own) {
        let covered = format!("{own}, the type of the weights");
        return Err(EstimateError::NotCovered { key: "train.gradient_dtype", value: other.to_owned(), covered });
    }
    Ok(())
}

fn not_covered(parameter: &Parameter, value: String, covered: String) -> EstimateError {
    EstimateError::NotCovered { key: parameter.key, value, covered }
}
