//! Options of training: what each does to memory, whatever the model.
use brimful::memory::{self, Category, Exactness, Instant, Ledger, Step};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::{BaseWeights, Loss, Method, Optimizer, Precision, Recompute, Scenario, Train};

fn model() -> Model {
    Library::embedded().model("llama-3.2-1b").unwrap().clone()
}

fn ledger(change: impl Fn(&mut Train)) -> Ledger {
    let mut scenario = Scenario::default();
    change(&mut scenario.train);
    memory::estimate(&model(), &scenario, None).unwrap()
}

fn category(ledger: &Ledger, instant: Instant, category: Category) -> u64 {
    ledger.alive(Step::Steady, instant).filter(|entry| entry.category == category).map(|entry| entry.bytes.get()).sum()
}

/// Logits-shaped bytes while the loss runs backward.
fn logits(ledger: &Ledger) -> u64 {
    category(ledger, Instant::LossBackward, Category::Logits)
}

#[test]
fn a_loss_in_chunks_holds_one_chunk_of_logits_and_a_fused_one_none() {
    let model = model();
    let all = 4096 * model.architecture.vocab_size;
    assert!(logits(&ledger(|_| ())) >= 12 * all);
    let chunked = |chunks| {
        let ledger = ledger(|train| (train.loss, train.loss_chunks) = (Loss::Chunked, chunks));
        logits(&ledger)
    };
    assert!((14 * all / 8..15 * all / 8).contains(&chunked(8)), "{}", chunked(8));
    assert!(chunked(16) < chunked(8));
    assert!(logits(&ledger(|train| train.loss = Loss::Fused)) < all / 100);
}

#[test]
fn fp16_takes_what_bf16_takes_and_a_scaler() {
    let mixed = |precision| {
        let ledger = ledger(|train| train.precision = precision);
        let exact = ledger.entries().iter().filter(|entry| entry.exactness == Exactness::Exact);
        exact.map(|entry| entry.bytes.get()).sum::<u64>()
    };
    assert_eq!(mixed(Precision::Fp16Mixed), mixed(Precision::Bf16Mixed));
}

#[test]
fn states_that_live_in_host_memory_leave_the_card() {
    let optimizer =
        |change: &dyn Fn(&mut Train)| category(&ledger(change), Instant::OptimizerStep, Category::Optimizer);
    assert_eq!(optimizer(&|train| train.offload_optimizer = true), 0);
    let whole = optimizer(&|train| train.optimizer = Optimizer::Adamw32bit);
    let eighth = optimizer(&|train| train.optimizer = Optimizer::Adamw8bit);
    let paged = optimizer(&|train| train.optimizer = Optimizer::PagedAdamw8bit);
    assert_eq!(whole, 8 * 1_235_814_400);
    // The Trainer keeps the embedding in 32 bits; the rest takes two bytes a parameter and 1/32 for scales.
    let embedding = 128_256 * 2048;
    let rest = 1_235_814_400 - embedding;
    assert!((2 * rest + 8 * embedding..2 * rest + rest / 16 + 8 * embedding).contains(&eighth), "{eighth}");
    assert!(paged < rest / 16, "{paged}");
}

#[test]
fn a_frozen_base_has_no_gradients_and_a_quantized_one_is_smaller() {
    let adapters = |method, base| {
        ledger(|train| {
            train.method = method;
            train.base_weights = base;
            train.recompute = Recompute::Full;
        })
    };
    let lora = adapters(Method::Lora, BaseWeights::Nf4);
    let trainable = {
        let mut scenario = Scenario::default();
        scenario.train.method = Method::Lora;
        memory::trainable_parameters(&model(), &scenario).unwrap().get()
    };
    assert_eq!(category(&lora, Instant::OptimizerStep, Category::Gradients), 4 * trainable);
    let parameters = |ledger: &Ledger| category(ledger, Instant::OptimizerStep, Category::Parameters);
    let [whole, eight, four, grouped] = [
        parameters(&lora),
        parameters(&adapters(Method::Qlora, BaseWeights::Int8)),
        parameters(&adapters(Method::Qlora, BaseWeights::Nf4)),
        parameters(&adapters(Method::Qlora, BaseWeights::GptqInt4)),
    ];
    // 16 layers of 60,817,408 in matrices.
    let matrices = 16 * 60_817_408;
    assert!((matrices - matrices / 100..matrices).contains(&(whole - eight)), "{}", whole - eight);
    assert!((matrices / 2 - matrices / 40..matrices / 2).contains(&(eight - four)), "{}", eight - four);
    // Scales and zeros of GPTQ take 20 bits for 128 weights, and each input has its group in 32.
    assert_eq!(whole - grouped, matrices + matrices / 2 - matrices * 20 / (8 * 128) - 16 * 4 * (6 * 2048 + 8192));
}
