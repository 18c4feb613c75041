//! Time of one ledger, which every key press computes, of an allocator played out beside it, and of the library, which
//! every start makes.

#![expect(clippy::unwrap_used, reason = "a bench stops where its subject is broken")]

use std::hint::black_box;

use brimful::memory::{Fit, estimate, reserve};
use brimful::preset::Library;
use brimful::scenario::{Precision, Recompute, Scenario, Task};
use criterion::{Criterion, criterion_group, criterion_main};

fn ledgers(criterion: &mut Criterion) {
    let library = Library::embedded();
    let gpu = library.gpu("h100-sxm-80").unwrap();
    let plain = Scenario::default();
    let mut recomputed = Scenario::default();
    recomputed.train.recompute = Recompute::Full;
    let mut mixed = Scenario::default();
    mixed.train.precision = Precision::Bf16Mixed;
    let serving = Scenario { task: Task::Infer, ..Scenario::default() };
    for (name, id, scenario) in [
        ("llama-3.1-8b, train", "llama-3.1-8b", &plain),
        ("llama-3.1-8b, train, full recompute", "llama-3.1-8b", &recomputed),
        ("llama-3.1-405b, train, bf16-mixed", "llama-3.1-405b", &mixed),
        ("deepseek-v3, train", "deepseek-v3", &plain),
        ("qwen3-next-80b-a3b, train", "qwen3-next-80b-a3b-instruct", &plain),
        ("nemotron-3-ultra-550b, train", "nvidia-nemotron-3-ultra-550b-a55b-bf16", &plain),
        ("llama-3.1-8b, infer", "llama-3.1-8b", &serving),
    ] {
        let model = library.model(id).unwrap();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let ledger = estimate(black_box(model), black_box(scenario), Some(gpu)).unwrap();
                Fit::of(&ledger, gpu).unwrap()
            });
        });
    }
}

/// What the explorer computes beside the keys: three steps recorded and played out, and the least card.
fn allocators(criterion: &mut Criterion) {
    let library = Library::embedded();
    let gpu = library.gpu("h100-sxm-80").unwrap();
    let scenario = Scenario::default();
    for id in ["smollm2-135m", "llama-3.1-8b", "llama-3.1-405b", "deepseek-v3"] {
        let model = library.model(id).unwrap();
        criterion.bench_function(&format!("{id}, train, the allocator"), |bencher| {
            bencher.iter(|| reserve(black_box(model), black_box(&scenario), Some(gpu)).unwrap());
        });
    }
}

fn presets(criterion: &mut Criterion) {
    criterion.bench_function("the library, of which nothing is read", |bencher| bencher.iter(Library::embedded));
    criterion.bench_function("every embedded preset", |bencher| {
        bencher.iter(|| {
            let library = Library::embedded();
            (library.models().len(), library.gpus().len())
        });
    });
}

criterion_group!(benches, ledgers, allocators, presets);
criterion_main!(benches);
