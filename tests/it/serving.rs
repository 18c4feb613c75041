//! Serving: what each type of weights and of the cache takes, and what versions of Transformers do otherwise.
use brimful::memory::{self, Category, Entry, Instant, Ledger, Reserve, Step};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::parameter::{Kind, PARAMETERS};
use brimful::scenario::{Attention, Framework, Infer, Scenario, Task};

fn model(id: &str) -> Model {
    Library::embedded().model(id).unwrap().clone()
}

fn serving(change: impl Fn(&mut Infer)) -> Scenario {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    change(&mut scenario.infer);
    scenario
}

fn release(id: &str) -> Framework {
    Framework::of(Library::embedded().profiles().of(id).unwrap())
}

fn ledger(model: &Model, change: impl Fn(&mut Infer)) -> Ledger {
    let mut scenario = serving(change);
    memory::suit(model, &mut scenario, |key| key != "infer.attention");
    memory::estimate(model, &scenario, None).unwrap()
}

fn weights(model: &Model, word: &str) -> u64 {
    ledger(model, |infer| word.clone_into(&mut infer.weights)).largest(Category::Parameters).0.get()
}

fn sum<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    entries.map(|entry| entry.bytes.get()).sum()
}

fn covered(key: &str) -> &'static [&'static str] {
    let parameter = PARAMETERS.iter().find(|parameter| parameter.key == key).unwrap();
    let Kind::Choice { covered, .. } = parameter.kind else { return &[] };
    covered
}

#[test]
fn every_type_of_weights_has_a_ledger() {
    let llama = model("llama-3.1-8b");
    let sixteen = weights(&llama, "bf16");
    assert_eq!(sixteen, 2 * 8_030_261_248);
    assert_eq!((weights(&llama, "native"), weights(&llama, "fp16")), (sixteen, sixteen));
    assert_eq!(weights(&llama, "fp32"), 2 * sixteen);
    assert!(covered("infer.weights").len() > 50);
    // Transformers makes matrices of compressed-tensors dense before the first pass.
    let dense = ["w4a16", "w4a16-asym", "w8a8", "fp8-channel", "fp8-tensor", "nvfp4", "mxfp4-linear", "mxfp8"];
    for word in covered("infer.weights").iter().filter(|word| !["fp32", "mxfp4"].contains(word)) {
        let bytes = weights(&llama, word);
        let [least, most] = if dense.contains(word) { [sixteen, 2 * sixteen] } else { [sixteen / 9, sixteen] };
        assert!((least..=most).contains(&bytes), "{word} {bytes}");
    }
    let falling = [
        "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q4_k_m", "q4_k_s", "q3_k_l", "q3_k_m", "iq3_m", "iq3_s", "iq3_xs",
        "iq3_xxs", "q2_k", "iq2_m", "iq2_s", "iq2_xs", "iq2_xxs", "iq1_m", "iq1_s",
    ];
    assert!(falling.windows(2).all(|pair| weights(&llama, pair[0]) > weights(&llama, pair[1])));
}

/// Closed forms, with `n` elements in the layers' matrices and `r` parameters elsewhere.
#[test]
fn weights_outside_the_matrices_stay_in_16_bits() {
    let llama = model("llama-3.1-8b");
    let n = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336_u64);
    let rest = 2 * (8_030_261_248 - n);
    let inputs = 32 * 4 * (6 * 4096 + 14336);
    assert_eq!(weights(&llama, "awq-int4"), n / 2 + n / 64 + n / 256 + rest);
    assert_eq!(weights(&llama, "gptq-int4"), n / 2 + n / 64 + n / 256 + inputs + rest);
    assert_eq!(weights(&llama, "fp8"), n + 4 * n / (128 * 128) + rest);
    assert_eq!(weights(&llama, "nf4"), n / 2 + n / 16 + 32 * 7 * 64 + rest);
    let parts = ledger(&llama, |infer| "gptq-int4".clone_into(&mut infer.weights));
    for part in ["attention.query.weight", "attention.query.weight.scales", "mlp.down.weight.g_idx"] {
        assert!(parts.entries().iter().any(|entry| entry.name == part), "{part}");
    }
}

#[test]
fn experts_are_quantized_and_their_router_is_not() {
    let model = model("qwen3-30b-a3b");
    let fp8 = ledger(&model, |infer| "fp8".clone_into(&mut infer.weights));
    let bits = |name: &str| {
        let entry = fp8.entries().iter().find(|entry| entry.name == name).unwrap();
        (entry.bits.to_string(), entry.count)
    };
    assert_eq!(bits("router.weight"), (String::from("16"), 48));
    assert_eq!(bits("experts.down.weight"), (String::from("8"), 48 * 128));
    assert_eq!(bits("experts.gate and up.weight"), (String::from("8"), 48 * 256));
}

