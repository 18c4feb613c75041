//! Kernels of other libraries, and what trades memory for speed in a step, in closed forms.

use brimful::memory::{self, Category, EstimateError, Instant, Ledger, Lifetime, Step};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::{
    Attention, Compile, KernelLibrary, Loss, Method, Optimizer, OptimizerImplementation, Precision, Recompute,
    Scenario, Train,
};

/// Llama 3.2 1B: h = 2048, κ = 512, f = 8192, 32 heads in 16 layers, a tied head.
const LAYERS: u64 = 16;
const TOKENS: u64 = 1024;
const HIDDEN: u64 = 2048;
const HEAD: u64 = 128_256 * HIDDEN * 2;

fn model(id: &str) -> Model {
    Library::embedded().model(id).unwrap().clone()
}

fn tried(id: &str, change: impl Fn(&mut Train)) -> Result<Ledger, EstimateError> {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = TOKENS;
    change(&mut scenario.train);
    let checked = memory::check(&model(id), &scenario);
    let ledger = memory::estimate(&model(id), &scenario, None);
    assert_eq!(checked.err(), ledger.as_ref().err().cloned());
    ledger
}

fn ledger(change: impl Fn(&mut Train)) -> Ledger {
    tried("llama-3.2-1b", change).unwrap()
}

fn saved(ledger: &Ledger) -> u64 {
    let alive = ledger.alive(Step::Steady, Instant::ForwardEnd).filter(|entry| entry.lifetime == Lifetime::Saved);
    alive.map(|entry| entry.bytes.get()).sum()
}

fn gradients(ledger: &Ledger, instant: Instant) -> u64 {
    let alive = ledger.alive(Step::Steady, instant).filter(|entry| entry.category == Category::Gradients);
    alive.map(|entry| entry.bytes.get()).sum()
}

#[test]
fn liger_keeps_what_its_kernels_read() {
    let ledger = ledger(|train| train.kernels = KernelLibrary::Liger);
    // T(8h + 4q + 4κ + 6f + 4a + 8) and the kernel's seed and offset.
    let layer = TOKENS * (8 * HIDDEN + 4 * HIDDEN + 4 * 512 + 6 * 8192 + 4 * 32 + 8) + 24;
    // The final norm's input and statistic, cosines and sines, the gradient of the head's input.
    let outside = TOKENS * (2 * HIDDEN + 4) + 2 * TOKENS * 64 * 2 + 2 * TOKENS * HIDDEN;
    assert_eq!(saved(&ledger), LAYERS * layer + outside);
    // The head's gradient is there before backward begins, and no logits are.
    assert_eq!(gradients(&ledger, Instant::ForwardEnd), HEAD);
    let logits = ledger.alive(Step::Steady, Instant::LossBackward).filter(|entry| entry.category == Category::Logits);
    assert!(logits.map(|entry| entry.bytes.get()).sum::<u64>() < 16);
}

#[test]
fn where_there_is_no_patch_liger_is_refused() {
    for id in ["gpt2", "pythia-1.4b"] {
        let refused = tried(id, |train| train.kernels = KernelLibrary::Liger).unwrap_err().to_string();
        assert!(refused.contains("train.kernels") && refused.contains("llama"), "{refused}");
    }
    let liger = |train: &mut Train| (train.kernels, train.loss) = (KernelLibrary::Liger, Loss::Chunked);
    assert!(tried("llama-3.2-1b", liger).unwrap_err().to_string().contains("train.loss"));
}

/// Its functions read the matrix of the head, and of experts, and know of no adapter.
#[test]
fn beside_adapters_where_its_functions_act_liger_is_refused() {
    type Case<'a> = (&'a str, &'a [&'a str], fn(&mut Train));
    let adapted = |id: &str, targets: &[&str], change: fn(&mut Train)| {
        tried(id, |train| {
            (train.kernels, train.method) = (KernelLibrary::Liger, Method::Lora);
            train.lora_targets = targets.iter().map(|target| String::from(*target)).collect();
            change(train);
        })
    };
    let saved = |train: &mut Train| train.modules_to_save = vec![String::from("lm_head")];
    let changes: [Case<'_>; 4] = [
        ("llama-3.1-8b", &["q", "lm_head"], |_| {}),
        ("llama-3.1-8b", &["q"], saved),
        ("llama-3.2-1b", &["q"], |train| train.trainable_token_indices = 8),
        ("qwen3-30b-a3b", &["q", "down"], |_| {}),
    ];
    for (id, targets, change) in changes {
        let refused = adapted(id, targets, change).unwrap_err().to_string();
        assert!(refused.contains("train.kernels") && refused.contains("adapters"), "{id} {targets:?}: {refused}");
    }
    for id in ["llama-3.1-8b", "llama-3.2-1b"] {
        assert!(adapted(id, &["q"], |_| {}).is_ok(), "{id}");
    }
    assert!(adapted("llama-3.1-8b", &["q"], |train| train.trainable_token_indices = 8).is_ok());
}

