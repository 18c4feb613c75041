//! Runs on many GPUs: what every one has of the whole, what is refused, and what is planned.

use crate::support::binary::Place;
use brimful::memory::{Axis, Category, Entry, Ledger, check, estimate, suit};
use brimful::model::{Architecture, parameters};
use brimful::preset::Library;
use brimful::scenario::{Method, Precision, Recompute, Scenario, Strategy};
use proptest::prelude::*;

const MODELS: [&str; 5] = ["llama-3.2-1b", "qwen3-0.6b", "gemma-2-2b", "smollm2-135m", "olmoe-1b-7b-0924"];

fn on(gpus: u64, (strategy, zero): (Strategy, u64), set: impl Fn(&mut Scenario)) -> Scenario {
    let framework = Library::embedded().framework("transformers").unwrap();
    let mut scenario = Scenario { gpus, framework, ..Scenario::default() };
    (scenario.parallel.strategy, scenario.parallel.zero) = (strategy, zero);
    scenario.train.sequence_length = 256;
    set(&mut scenario);
    scenario
}

/// Bytes of a category that stand from step to step, over all GPUs: what is whole on each counts once.
fn over_all(ledger: &Ledger, category: Category) -> u64 {
    let of = |entry: &&Entry| entry.category == category && entry.alive.in_step(brimful::memory::Step::Steady);
    ledger.entries().iter().filter(of).map(|entry| entry.bytes.get() * entry.divided.ways()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The shards of weights and of states over all GPUs are the whole, but for the rows that pad them.
    #[test]
    fn shards_sum_to_the_whole(
        model in 0..MODELS.len(), power in 1..6_u32, which in 0..5_usize, lora in any::<bool>(), mixed in any::<bool>(),
    ) {
        let library = Library::embedded();
        let model = library.model(MODELS[model]).unwrap();
        let how = [
            (Strategy::Ddp, 0), (Strategy::Fsdp2, 3), (Strategy::Fsdp1, 3), (Strategy::Deepspeed, 2), (Strategy::Deepspeed, 3),
        ][which];
        let scenario = on(1 << power, how, |it| {
            it.train.method = if lora { Method::Lora } else { Method::Full };
            it.train.precision = if mixed { Precision::Bf16Mixed } else { Precision::Bf16 };
            suit(model, it, |_| false);
        });
        let ledger = estimate(model, &scenario, None).unwrap();
        let whole = parameters::count(&model.architecture).unwrap().get();
        let of_each = if mixed && how.0 != Strategy::Deepspeed { 4 } else { 2 };
        let weights = over_all(&ledger, Category::Parameters);
        let adapters = if lora { whole / 5 } else { 0 };
        prop_assert!(weights >= whole * of_each, "{} of {}", weights, whole * of_each);
        // Tensors that ZeRO-3 keeps whole stand beside their shards.
        let most = (whole + adapters) * of_each.max(if lora { 4 } else { 0 }) * 11 / 10 + (64 << 20);
        prop_assert!(weights <= most, "{} of at most {}", weights, most);
    }

    /// More GPUs never need more of each, where states are divided among them.
    #[test]
    fn more_gpus_hold_less(model in 0..MODELS.len(), power in 1..5_u32, which in 0..3_usize, full in any::<bool>()) {
        let library = Library::embedded();
        let model = library.model(MODELS[model]).unwrap();
        let how = [(Strategy::Fsdp2, 3), (Strategy::Fsdp1, 3), (Strategy::Deepspeed, 2)][which];
        let total = |gpus| {
            let scenario = on(gpus, how, |it| {
                it.train.recompute = if full { Recompute::Full } else { Recompute::None };
                suit(model, it, |_| false);
            });
            estimate(model, &scenario, None).unwrap().allocated()
        };
        let (few, many) = (total(1 << power), total(2 << power));
        // Rows that pad experts over more GPUs than there are of them.
        prop_assert!(many.get() <= few.get() + few.get() / 10, "{many:?} after {few:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What GPUs divide by tensor parallelism is the whole over all of them, beside norms that each has; every entry says
    /// of which whole it is a part, by a formula that gives its bytes.
    #[test]
    fn parts_of_divided_matrices_sum_to_the_whole(
        model in 0..3_usize, power in 1..4_u32, replicas in 0..2_u32, sequence in any::<bool>(), loss in any::<bool>(),
    ) {
        let library = Library::embedded();
        let model = library.model(["llama-3.2-1b", "llama-3.1-8b", "qwen3-8b"][model]).unwrap();
        let tensor = 1 << power;
        let scenario = on(tensor << replicas, (Strategy::Fsdp2, 3), |it| {
            it.parallel.tensor = tensor;
            (it.parallel.sequence, it.parallel.loss_parallel) = (sequence, loss);
            it.train.precision = Precision::Bf16;
        });
        let ledger = estimate(model, &scenario, None).unwrap();
        let untied = Architecture { tie_word_embeddings: false, ..model.architecture.clone() };
        let whole = 2 * parameters::count(&untied).unwrap().get();
        let weights = over_all(&ledger, Category::Parameters);
        prop_assert!(weights.abs_diff(whole) <= whole / 1000, "{} of {}", weights, whole);
        for entry in ledger.entries().iter().filter(|entry| entry.divided.axes().any(|(axis, _)| axis == Axis::Tensor)) {
            let product = entry.shape.elements().unwrap() * entry.count * entry.bits.bytes(1).unwrap().get();
            let ways = entry.divided.ways();
            prop_assert!(entry.bytes.get() >= product / ways, "{}: {}", entry.name, entry.formula_in_numbers());
            prop_assert!(entry.bytes.get() <= product / ways * 101 / 100 + 4096, "{}", entry.formula_in_numbers());
        }
    }
}

#[test]
fn one_gpu_is_no_layout() {
    let library = Library::embedded();
    let model = library.model("llama-3.2-1b").unwrap();
    let plain = on(1, (Strategy::Ddp, 0), |_| ());
    let ledger = estimate(model, &plain, None).unwrap();
    assert!(ledger.entries().iter().all(|entry| entry.divided.ways() == 1));
    assert!(ledger.stages().is_empty());
}

#[test]
fn what_is_not_known_of_many_gpus_is_refused_by_name() {
    let library = Library::embedded();
    let refused = |model: &str, set: &dyn Fn(&mut Scenario)| {
        let scenario = on(8, (Strategy::Fsdp2, 3), set);
        check(library.model(model).unwrap(), &scenario).unwrap_err().to_string()
    };
    let said = refused("llama-3.2-1b", &|it| {
        it.train.method = Method::Qlora;
        (it.parallel.strategy, it.parallel.zero) = (Strategy::Deepspeed, 3);
    });
    assert!(said.starts_with("train.method = qlora") && said.contains("on several GPUs"), "{said}");
    let said = refused("gemma-3-4b-it", &|_| ());
    assert!(said.starts_with("gpus = 8"), "{said}");
    let said = refused("qwen3-30b-a3b", &|it| it.parallel.tensor = 2);
    assert!(said.starts_with("parallel.tensor = 2") && said.contains("qwen3_moe"), "{said}");
    let said = refused("llama-3.2-1b", &|it| {
        (it.parallel.tensor, it.parallel.strategy, it.parallel.zero) = (2, Strategy::Ddp, 0);
    });
    assert!(said.starts_with("parallel.strategy = ddp") && said.contains("fsdp2"), "{said}");
    let said = refused("smollm2-135m", &|it| it.parallel.tensor = 2);
    assert!(said.contains("9 attention heads") && said.contains('3'), "{said}");
    let said = refused("llama-3.2-1b", &|it| it.parallel.shard_size = Some(3));
    assert!(said.contains("2 and 4"), "{said}");
}

#[test]
fn a_stage_alone_finds_its_strategy() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let base = ["estimate", "llama-3.2-1b", "--gpus", "8", "--seq", "512", "--ledger"];
        place.json(&[&base[..], arguments].concat())
    };
    let of = |json: &serde_json::Value| {
        let parallel = &json["scenario"]["parallel"];
        (parallel["strategy"].as_str().unwrap().to_owned(), parallel["zero"].as_u64().unwrap())
    };
    assert_eq!(of(&run(&[])), (String::from("ddp"), 0));
    assert_eq!(of(&run(&["--zero", "2"])), (String::from("deepspeed"), 2));
    let fsdp = run(&["--zero", "3"]);
    assert_eq!(of(&fsdp), (String::from("fsdp2"), 3));
    assert_eq!(of(&run(&["--set", "parallel.strategy=deepspeed"])), (String::from("deepspeed"), 2));
    let entries = fsdp["ledger"].as_array().unwrap();
    let weights = entries.iter().find(|entry| entry["category"] == "parameters").unwrap();
    assert_eq!((weights["divided_by"].as_u64(), weights["divided_over"]["data"].as_u64()), (Some(8), Some(8)));
}

#[test]
fn a_plan_exits_by_whether_something_fits() {
    let place = Place::new();
    let json = place.json(&["plan", "llama-3.1-8b", "--gpu", "h100-sxm-80", "--gpus", "8", "--most", "2"]);
    let layouts = json["layouts"].as_array().unwrap();
    assert_eq!(layouts.len(), 2);
    assert!(json["tried"].as_u64().unwrap() > json["over"].as_u64().unwrap());
    for layout in layouts {
        assert!(layout["headroom"].as_i64().unwrap() >= 0);
        assert!(layout["launch"].as_str().unwrap().starts_with("accelerate launch --num_processes 8"));
        // What it says is what `check` says of it.
        let text = |key: &str| layout["parallel"][key].to_string();
        let sets = [
            format!("parallel.strategy={}", layout["parallel"]["strategy"].as_str().unwrap()),
            format!("parallel.zero={}", text("zero")),
            format!("train.recompute={}", layout["recompute"].as_str().unwrap()),
            format!("train.micro_batch_size={}", layout["micro_batch_size"]),
        ];
        let base = ["check", "llama-3.1-8b", "--gpu", "h100-sxm-80", "--gpus", "8"];
        let flags: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        assert_eq!(place.json(&[&base[..], &flags].concat())["fit"]["needs"], layout["needs"]);
    }
    let none = place.run(&["plan", "llama-3.1-405b", "--gpu", "rtx-4090", "--gpus", "2"]);
    assert_eq!(none.code, 1, "{}", none.err);
    assert!(none.out.contains("none fits") && none.out.contains("the least: "), "{}", none.out);
    assert_eq!(place.run(&["plan", "llama-3.1-8b", "--gpus", "2"]).code, 2);
}

#[test]
fn the_fewest_cards_are_found() {
    let place = Place::new();
    let json = place.json(&["min", "gpus", "llama-3.1-70b", "--gpu", "h100-sxm-80", "--recompute", "full"]);
    let gpus = json["gpus"].as_u64().unwrap();
    assert!(gpus > 1 && json["fewer"]["gpus"].as_u64().unwrap() < gpus, "{json}");
    let none = place.run(&["min", "gpus", "llama-3.1-405b", "--gpu", "rtx-4090"]);
    assert_eq!(none.code, 1, "{}", none.err);
}
