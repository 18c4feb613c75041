//! What is learned: the class that stands on top of the layers, the rows that are run, the reference beside them.

use brimful::memory::{
    Category, EstimateError, Instant, Ledger, Step, Suited, check, estimate, played, reserve, suit,
    trainable_parameters,
};
use brimful::preset::Library;
use brimful::scenario::{Loss, Method, Objective, Precision, Recompute, Reference, Scenario, Value};
use brimful::solve::{Fix, Subject, advice};

use crate::support::models::preset;

fn scenario(objective: Objective) -> Scenario {
    let mut scenario = Scenario::default();
    (scenario.train.objective, scenario.train.sequence_length) = (objective, 128);
    // TRL's trainers.
    if matches!(objective, Objective::Sft | Objective::Dpo | Objective::Kto | Objective::Grpo) {
        scenario.train.loss = Loss::Trl;
    }
    scenario.train.completion_length = 64;
    scenario
}

fn ledger(model: &str, scenario: &Scenario) -> Ledger {
    estimate(&preset(model), scenario, None).unwrap_or_else(|error| panic!("{model}: {error}"))
}

/// The key at fault.
fn refused(model: &str, scenario: &Scenario) -> &'static str {
    match check(&preset(model), scenario).unwrap_err() {
        EstimateError::NotCovered { key, .. } | EstimateError::Invalid { key, .. } => key,
        error @ (EstimateError::Overflow(_) | EstimateError::Cancelled) => panic!("{model}: {error}"),
    }
}

/// Bytes of a category at the end of the optimizer's step.
fn standing(ledger: &Ledger, category: Category) -> u64 {
    let at = |entry: &&brimful::memory::Entry| {
        entry.category == category && entry.alive.contains(Step::Steady, Instant::OptimizerStep)
    };
    ledger.entries().iter().filter(at).map(|entry| entry.bytes.get()).sum()
}

/// Transformers 5.23 on the meta device, with two labels: for sequences, for tokens, and the bare model.
#[test]
fn classes_have_their_own_parameters() {
    for (model, counts) in [
        ("bert-base-uncased", [109_483_778, 108_893_186, 109_482_240]),
        ("roberta-base", [124_647_170, 124_056_578, 124_645_632]),
        ("modernbert-base", [149_606_402, 149_606_402, 149_014_272]),
        ("llama-3.2-1b", [1_235_818_496, 1_235_818_498, 1_235_814_400]),
        ("qwen3-0.6b", [596_051_968, 596_051_970, 596_049_920]),
    ] {
        let objectives = [Objective::Classification, Objective::TokenClassification, Objective::Embedding];
        for (objective, count) in objectives.into_iter().zip(counts) {
            let scenario = scenario(objective);
            let found = trainable_parameters(&preset(model), &scenario).unwrap().get();
            assert_eq!(found, count, "{model}, {}", objective.word());
            assert_eq!(standing(&ledger(model, &scenario), Category::Parameters), 2 * count, "{model}");
        }
    }
}

#[test]
fn no_gradient_reaches_the_pooler_of_a_bare_model() {
    let ledger = ledger("bert-base-uncased", &scenario(Objective::Embedding));
    let pooler = ledger.entries().iter().filter(|entry| entry.name.contains("pooler.weight"));
    let categories: Vec<Category> = pooler.map(|entry| entry.category).collect();
    assert_eq!(categories, [Category::Parameters]);
}

/// Both passes keep what one keeps; the parameters are one model's.
#[test]
fn pairs_are_two_passes_of_one_model() {
    let saved = |ledger: &Ledger| {
        let in_layers = ledger.entries().iter().filter(|it| it.category == Category::Activations);
        let kept =
            in_layers.filter(|it| it.name.starts_with("mlp.") && it.alive.contains(Step::Steady, Instant::ForwardEnd));
        kept.map(|it| it.bytes.get()).sum::<u64>()
    };
    let one = ledger("llama-3.2-1b", &scenario(Objective::Lm));
    for recompute in [Recompute::None, Recompute::Full] {
        let mut pairs = scenario(Objective::Embedding);
        pairs.train.recompute = recompute;
        let two = ledger("llama-3.2-1b", &pairs);
        let times = if recompute == Recompute::None { 2 } else { 0 };
        assert_eq!(saved(&two), times * saved(&one));
        assert_eq!(standing(&two, Category::Gradients), 2 * 1_235_814_400);
    }
}

#[test]
fn a_reference_is_a_copy_without_states() {
    let (mut held, mut sft) = (scenario(Objective::Dpo), scenario(Objective::Sft));
    held.train.reference = Reference::Copy;
    sft.train.micro_batch_size = 2;
    let [one, other] = [&sft, &held].map(|scenario| ledger("llama-3.2-1b", scenario));
    assert_eq!(standing(&other, Category::Parameters), 2 * standing(&one, Category::Parameters));
    assert_eq!(standing(&other, Category::Optimizer), standing(&one, Category::Optimizer));
    assert!(other.entries().iter().any(|entry| entry.name == "reference.token embedding.weight"));
    held.train.reference = Reference::Precomputed;
    let without = ledger("llama-3.2-1b", &held);
    assert_eq!(standing(&without, Category::Parameters), standing(&one, Category::Parameters));
}

