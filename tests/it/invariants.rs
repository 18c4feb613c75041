//! What holds for every model and every run: more work never needs less, and the ledger sums to what is shown.

use brimful::memory::{Category, Ledger, Step, estimate};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::{Attention, Optimizer, OptimizerImplementation, Precision, Recompute, Scenario, Task};
use brimful::units::Bytes;
use proptest::prelude::*;

fn models() -> Vec<Model> {
    let ids =
        ["gpt2", "pythia-410m", "llama-3.2-1b", "qwen2.5-0.5b", "qwen3-8b", "gemma-2b", "phi-4", "olmo-2-1124-7b"];
    let library = Library::embedded();
    ids.iter().map(|id| library.model(id).unwrap().clone()).collect()
}

fn training() -> impl Strategy<Value = Scenario> {
    let words = (0..3_usize, 0..3_usize, 0..3_usize, any::<[bool; 6]>());
    (words, 1..9_u64, 1..1000_u64).prop_map(|((precision, optimizer, kernel, flags), batch, sequence)| {
        let mut scenario = Scenario::default();
        let train = &mut scenario.train;
        train.precision = [Precision::Bf16, Precision::Fp32, Precision::Bf16Mixed][precision];
        train.optimizer = [Optimizer::Adamw, Optimizer::Sgd, Optimizer::SgdMomentum][optimizer];
        train.optimizer_implementation =
            [OptimizerImplementation::Fused, OptimizerImplementation::Foreach, OptimizerImplementation::Loop][kernel];
        (train.micro_batch_size, train.sequence_length) = (batch, sequence);
        train.attention = if flags[0] { Attention::Eager } else { Attention::Flash };
        train.recompute = if flags[1] { Recompute::Full } else { Recompute::None };
        (train.padding, train.keep_outputs, train.keep_gradients) = (flags[2], flags[3], flags[4]);
        train.gradient_accumulation_steps = 1 + u64::from(flags[5]);
        scenario
    })
}

fn serving() -> impl Strategy<Value = Scenario> {
    (1..65_u64, 1..1000_u64, 1..5000_u64).prop_map(|(concurrency, context, prefill)| {
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        scenario.infer.concurrency = concurrency;
        scenario.infer.context_length = context;
        scenario.infer.prefill_tokens = Some(prefill);
        scenario
    })
}

fn ledger(model: &Model, scenario: &Scenario) -> Ledger {
    estimate(model, scenario, None).unwrap()
}

fn sums_hold(ledger: &Ledger) {
    for moment in ledger.moments() {
        let mut sum = Bytes::ZERO;
        for category in Category::ALL {
            let entries = ledger.alive(moment.step, moment.instant).filter(|entry| entry.category == category);
            let of_category = Bytes::checked_sum(entries.map(|entry| entry.bytes)).unwrap();
            assert_eq!(of_category, moment.by_category.get(category), "{} {}", moment.instant.id(), category.id());
            sum = sum.checked_add(of_category).unwrap();
        }
        assert_eq!(sum, moment.total);
        assert!(moment.step == Step::First || moment.total <= ledger.total());
    }
    let (low, high) = ledger.band();
    assert!(low <= ledger.total() && ledger.total() <= high);
    for entry in ledger.entries() {
        let each = entry.bits.bytes(entry.shape.elements().unwrap()).unwrap();
        if !entry.shape.dims().is_empty() {
            assert_eq!(each.checked_mul(entry.count).unwrap(), entry.bytes, "{} {}", entry.name, entry.place);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_sums_to_the_bars(scenario in prop_oneof![training(), serving()], index in 0..8_usize) {
        sums_hold(&ledger(&models()[index], &scenario));
    }

    #[test]
    fn more_tokens_never_need_less(scenario in training(), index in 0..8_usize, more in 1..50_u64) {
        let model = &models()[index];
        let before = ledger(model, &scenario).total();
        let mut longer = scenario.clone();
        longer.train.sequence_length = (scenario.train.sequence_length + more).min(1024);
        prop_assert!(ledger(model, &longer).total() >= before);
        let mut wider = scenario.clone();
        wider.train.micro_batch_size += more;
        prop_assert!(ledger(model, &wider).total() >= before);
    }

    #[test]
    fn more_precision_never_needs_less(scenario in training(), index in 0..8_usize) {
        let model = &models()[index];
        let [half, full] = [Precision::Bf16, Precision::Fp32].map(|precision| {
            let mut scenario = scenario.clone();
            scenario.train.precision = precision;
            ledger(model, &scenario).total()
        });
        prop_assert!(half <= full);
    }

    #[test]
    fn more_requests_never_need_less(scenario in serving(), index in 0..8_usize, more in 1..50_u64) {
        let model = &models()[index];
        let before = ledger(model, &scenario).total();
        let mut longer = scenario.clone();
        longer.infer.context_length = (scenario.infer.context_length + more).min(1024);
        prop_assert!(ledger(model, &longer).total() >= before);
        let mut wider = scenario.clone();
        wider.infer.concurrency += more;
        wider.infer.prefill_tokens = Some(scenario.infer.prompt() * wider.infer.concurrency);
        prop_assert!(ledger(model, &wider).total() >= before);
    }

    #[test]
    fn recomputation_keeps_less(scenario in training(), index in 0..8_usize) {
        let model = &models()[index];
        let [none, full] = [Recompute::None, Recompute::Full].map(|recompute| {
            let mut scenario = scenario.clone();
            scenario.train.recompute = recompute;
            ledger(model, &scenario).moments().iter().map(|moment| moment.by_category.get(Category::Activations)).max()
        });
        prop_assert!(full <= none);
    }

    #[test]
    fn absurd_values_are_errors_or_numbers(batch in 1..=1_u64 << 32, sequence in 1..=1_u64 << 32, index in 0..8_usize) {
        let mut scenario = Scenario::default();
        (scenario.train.micro_batch_size, scenario.train.sequence_length) = (batch, sequence);
        if let Ok(ledger) = estimate(&models()[index], &scenario, None) {
            prop_assert!(ledger.total() > Bytes::ZERO);
        }
        let mut serving = Scenario { task: Task::Infer, ..Scenario::default() };
        (serving.infer.concurrency, serving.infer.context_length) = (batch, sequence);
        let _ = estimate(&models()[index], &serving, None);
    }
}
