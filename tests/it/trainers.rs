//! Runs as people make them with TRL and PEFT: the trainers' own defaults, what was asked for all the same, and what is said
//! of programs that build on them.

use serde_json::Value;

use crate::support::binary::Place;

/// Llama 3.1 8B with adapters at 8 × 1,024 tokens fits an RTX 4090 under TRL, whose head makes no logits; with the loss of
/// the Trainer it does not. Measured: 20.06 GiB of tensors.
#[test]
fn trls_head_is_why_a_run_fits() {
    let place = Place::new();
    let run = ["check", "llama-3.1-8b", "--gpu", "rtx-4090", "--batch", "8", "--seq", "1024"];
    let lora = ["--set", "train.method=lora", "--precision", "bf16-autocast", "--recompute", "full"];
    let checked = |framework: &str| place.run(&[&run[..], &lora, &["--framework", framework]].concat());
    let (under_trl, under_transformers) = (checked("trl"), checked("transformers"));
    assert_eq!((under_trl.code, under_transformers.code), (0, 1), "{}\n{}", under_trl.out, under_transformers.out);
    assert!(under_trl.out.contains("holds for TRL 1.16"), "{}", under_trl.out);
}

/// What a framework decides is taken over and said; what somebody asked for stays.
#[test]
fn a_frameworks_own_defaults_are_taken_over_and_said() {
    let place = Place::new();
    let train =
        |more: &[&str]| place.json(&[&["estimate", "qwen2.5-0.5b"], more].concat())["scenario"]["train"].clone();
    let trl = train(&["--framework", "trl"]);
    assert_eq!([&trl["precision"], &trl["recompute"], &trl["loss"]], ["bf16-mixed", "full", "trl"]);
    assert_eq!(trl["sequence_length"], 1024);
    let asked = train(&["--framework", "trl", "--recompute", "none", "--seq", "4096"]);
    assert_eq!([&asked["recompute"], &asked["loss"]], ["none", "trl"]);
    assert_eq!(asked["sequence_length"], 4096);
    let quantized = train(&["--framework", "trl", "--set", "train.method=qlora"]);
    assert_eq!(quantized["lora_dtype"], "bf16");
    let peft = train(&["--framework", "peft"]);
    assert_eq!([&peft["method"], &peft["precision"], &peft["recompute"]], ["lora", "bf16", "none"]);
    let prepared = train(&["--framework", "peft", "--set", "train.method=qlora"]);
    assert_eq!([&prepared["precision"], &prepared["recompute"]], ["fp32", "full"]);
    let said = place.run(&["check", "qwen2.5-0.5b", "--framework", "trl", "--gpu", "h100-sxm-80"]);
    let words = said.out.replace('\n', " ");
    assert!(
        words
            .contains("trl's own defaults: train.sequence_length=1024 train.precision=bf16-mixed train.recompute=full"),
        "{words}"
    );
}

/// A scenario file under a framework reads back equal, whatever differs from what the framework would have.
#[test]
fn a_file_says_what_its_framework_would_not_have() {
    let place = Place::new();
    place.write("run.toml", "model = \"qwen2.5-0.5b\"\nframework = \"trl\"\n[train]\nrecompute = \"none\"\n");
    let json = place.json(&["estimate", "run.toml"]);
    assert_eq!([&json["scenario"]["train"]["recompute"], &json["scenario"]["train"]["loss"]], ["none", "trl"]);
    assert_eq!(json["scenario"]["runtime"]["placement"], "device_map");
    place.write("unset.toml", "model = \"qwen2.5-0.5b\"\nframework = \"trl\"\n[runtime]\nplacement = \"unset\"\n");
    assert!(place.json(&["estimate", "unset.toml"])["scenario"]["runtime"]["placement"].is_null());
}

/// Completions leave most labels out: TRL scores only those.
#[test]
fn only_what_is_scored_is_computed() {
    let place = Place::new();
    let total = |more: &[&str]| {
        let run = ["estimate", "qwen2.5-0.5b", "--framework", "trl", "--batch", "8", "--set", "train.method=lora"];
        let found = place.run(&[&run[..], more, &["--format", "json"]].concat());
        assert_eq!(found.err, "", "nothing of it is idle");
        let json: Value = serde_json::from_str(&found.out).unwrap();
        let of_loss = |instant: &&Value| instant["id"] == "loss_backward" && instant["step"] == "steady";
        json["instants"].as_array().unwrap().iter().find(of_loss).unwrap()["total"].as_u64().unwrap()
    };
    let (all, some) = (total(&[]), total(&["--set", "train.scored_tokens=512"]));
    assert!(some < all, "{some} {all}");
    // More than there are is all there are.
    assert_eq!(total(&["--set", "train.scored_tokens=1000000"]), all);
}

/// A profile of one's own builds on another, and says what it has otherwise.
#[test]
fn a_profile_builds_on_another() {
    let place = Place::new();
    place.write(
        "own/frameworks/house.toml",
        "id = \"house\"\nbase = \"trl\"\n[train]\nmicro_batch_size = 4\n[train.lora]\nlora_rank = 64\n",
    );
    let train = |more: &[&str]| {
        let run = ["estimate", "qwen2.5-0.5b", "--presets", "own", "--framework", "house"];
        place.json(&[&run[..], more].concat())["scenario"]["train"].clone()
    };
    let full = train(&[]);
    assert_eq!([&full["loss"], &full["precision"]], ["trl", "bf16-mixed"]);
    assert_eq!([&full["micro_batch_size"], &full["lora_rank"]], [4, 16]);
    assert_eq!(train(&["--set", "train.method=lora"])["lora_rank"], 64);
}

/// Programs that build on what is described are no typing errors.
#[test]
fn programs_that_build_on_others_are_told_on_which() {
    let place = Place::new();
    for (name, builds_on) in
        [("unsloth", "TRL"), ("LLaMA-Factory", "Trainer"), ("axolotl", "Trainer"), ("nemo", "Megatron")]
    {
        let said = place.run(&["estimate", "qwen2.5-0.5b", "--framework", name]);
        assert_eq!(said.code, 2, "{}", said.out);
        assert!(said.err.contains(builds_on) && said.err.contains("--framework"), "{name}: {}", said.err);
    }
}
