//! torchtune: each phase of measured steps to the byte, and what is refused.

use crate::support::binary::Place;

#[test]
fn every_phase_of_a_steady_step_has_the_bytes_that_were_measured() {
    crate::support::steps::check("torchtune.json", "torchtune", 150);
}

#[test]
fn what_its_recipes_do_not_do_is_refused_with_a_word() {
    let place = Place::new();
    let refuse = |arguments: &[&str], word: &str| crate::support::steps::refuse(&place, "torchtune", arguments, word);
    let llama = "llama-3.2-1b";
    let lora = |targets: &'static str| ["llama-3.2-1b", "--set", "train.method=lora", "--set", targets];
    refuse(&[llama, "--precision", "fp32"], "covered: bf16");
    refuse(&[llama, "--optimizer", "lion"], "covered: adamw, adamw-8bit, paged-adamw-8bit");
    refuse(&[llama, "--recompute", "selective"], "covered: none, full");
    refuse(&[llama, "--recompute", "full", "--set", "train.recompute_layers=3"], "covered: all layers");
    refuse(&[llama, "--set", "train.loss=fused"], "covered: eager, chunked");
    refuse(&[llama, "--set", "train.attention=eager"], "covered: flash");
    refuse(&[llama, "--set", "train.keep_outputs=true"], "train.keep_outputs");
    refuse(&[llama, "--set", "train.method=qlora"], "covered: full, lora");
    refuse(&[llama, "--set", "train.compile=model"], "train.compile");
    refuse(&lora("train.adapter=ia3"), "train.adapter");
    refuse(&[llama, "--task", "infer"], "for serving");
    refuse(&lora("train.lora_targets=q,up"), "name gate, up, down");
    refuse(&lora("train.lora_targets=gate,up,down"), "at least one of q, k, v, o");
    refuse(&lora("train.lora_targets=q,head"), "no head of its own");
    refuse(&lora("train.lora_targets=q_proj"), "torchtune has no `q_proj`");
    refuse(&lora("train.dora=true"), "train.dora");
    refuse(&["gemma-2-2b", "--set", "train.padding=true"], "false for capped scores");
    refuse(&["llama-2-7b-hf", "--seq", "8192"], "use at most 4096");
    refuse(&["mixtral-8x7b-v0.1"], "torchtune for llama");
    refuse(&["qwen3-8b"], "torchtune for llama");
    refuse(&["mistral-nemo-instruct-2407"], "as wide as the stream");
}

#[test]
fn what_full_training_never_reads_is_no_reason_to_refuse() {
    let place = Place::new();
    for framework in ["torchtune", "litgpt"] {
        let run = ["estimate", "llama-3.2-1b", "--framework", framework, "--seq", "512", "--set", "train.adapter=ia3"];
        assert!(place.json(&run)["memory"]["parameters"].as_u64().unwrap() > 0, "{framework}");
    }
}

#[test]
fn a_packed_batch_brings_a_row_of_the_table_for_each_token() {
    let place = Place::new();
    let saved = |padding: &str| {
        let run = ["estimate", "llama-3.2-1b", "--framework", "torchtune", "--batch", "8", "--seq", "4096"];
        let arguments = [&run[..], &["--set", padding]].concat();
        place.json(&arguments)["memory"]["activations"].as_u64().unwrap()
    };
    // Twice in each layer, in fp32, for 32,768 tokens of 64 channels; beside them positions, while the fused kernel keeps a seed.
    let rows = 16 * 2 * 32_768 * 64 * 4;
    let grown = saved("train.padding=true") - saved("train.padding=false");
    assert!(grown.abs_diff(rows) < 1_000, "{grown}");
}

#[test]
fn releases_differ_in_their_norms() {
    let place = Place::new();
    let total = |framework| {
        let arguments = ["estimate", "llama-3.2-3b", "--framework", framework, "--seq", "4096"];
        place.json(&arguments)["memory"]["allocated"].as_u64().unwrap()
    };
    assert!(total("torchtune") > total("torchtune-0.4"));
}
