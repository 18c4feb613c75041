//! Serving engines: what each keeps of the same model, what a card holds, and laws that every run obeys.

use brimful::memory::{self, Category, Fit, Ledger};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::parameter::Parameter;
use brimful::scenario::{Framework, Infer, Scenario, Task, Value};
use brimful::solve::{By, Points, largest};

use crate::support::binary::Place;

const ENGINES: [&str; 6] = ["vllm", "sglang", "llama.cpp", "llama-cpp-python", "ollama", "mlx"];

fn model(id: &str) -> Model {
    Library::embedded().model(id).unwrap().clone()
}

/// A run of an engine with its own defaults, but for what is changed.
fn run(engine: &str, change: impl Fn(&mut Scenario)) -> Scenario {
    let framework = Framework::of(Library::embedded().profiles().of(engine).unwrap());
    let mut scenario = Scenario { task: Task::Infer, framework, ..Scenario::default() };
    scenario.follow_framework(|_| false);
    scenario.infer.weights = String::from("bf16");
    change(&mut scenario);
    scenario
}

fn ledger(id: &str, engine: &str, change: impl Fn(&mut Infer)) -> Ledger {
    let scenario = run(engine, |scenario| change(&mut scenario.infer));
    memory::estimate(&model(id), &scenario, Library::embedded().gpu("h100-sxm-80").ok()).unwrap()
}

fn on_host(ledger: &Ledger, category: Category) -> u64 {
    ledger.host().iter().filter(|entry| entry.category == category).map(|entry| entry.bytes.get()).sum()
}

/// Ten full and fifty-two windowed layers at 32,768 tokens: what the engines' own code keeps of them.
#[test]
fn the_same_model_is_kept_otherwise_by_each_engine() {
    let cache = |engine: &str| {
        let ledger = ledger("gemma-3-27b-it", engine, |infer| {
            infer.context_length = 32_768;
            infer.prefill_tokens = Some(if engine == "vllm" { 16_384 } else { 512 });
        });
        ledger.largest(Category::KvCache).0.get()
    };
    let token = 16 * 128 * 2 * 2;
    // Cells of a window are its tokens and a batch.
    assert_eq!(cache("llama.cpp"), token * (10 * 32_768 + 52 * 1536));
    assert_eq!(cache("llama-cpp-python"), token * 62 * 32_768);
    // Six groups of ten windowed layers, two of them padded, reserve two batches beside the window; one block is nobody's.
    let blocks = 2048 + 6 * 2049;
    assert_eq!(cache("vllm"), token * 10 * 16 * (blocks + 1));
}

/// `llama_model_quantize` counts a table once; with the output on the card it is there as a head too.
#[test]
fn layers_on_the_card_and_on_the_host_are_the_model() {
    for id in ["llama-3.2-1b", "llama-3.1-8b", "qwen3-30b-a3b", "gemma-3-27b-it"] {
        let of = model(id);
        let layers = of.architecture.num_hidden_layers();
        let both = |gpu_layers, cpu_moe_layers| {
            let ledger = ledger(id, "llama.cpp", |infer| {
                (infer.gpu_layers, infer.cpu_moe_layers) = (gpu_layers, cpu_moe_layers);
            });
            let card = ledger.largest(Category::Parameters).0.get();
            let caches = ledger.largest(Category::KvCache).0.get() + on_host(&ledger, Category::KvCache);
            (card, on_host(&ledger, Category::Parameters), caches)
        };
        let (none, all, caches) = both(0, 0);
        assert_eq!(none, 0, "{id}: nothing on the card");
        let tied = of.architecture.tie_word_embeddings;
        let table = if tied { 2 * of.architecture.vocab_size * of.architecture.hidden_size } else { 0 };
        let mut before = 0;
        for gpu_layers in [1, 2, layers / 2, layers, layers + 1, 999] {
            let (card, host, kept) = both(gpu_layers, 0);
            assert_eq!(card + host, all + table, "{id} -ngl {gpu_layers}");
            assert_eq!(kept, caches, "{id} -ngl {gpu_layers}");
            assert!(card >= before, "{id} -ngl {gpu_layers}");
            before = card;
        }
        let (card, host, _) = both(999, 2);
        assert_eq!(card + host, all + table);
        assert_eq!(card < before, id == "qwen3-30b-a3b", "{id}: experts of two layers");
    }
}

#[test]
fn a_pool_is_what_the_share_leaves() {
    let library = Library::embedded();
    let gpu = library.gpu("h100-sxm-80").unwrap();
    for engine in ["vllm", "sglang"] {
        let scenario = run(engine, |_| {});
        let found = memory::estimate(&model("llama-3.1-8b"), &scenario, Some(gpu)).unwrap();
        let pool = *found.pool().unwrap();
        // What fits in the pool fits on the card, and one request more does not.
        let most = pool.concurrency / 1_000_000;
        let fits = |concurrency| {
            let scenario = run(engine, |scenario| scenario.infer.concurrency = concurrency);
            memory::fits(&model("llama-3.1-8b"), &scenario, gpu).unwrap()
        };
        assert!(fits(most - 1) && !fits(most + 1), "{engine}: {most}");
        assert!(pool.tokens / 8192 >= most);
        let half = run(engine, |scenario| scenario.infer.gpu_memory_utilization = Some(0.5));
        let half = memory::estimate(&model("llama-3.1-8b"), &half, Some(gpu)).unwrap();
        assert!(half.pool().unwrap().bytes < pool.bytes);
    }
}

