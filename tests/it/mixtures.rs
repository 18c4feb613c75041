//! The presets of families with experts that are served alone.

use brimful::memory::{Category, estimate};
use brimful::model::parameters;
use brimful::preset::Library;
use brimful::scenario::{Scenario, Task};

#[test]
fn their_weights_and_caches_are_exact_and_training_is_refused() {
    let library = Library::embedded();
    // Bytes of keys and values that a token has: layers · 2 · heads · channels · 2 bytes.
    for (id, per_token) in [
        ("deepseek-moe-16b-base", 28 * 2 * 16 * 128 * 2),
        ("ling-mini-2.0", 20 * 2 * 4 * 128 * 2),
        ("ling-flash-2.0", 32 * 2 * 4 * 128 * 2),
        ("ling-1t", 80 * 2 * 8 * 128 * 2),
        ("hy3", 80 * 2 * 8 * 128 * 2),
        ("ernie-4.5-21b-a3b-pt", 28 * 2 * 4 * 128 * 2),
        ("ernie-4.5-300b-a47b-base-pt", 54 * 2 * 8 * 128 * 2),
        ("phi-3.5-moe-instruct", 32 * 2 * 8 * 128 * 2),
    ] {
        let model = library.model(id).unwrap();
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        scenario.infer.context_length = 4096;
        let ledger = estimate(model, &scenario, None).unwrap();
        assert_eq!(ledger.largest(Category::KvCache).0.get(), 4096 * per_token, "{id}");
        let weights = ledger.largest(Category::Parameters).0.get();
        let count = parameters::count(&model.architecture).unwrap().get();
        // Correction biases in bf16 or fp32 beside them.
        assert!((2 * count..2 * count + 4 * 80 * 256).contains(&weights), "{id}: {weights} for {count}");
        scenario.task = Task::Train;
        assert!(estimate(model, &scenario, None).is_err(), "{id}");
    }
}
