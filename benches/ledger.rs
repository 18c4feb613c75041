//! Time of one ledger, which every key press computes, of an allocator played out beside it, and of the library, which
//! every start makes.

#![expect(clippy::unwrap_used, reason = "a bench stops where its subject is broken")]

use std::hint::black_box;

use brimful::memory::{Fit, estimate, reserve};
use brimful::preset::Library;
use brimful::scenario::{Precision, Recompute, Scenario, Task};
use brimful::solve::plan::{self, Range, Search};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

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

/// Every layout of a run with every micro batch and recomputation, as `brimful plan` looks at them, and one ledger of it.
fn plans(criterion: &mut Criterion) {
    let library = Library::embedded();
    let gpu = library.gpu("h100-sxm-80").unwrap();
    for (id, gpus) in [("llama-3.1-8b", 2048), ("deepseek-v3", 1024)] {
        let model = library.model(id).unwrap();
        let mut scenario = Scenario { gpus, framework: library.framework("megatron").unwrap(), ..Scenario::default() };
        scenario.follow_framework(|_| false);
        let range = Range::of(&scenario, |_| false);
        let searched = || {
            let mut search = Search::new(black_box(model), &scenario, (&range, 1));
            while search.looked_at().0 < search.looked_at().1 {
                search.go_on(model, gpu).unwrap();
            }
            search.plan().tried
        };
        let tried = searched();
        let mut group = criterion.benchmark_group(format!("{id} on {gpus} GPUs under megatron"));
        group.sample_size(10).throughput(Throughput::Elements(tried as u64));
        group.bench_function(format!("totals of {tried} candidates"), |bencher| bencher.iter(searched));
        let every = usize::max(tried / 1000, 1);
        let runs: Vec<Scenario> = plan::tried(model, &scenario, &range).into_iter().step_by(every).collect();
        group.throughput(Throughput::Elements(runs.len() as u64));
        group.bench_function(format!("ledgers of {} of them", runs.len()), |bencher| {
            bencher.iter(|| runs.iter().filter(|run| estimate(model, run, Some(gpu)).is_ok()).count());
        });
        group.finish();
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

criterion_group!(benches, ledgers, allocators, plans, presets);
criterion_main!(benches);