#[test]
fn what_is_not_known_is_refused() {
    let says = |id: &str, word: &str| {
        let scenario = serving(|infer| word.clone_into(&mut infer.weights));
        memory::estimate(&model(id), &scenario, None).unwrap_err().to_string()
    };
    assert!(says("llama-3.1-8b", "mxfp4").contains("published in it, which llama-3.1-8b was not"));
    assert!(says("gpt-oss-20b", "awq-int4").contains("stacked by input"), "{}", says("gpt-oss-20b", "awq-int4"));
    assert!(says("kimi-k3", "q4_k_m").contains("llama.cpp has no tensor for"), "{}", says("kimi-k3", "q4_k_m"));
    assert!(says("gpt-j-6b", "q8_0").contains("llama.cpp has no gptj"), "{}", says("gpt-j-6b", "q8_0"));
    assert!(says("falcon-7b", "mlx-4bit").contains("mlx-lm 0.32 has no class"), "{}", says("falcon-7b", "mlx-4bit"));
    assert!(says("smollm2-135m", "w4a16").contains("groups of 128 do not divide"), "{}", says("smollm2-135m", "w4a16"));
    assert!(says("kimi-k2-thinking", "native").contains("does not say in which type"));
}

/// The matrices of latent attention and of every expert in 8 bits, the embedding and the head in 16.
#[test]
fn a_model_published_in_fp8_is_served_in_it() {
    let deepseek = model("deepseek-v3");
    let native = weights(&deepseek, "native");
    assert_eq!(native, weights(&deepseek, "fp8"));
    let tables = 2 * deepseek.architecture.vocab_size * deepseek.architecture.hidden_size;
    assert!((671_026_404_352 + tables..671_026_404_352 + tables + 500_000_000).contains(&native), "{native}");
}

/// Experts in 4.25 bits, everything else in 16: 24 layers of 32 experts, each 3·2880² in matrices.
#[test]
fn gpt_oss_is_served_as_it_was_published() {
    let oss = model("gpt-oss-20b");
    let experts = 24 * 32 * 3 * 2880 * 2880_u64;
    let plain = weights(&oss, "bf16");
    assert_eq!(weights(&oss, "native"), plain - 2 * experts + experts / 32 * 17);
}

#[test]
fn a_cache_takes_the_bits_of_its_type() {
    let llama = model("llama-3.1-8b");
    let cache =
        |word: &str| ledger(&llama, |infer| word.clone_into(&mut infer.kv_cache)).largest(Category::KvCache).0.get();
    let sixteen = cache("bf16");
    assert_eq!(sixteen, 2 * 2 * 32 * 8 * 128 * 8192);
    assert_eq!((cache("fp32"), cache("fp16"), cache("fp8")), (2 * sixteen, sixteen, sixteen / 2));
    assert_eq!((cache("q8_0"), cache("q4_0")), (sixteen / 64 * 34, sixteen / 64 * 18));
    // Four bytes for each head and token, of keys and of values.
    assert_eq!(cache("int8"), sixteen / 2 + 8 * 32 * 8 * 8192);
}

/// Storage of Mistral's cache after a prompt longer than its window, and after one more token: `kv.json`.
#[test]
fn a_window_hides_what_still_takes_memory() {
    let mistral = model("mistral-7b-v0.1");
    let served = ledger(&mistral, |infer| {
        (infer.context_length, infer.prefill_tokens) = (6001, Some(6000));
    });
    let stored = |instant| {
        let cached = |entry: &&Entry| entry.category == Category::KvCache || entry.name.contains("left the window");
        sum(served.alive(Step::Steady, instant).filter(cached))
    };
    assert_eq!(served.largest(Category::KvCache).0.get(), 536_739_840);
    assert_eq!(stored(Instant::Prefill), 786_432_000);
    assert_eq!(stored(Instant::Decode), 536_870_912);
}

#[test]
fn transformers_4_38_rebuilds_its_cache_and_widens_all_logits() {
    let qwen = model("qwen2-7b");
    let of = |framework: Framework| {
        let scenario = serving(|infer| (infer.context_length, infer.prefill_tokens) = (8192, Some(6144)));
        memory::estimate(&qwen, &Scenario { framework, ..scenario }, None).unwrap()
    };
    let (now, then) = (of(Framework::default()), of(release("transformers-4.38")));
    let logits = |ledger: &Ledger| ledger.largest(Category::Logits).0.get();
    assert_eq!(logits(&then), 6 * 6144 * qwen.architecture.vocab_size);
    assert!(logits(&now) < logits(&then) / 1000);
    let named = |ledger: &Ledger, part: &str| ledger.entries().iter().any(|entry| entry.name.contains(part));
    for part in ["of the step before", "for every head", "rotary cosines and sines", "rest of the weights' blocks"] {
        assert!(named(&then, part) && !named(&now, part), "{part}");
    }
    assert!(then.entries().iter().any(|entry| entry.source.contains("4.38")));
    let llama = memory::estimate(
        &model("llama-3.1-8b"),
        &Scenario { framework: release("transformers-4.38"), ..serving(|_| ()) },
        None,
    );
    assert!(llama.unwrap_err().to_string().contains("for qwen2, qwen2_moe"));
}

