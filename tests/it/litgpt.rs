//! LitGPT: each phase of measured steps to the byte, and what is refused.

use crate::support::binary::Place;

#[test]
fn every_phase_of_a_steady_step_has_the_bytes_that_were_measured() {
    crate::support::steps::check("litgpt.json", "litgpt", 70);
}

#[test]
fn what_its_scripts_do_not_do_is_refused_with_a_word() {
    let place = Place::new();
    let refuse = |arguments: &[&str], word: &str| crate::support::steps::refuse(&place, "litgpt", arguments, word);
    let llama = "llama-3.2-1b";
    refuse(&[llama, "--precision", "fp32"], "covered: bf16");
    refuse(&[llama, "--optimizer", "adamw-8bit"], "covered: adamw");
    refuse(&[llama, "--recompute", "full"], "covered: none");
    refuse(&[llama, "--task", "infer"], "for serving");
    refuse(&[llama, "--set", "train.method=qlora", "--set", "train.base_weights=int8"], "covered: nf4, fp4");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.lora_targets=q,up"], "name gate, up, down");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.lora_targets=q_proj"], "litgpt has no `q_proj`");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.dora=true"], "train.dora");
    refuse(&[llama, "--set", "train.compile=layers"], "train.compile");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.adapter=ia3"], "train.adapter");
    refuse(&["mixtral-8x7b-v0.1"], "LitGPT for llama");
    refuse(&["gpt2"], "LitGPT for llama");
    refuse(&[llama, "--seq", "4000000"], "at most 2097152");
}

#[test]
fn a_tied_head_is_a_matrix_of_its_own() {
    let place = Place::new();
    let parameters = |framework| {
        let arguments = ["estimate", "llama-3.2-1b", "--framework", framework, "--seq", "512"];
        place.json(&arguments)["memory"]["parameters"].as_u64().unwrap()
    };
    assert_eq!(parameters("litgpt") - parameters("transformers"), 2 * 128_256 * 2048);
}

#[test]
fn releases_differ_in_what_quantized_products_leave_behind() {
    let place = Place::new();
    let total = |framework, method| {
        let method = format!("train.method={method}");
        let arguments = ["estimate", "llama-2-7b-hf", "--framework", framework, "--seq", "4096", "--set", &method];
        place.json(&arguments)["memory"]["allocated"].as_u64().unwrap()
    };
    assert!(total("litgpt-0.4", "qlora") > total("litgpt", "qlora"));
    assert!(total("litgpt-0.4", "full") < total("litgpt", "full"));
}