/// With fp32 weights the casts of the reference come on top of what the policy keeps.
#[test]
fn a_reference_runs_beside_the_policy() {
    let mut held = scenario(Objective::Kto);
    held.train.precision = Precision::Bf16Mixed;
    let peak = |scenario: &Scenario| reserve(&preset("llama-3.2-1b"), scenario, None).unwrap().unwrap().requested.get();
    held.train.reference = Reference::Copy;
    let copy = peak(&held);
    held.train.reference = Reference::Precomputed;
    let without = peak(&held);
    // A copy in fp32.
    assert!(copy > without + 4 * 1_235_814_400, "{copy} and {without}");
}

#[test]
fn adapters_have_a_copy_of_the_head_that_is_trained() {
    let mut adapted = scenario(Objective::Classification);
    adapted.train.method = Method::Lora;
    let trained = |scenario: &Scenario| trainable_parameters(&preset("llama-3.2-1b"), scenario).unwrap().get();
    let scored = trained(&adapted);
    adapted.train.objective = Objective::Embedding;
    assert_eq!(scored, trained(&adapted) + 2 * 2048);
}

/// What stands on top of an encoder reads one token of each sequence, and so do its adapters.
#[test]
fn adapters_of_what_reads_the_first_token_do_not_grow_with_the_sequence() {
    let mut adapted = scenario(Objective::Classification);
    adapted.train.method = Method::Lora;
    for targets in [["dense"], ["all-linear"]] {
        let of_transform = |sequence_length: u64| {
            let mut run = adapted.clone();
            run.train.lora_targets = targets.map(String::from).to_vec();
            run.train.sequence_length = sequence_length;
            let ledger = ledger("modernbert-base", &run);
            let named = ledger.entries().iter().filter(|entry| entry.name.contains("head transform.lora"));
            named.map(|entry| entry.bytes.get()).collect::<Vec<_>>()
        };
        let short = of_transform(64);
        assert!(short.len() > 4);
        assert_eq!(short, of_transform(512), "{targets:?}");
    }
}

#[test]
fn what_no_class_learns_is_refused() {
    for (model, objective) in [
        ("llama-3.2-1b", Objective::Mlm),
        ("bert-base-uncased", Objective::Reward),
        ("bert-base-uncased", Objective::Sft),
        ("gpt2", Objective::Classification),
        ("olmo-2-0425-1b", Objective::TokenClassification),
        ("t5-base", Objective::Classification),
    ] {
        assert_eq!(refused(model, &scenario(objective)), "train.objective", "{model}, {}", objective.word());
    }
    assert!(check(&preset("bert-base-uncased"), &scenario(Objective::Mlm)).is_ok());
}

#[test]
fn what_trl_does_not_do_is_refused() {
    let mut plain = scenario(Objective::Dpo);
    assert_eq!(refused("llama-3.2-1b", &plain), "train.reference");
    plain.train.reference = Reference::Adapter;
    assert_eq!(refused("llama-3.2-1b", &plain), "train.reference");
    plain.train.method = Method::Lora;
    assert!(check(&preset("llama-3.2-1b"), &plain).is_ok());
    plain.train.loss = Loss::Eager;
    assert_eq!(refused("llama-3.2-1b", &plain), "train.loss");
    let mut written = scenario(Objective::Grpo);
    assert!(check(&preset("llama-3.2-1b"), &written).is_ok());
    written.train.completion_length = 128;
    assert_eq!(refused("llama-3.2-1b", &written), "train.completion_length");
}

#[test]
fn a_policy_is_given_its_usual_reference() {
    for (method, usual) in [(Method::Full, Reference::Copy), (Method::Lora, Reference::Adapter)] {
        let mut plain = scenario(Objective::Dpo);
        plain.train.method = method;
        let done = suit(&preset("llama-3.2-1b"), &mut plain, |_| false);
        assert_eq!((plain.train.reference, done), (usual, vec![Suited::Reference(usual)]));
        let mut asked = scenario(Objective::Dpo);
        assert_eq!(suit(&preset("llama-3.2-1b"), &mut asked, |key| key == "train.reference"), []);
    }
}

#[test]
fn what_makes_it_fit_suits_what_is_learned() {
    let library = Library::embedded();
    let gpu = library.gpu("rtx-4090").unwrap();
    let all = |model, scenario: &Scenario| {
        let now = played(&preset(model), scenario, Some(gpu)).unwrap();
        let model = &preset(model);
        advice(Subject { model, scenario, gpu, is_cancelled: &|| false }, now, []).fixes
    };
    let mut held = scenario(Objective::Dpo);
    held.train.reference = Reference::Copy;
    let found = all("llama-3.1-8b", &held);
    for method in ["lora", "qlora"] {
        let adapters = [("train.method", method), ("train.reference", "adapter")];
        let adapters = adapters.map(|(key, word)| (key, Value::Word(word.to_owned())));
        assert!(found.iter().any(|fix| fix.changes == adapters), "{method}: {found:?}");
    }
    // Of a smaller batch each vector has fewer others to be told from.
    let mut pairs = scenario(Objective::Embedding);
    (pairs.train.micro_batch_size, pairs.train.sequence_length) = (128, 512);
    let smaller = |fix: &Fix| fix.changes.iter().any(|(key, _)| *key == "train.micro_batch_size");
    let found = all("qwen3-0.6b", &pairs);
    let costs: Vec<bool> = found.iter().filter(|fix| smaller(fix)).map(|fix| fix.cost.other_result).collect();
    assert!(!costs.is_empty() && costs.iter().all(|other_result| *other_result), "{costs:?}");
}