#[test]
fn checkpoints_of_every_nth_layer_keep_what_enters_those() {
    let every = |layers| saved(&ledger(|train| (train.recompute, train.recompute_every) = (Recompute::Full, layers)));
    let (none, all) = (saved(&ledger(|_| ())), saved(&ledger(|train| train.recompute = Recompute::Full)));
    assert_eq!(every(1), all);
    // What all layers read is kept once any of them keeps it.
    let tables = 2 * TOKENS * 64 * 2;
    let each = (none - tables - all) / LAYERS;
    for (layers, kept) in [(2, 8), (3, 10), (16, 15)] {
        assert_eq!(every(layers), all + tables + kept * each, "{layers}");
    }
}

#[test]
fn checkpoints_in_host_memory_leave_the_card() {
    let full =
        |offload| saved(&ledger(|train| (train.recompute, train.offload_activations) = (Recompute::Full, offload)));
    assert_eq!(full(false) - full(true), LAYERS * TOKENS * HIDDEN * 2);
}

#[test]
fn an_optimizer_that_steps_in_backward_leaves_no_gradients() {
    let (plain, stepping) = (ledger(|_| ()), ledger(|train| train.step_in_backward = true));
    assert_eq!(gradients(&stepping, Instant::OptimizerStep), 0);
    assert!(gradients(&stepping, Instant::BackwardEnd) < gradients(&plain, Instant::BackwardEnd));
    assert!(stepping.allocated() <= plain.allocated());
    let accumulating = |train: &mut Train| (train.step_in_backward, train.gradient_accumulation_steps) = (true, 2);
    assert!(tried("llama-3.2-1b", accumulating).is_err());
}

#[test]
fn a_compiled_layer_keeps_what_the_partitioner_chose() {
    let ledger = ledger(|train| train.compile = Compile::Layers);
    let layer = TOKENS * (8 * HIDDEN + 4 * HIDDEN + 4 * 512 + 6 * 8192 + 4 * 32 + 8) + 24;
    // The final norm in Python, cosines and sines, the log-softmax in fp32 with its labels and count.
    let outside = TOKENS * (8 * HIDDEN + 4) + 2 * TOKENS * 64 * 2 + 4 * TOKENS * 128_256 + 8 * (TOKENS + 1) + 4;
    assert_eq!(saved(&ledger), LAYERS * layer + outside);
    let checkpointed = self::ledger(|train| (train.compile, train.recompute) = (Compile::Layers, Recompute::Full));
    let plain = self::ledger(|train| train.recompute = Recompute::Full);
    assert_eq!(saved(&checkpointed), saved(&plain));
}

#[test]
fn a_compiled_model_keeps_logits_in_16_bits_and_a_mask() {
    let ledger = ledger(|train| train.compile = Compile::Model);
    // Keys and values of every head.
    let layer = TOKENS * (8 * HIDDEN + 8 * HIDDEN + 6 * 8192 + 4 * 32 + 8);
    let logits = 2 * TOKENS * 128_256;
    let outside = TOKENS * (4 * HIDDEN + 4) + logits + 8 * TOKENS + 8 * (TOKENS + 1) + 2 * TOKENS * TOKENS + 52;
    assert_eq!(saved(&ledger), LAYERS * layer + outside);
    // Zeros for what was handed out, and the gradient.
    let total = |instant| ledger.moments().iter().find(|it| it.step == Step::Steady && it.instant == instant).unwrap();
    let alive = ledger.alive(Step::Steady, Instant::LossBackward);
    let held = alive.filter(|entry| entry.category == Category::Logits).map(|entry| entry.bytes.get()).sum::<u64>();
    assert_eq!(held, 3 * logits + 8 * TOKENS + 8 * (TOKENS + 1) + 12);
    assert!(total(Instant::LossBackward).total > total(Instant::ForwardEnd).total);
}

#[test]
fn a_compiler_of_what_was_not_measured_is_refused() {
    type Change = fn(&mut Train);
    for id in ["gpt2", "phi-3-mini-4k-instruct", "gemma-2-2b"] {
        let refused = tried(id, |train| train.compile = Compile::Model).unwrap_err().to_string();
        assert!(refused.contains("train.compile"), "{refused}");
    }
    let changes: [(Change, &str); 5] = [
        (|train| train.precision = Precision::Fp32, "train.precision"),
        (|train| train.kernels = KernelLibrary::Liger, "train.kernels"),
        (|train| train.loss = Loss::Chunked, "train.loss"),
        (|train| train.attention = Attention::Eager, "train.attention"),
        (|train| train.padding = true, "train.padding"),
    ];
    for (change, key) in changes {
        for compile in [Compile::Model, Compile::Layers] {
            let asked = |train: &mut Train| {
                train.compile = compile;
                change(train);
            };
            let refused = tried("llama-3.2-1b", asked).unwrap_err().to_string();
            assert!(refused.contains(key) && refused.contains("train.compile"), "{refused}");
        }
    }
}

/// The AdamW that comes behind Muon is an optimizer of its own, with temporaries of its own.
#[test]
fn beside_muon_adamw_steps_as_it_is_told_to() {
    let step = |implementation| {
        let ledger =
            ledger(|train| (train.optimizer, train.optimizer_implementation) = (Optimizer::Muon, implementation));
        let moments = ledger.moments().iter().filter(|moment| moment.instant == Instant::OptimizerStep);
        moments.map(|moment| moment.total.get()).max().unwrap()
    };
    let fused = step(OptimizerImplementation::Fused);
    assert!(step(OptimizerImplementation::Foreach) > fused);
}