#[test]
fn a_version_that_is_read_for_serving_does_not_train() {
    let scenario = Scenario { framework: release("transformers-4.38"), ..Scenario::default() };
    let error = memory::estimate(&model("qwen2-7b"), &scenario, None).unwrap_err().to_string();
    assert!(error.contains("framework = transformers-4.38 is not covered"), "{error}");
}

fn reserve(model: &Model, change: impl Fn(&mut Infer)) -> Reserve {
    memory::reserve(model, &serving(change), None).unwrap().unwrap()
}

#[test]
fn experts_are_copied_for_each_token_once_the_prompt_is_read() {
    let mixtral = model("mixtral-8x7b-v0.1");
    let of = |tokens: u64| {
        ledger(&mixtral, |infer| {
            (infer.concurrency, infer.context_length, infer.prefill_tokens) = (8, 512 + tokens, Some(8 * 512));
        })
    };
    let copied = |ledger: &Ledger| {
        let copies = |entry: &&Entry| entry.category == Category::Workspace && entry.name.starts_with("experts.");
        sum(ledger.alive(Step::Steady, Instant::Decode).filter(copies))
    };
    // Gate, up and down of two experts for each of eight tokens.
    let matrices = 2 * 3 * 4096 * 14336 * 2 * 8;
    assert!((matrices..matrices + (16 << 20)).contains(&copied(&of(16))), "{}", copied(&of(16)));
    // Nothing is generated after the first token: there is no step.
    assert_eq!(copied(&of(0)), 0);
}

#[test]
fn a_prompt_is_the_whole_context_unless_it_is_said() {
    let llama = model("llama-3.2-1b");
    let unsaid = reserve(&llama, |infer| infer.context_length = 4096);
    let said = reserve(&llama, |infer| (infer.context_length, infer.prefill_tokens) = (4096, Some(4095)));
    assert_eq!(unsaid, said);
    let short = reserve(&llama, |infer| (infer.context_length, infer.prefill_tokens) = (4096, Some(512)));
    assert!(short.reserved < said.reserved);
    // Scores of every head, in the type of the weights, in fp32 twice, and back.
    let eager = reserve(&llama, |infer| (infer.context_length, infer.attention) = (4096, Attention::Eager));
    assert!(eager.requested.get() > said.requested.get() + 8 * 32 * 4095 * 4095);
}

#[test]
fn chunks_ask_for_less_and_may_reserve_more() {
    let llama = model("llama-3.2-1b");
    let of = |chunk| reserve(&llama, |infer| (infer.context_length, infer.prefill_chunk_size) = (16385, chunk));
    let [whole, chunked] = [of(None), of(Some(512))];
    assert!(chunked.requested < whole.requested && chunked.reserved > whole.reserved, "{whole:?} {chunked:?}");
    assert_eq!(of(Some(1 << 20)), whole);
}

#[test]
fn drawing_tokens_holds_scores_and_probabilities() {
    let llama = model("llama-3.2-1b");
    let of = |samples| {
        let of_sampling = ledger(&llama, |infer| {
            (infer.concurrency, infer.context_length, infer.prefill_tokens) = (8, 300, Some(8 * 100));
            infer.do_sample = samples;
        });
        sum(of_sampling.alive(Step::Steady, Instant::Decode).filter(|entry| entry.category == Category::Logits))
    };
    let vectors = 2 * 4 * 8 * llama.architecture.vocab_size;
    assert!((vectors..2 * vectors).contains(&(of(true) - of(false))), "{} {}", of(true), of(false));
}

#[test]
fn what_is_not_played_out_says_its_slack() {
    let of = |id: &str, change: fn(&mut Infer)| {
        let scenario = serving(change);
        memory::reserve(&model(id), &scenario, None).unwrap()
    };
    assert!(
        of("llama-3.2-1b", |_| ()).is_some() && of("bert-base-uncased", |infer| infer.context_length = 512).is_some()
    );
    assert!(of("llama-3.2-1b", |infer| infer.weights = String::from("nf4")).is_some());
    assert_eq!(of("llama-3.2-1b", |infer| infer.kv_cache = String::from("fp16")), of("llama-3.2-1b", |_| ()));
    for (id, change) in [
        ("llama-3.2-1b", (|infer| infer.weights = String::from("gptq-int4")) as fn(&mut Infer)),
        ("llama-3.2-1b", |infer| infer.kv_cache = String::from("fp8")),
        ("falcon-h1-7b-instruct", |_| ()),
    ] {
        assert_eq!(of(id, change), None, "{id}");
        let slack = ledger(&model(id), change).entries().iter().any(|entry| entry.name.contains("allocator slack"));
        assert!(slack, "{id}");
    }
}

#[test]
fn falcon_cannot_be_in_4_bits() {
    let falcon = model("falcon-7b");
    let scenario = serving(|infer| infer.weights = String::from("nf4"));
    let error = memory::estimate(&falcon, &scenario, None).unwrap_err().to_string();
    assert!(error.starts_with("infer.weights: ") && error.contains("bf16"), "{error}");
}