/// Every preset under every engine: refused by `check` where it has no ledger, more memory for more, and the largest that
/// fits is found, as far as one can try.
#[test]
fn more_takes_more_and_the_largest_is_found() {
    let library = Library::embedded();
    let gpu = library.gpu("rtx-4090").unwrap();
    let mut served = 0;
    for model in library.models() {
        for engine in ENGINES {
            let needs = |key: &str, value: u64| {
                let mut scenario = run(engine, |_| {});
                Parameter::by_key(key).unwrap().set(&mut scenario, Value::Count(value)).unwrap();
                memory::suit(model, &mut scenario, |_| false);
                let found = memory::estimate(model, &scenario, Some(gpu));
                assert_eq!(
                    memory::check(model, &scenario).is_ok(),
                    found.is_ok(),
                    "{} {engine} {key}={value}",
                    model.id
                );
                Some(Fit::of(&found.ok()?, gpu).unwrap().needs)
            };
            for key in ["infer.concurrency", "infer.context_length"] {
                let all = [1, 2, 3, 255, 256, 257, 1000, 4096].map(|value| needs(key, value));
                let all: Vec<_> = all.into_iter().flatten().collect();
                assert!(all.is_sorted(), "{} {engine} {key}: {all:?}", model.id);
                served += usize::from(!all.is_empty());
            }
        }
    }
    assert!(served > 1500, "{served}");
}

/// On a card on which some models hold hundreds of requests and others none, every number of them tried one by one.
#[test]
fn the_largest_is_what_trying_each_finds() {
    const TRIED: u64 = 48;
    let library = Library::embedded();
    let gpu = library.gpu("rtx-4090").unwrap();
    let key = Parameter::by_key("infer.concurrency").unwrap();
    let (mut some, mut none) = (0, 0);
    for model in library.models() {
        for (engine, weights) in [("transformers", "gptq-int4"), ("vllm", "bf16"), ("llama.cpp", "q4_k_m")] {
            let mut scenario = run(engine, |scenario| scenario.infer.context_length = 4096);
            scenario.infer.weights = String::from(weights);
            memory::suit(model, &mut scenario, |key| key == "infer.context_length");
            let points = Points::of(model, &scenario, Some(gpu), key, By::Tensors).unwrap();
            let Ok(found) = largest(&points) else { continue };
            let fits = |value| {
                let mut tried = scenario.clone();
                key.set(&mut tried, Value::Count(value)).unwrap();
                let ledger = memory::estimate(model, &tried, Some(gpu));
                ledger.is_ok_and(|ledger| Fit::of(&ledger, gpu).unwrap().fits())
            };
            let tried = (1..=TRIED).rev().find(|value| fits(*value));
            assert_eq!(found.value.map(|value| value.min(TRIED)), tried, "{} {weights} {engine}", model.id);
            (some, none) = (some + u64::from(tried.is_some()), none + u64::from(tried.is_none()));
        }
    }
    assert!(some > 200 && none > 100, "{some} {none}");
}

#[test]
fn an_engine_serves_without_being_told_and_says_what_it_holds() {
    let place = Place::new();
    let run = ["check", "llama-3.1-8b", "--framework", "vllm", "--gpu", "h100-sxm-80", "--gpus", "4", "--tp", "2"];
    let text = place.run(&run).out;
    assert!(text.starts_with("Llama 3.1 8B · infer · vllm"), "{text}");
    assert!(text.contains("2 replicas of 2 GPUs each") && text.contains("\npool of "), "{text}");
    let json = place.json(&run);
    let (serving, pool) = (&json["serving"], &json["serving"]["pool"]);
    assert_eq!((serving["replicas"].as_u64(), serving["gpus_per_replica"].as_u64()), (Some(2), Some(2)));
    let number = |key: &str| pool[key].as_u64().unwrap();
    // Half of the heads of 32 layers are on each of two cards.
    let block = 16 * 32 * 4 * 128 * 2 * 2;
    assert_eq!(number("num_blocks"), number("bytes") / block);
    assert_eq!(number("tokens"), number("num_blocks") * 16);
    assert!(json["memory"]["reserved"].as_u64() > json["memory"]["total"].as_u64());
    let training = place.run(&["check", "llama-3.1-8b", "--framework", "vllm", "--task", "train"]);
    assert!(training.err.contains("vllm is described for serving alone"), "{}", training.err);
}

/// A ledger without any runtime of its own: under Metal, and where nothing is taken outside.
#[test]
fn a_share_and_a_context_are_those_of_the_card_that_a_run_is_held_against() {
    let library = Library::embedded();
    let [card, mac] = ["h100-sxm-80", "apple-m4-pro-48"].map(|id| library.gpu(id).unwrap());
    let model = model("llama-3.1-8b");
    for engine in ["sglang", "llama.cpp"] {
        for context in [None, Some(0)] {
            let scenario = run(engine, |scenario| scenario.runtime.context_mib = context);
            let on = |gpu| memory::estimate(&model, &scenario, Some(gpu)).unwrap();
            let [there, here] = [mac, card].map(|gpu| Fit::of(&on(gpu), card).unwrap());
            assert_eq!(there, here, "{engine} {context:?}");
            assert_eq!(here.needs > on(card).total(), engine == "sglang", "{engine} {context:?}: its share");
        }
    }
}

/// Four of 32 layers stay in 16 bits: 4,096 bytes a token and not 1,072.
#[test]
fn turboquant_leaves_the_ends_as_they_are() {
    let cache = |id: &str, word: &str| {
        let ledger = ledger(id, "vllm", |infer| word.clone_into(&mut infer.kv_cache));
        ledger.largest(Category::KvCache).0.get()
    };
    // 512 blocks of a request, and the one that is nobody's.
    assert_eq!(cache("llama-3.1-8b", "turboquant_4bit_nc"), 513 * 16 * (28 * 1072 + 4 * 4096));
    assert_eq!(cache("llama-3.1-8b", "bf16"), 513 * 16 * 32 * 4096);
}
