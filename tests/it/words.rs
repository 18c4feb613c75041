//! Words and configurations of other tools on the command line and in files.

use crate::support::binary::Place;

const MODEL: &str = "llama-3.2-1b";

#[test]
fn spellings_and_words_of_others_are_the_same_run() {
    let place = Place::new();
    let total =
        |arguments: &[&str]| place.json(&[&["estimate", MODEL], arguments].concat())["memory"]["total"].to_string();
    for (theirs, ours) in [
        (&["--precision", "BF16-Mixed", "--optimizer", "AdamW"][..], &["--precision", "bf16-mixed"][..]),
        (&["--recompute", "True"], &["--recompute", "full"]),
        (&["--set", "train.micro-batch-size=2", "--framework", "Transformers"], &["--batch", "2"]),
        (&["--optimizer", "adamw_torch"], &["--optimizer", "adamw", "--set", "train.optimizer_implementation=foreach"]),
        (&["--precision", "4bit"], &["--set", "train.method=qlora"]),
        (
            &["--set", "train.lora_targets=[\"q\", 'v']", "--set", "train.method=peft"],
            &["--set", "train.lora_targets=q,v", "--set", "train.method=lora"],
        ),
        (&["--task", "inference", "--precision", "F16"], &["--task", "infer", "--precision", "fp16"]),
    ] {
        assert_eq!(total(theirs), total(ours), "{theirs:?}");
    }
    let said = place.run(&["estimate", MODEL, "--optimizer", "adamw_torch"]);
    assert!(said.err.contains("`adamw_torch` of Transformers is train.optimizer=adamw"), "{}", said.err);
    let said = place.run(&["estimate", MODEL, "--optimizer", "rmsprop"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("`rmsprop` of Transformers is not covered; covered: adamw"), "{}", said.err);
    let said = place.run(&["estimate", MODEL, "--task", "infer", "--precision", "Q4_K_N"]);
    assert!(said.err.contains("the nearest is `q4_k"), "{}", said.err);
}

#[test]
fn what_a_file_says_itself_counts_for_more_than_what_a_word_sets_along() {
    let place = Place::new();
    let file = "model = \"llama-3.2-1b\"\n[train]\noptimizer_implementation = \"loop\"\noptimizer = \"adamw_torch\"\n\
                recompute = true\n";
    place.write("run.toml", file);
    let document = place.json(&["estimate", "run.toml"]);
    let train = &document["scenario"]["train"];
    assert_eq!((&train["optimizer_implementation"], &train["recompute"]), (&"loop".into(), &"full".into()));
    let said = place.run(&["estimate", "run.toml"]);
    assert!(said.err.contains("`adamw_torch` of Transformers"), "{}", said.err);
}

const SCRIPT: &str = "from trl import SFTConfig\nargs = SFTConfig(\n    output_dir='x',\n    max_length=512,\n    \
                      optim='rmsprop',\n    per_device_train_batch_size=batch,\n)\npeft = LoraConfig(r=4)\n";

#[test]
fn a_script_is_a_scenario_and_what_it_is_not_is_said() {
    let place = Place::new();
    place.write("run.py", SCRIPT);
    let document = place.json(&["check", "run.py", "--model", MODEL, "--gpu", "h100-sxm-80"]);
    let scenario = &document["scenario"];
    assert_eq!((&scenario["framework"], &scenario["train"]["method"]), (&"trl".into(), &"lora".into()));
    assert_eq!((&scenario["train"]["sequence_length"], &scenario["train"]["recompute"]), (&512.into(), &"full".into()));
    let said = place.run(&["check", "run.py", "--model", MODEL, "--gpu", "h100-sxm-80"]);
    for words in [
        "run.py: understood: train.method=lora",
        "train.lora_rank=4 (r=4)",
        "run.py: line 5: optim=rmsprop: not understood: `rmsprop` of Transformers is not covered",
        "run.py: line 6: per_device_train_batch_size=batch: not understood",
        "of no weight for memory: output_dir",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let said = place.run(&["check", "run.py", "--gpu", "h100-sxm-80"]);
    assert!(said.code == 2 && said.err.contains("no model is given"), "{}", said.err);
    place.write("broken.py", "SFTConfig(\n  max_length='8)");
    let said = place.run(&["check", "broken.py", "--model", MODEL]);
    assert!(said.code == 2 && said.err.contains("broken.py:2:1: "), "{}", said.err);
    place.write("empty.py", "print('hello')\n");
    let said = place.run(&["check", "empty.py"]);
    assert!(said.code == 2 && said.err.contains("TrainingArguments"), "{}", said.err);
}

#[test]
fn imported_configurations_are_scenario_files() {
    let place = Place::new();
    let script = "SFTConfig(max_length=512)\nAutoModel.from_pretrained('meta-llama/Llama-3.2-1B')";
    place.write("run.py", script);
    let said = place.run(&["import", "run.py"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("model = \"llama-3.2-1b\"") && said.err.contains("understood: "), "{}", said.out);
    place.write("run.toml", &said.out);
    let of = |input: &str| place.json(&["estimate", input])["memory"]["total"].to_string();
    assert_eq!(of("run.toml"), of("run.py"));
    place.write("ds.json", "{\"zero_optimization\": {\"stage\": 3}, \"train_batch_size\": \"auto\"}");
    let said = place.run(&["import", "ds.json"]);
    assert!(said.out.contains("strategy = \"deepspeed\"") && said.out.contains("names no model"), "{}", said.out);
    place.write("accelerate.yaml", "distributed_type: FSDP\nfsdp_config:\n  fsdp_version: 2\nnum_processes: 8\n");
    let document = place.json(&["estimate", "accelerate.yaml", "--model", MODEL]);
    assert_eq!(
        (&document["scenario"]["gpus"], &document["scenario"]["parallel"]["strategy"]),
        (&8.into(), &"fsdp2".into())
    );
}

#[test]
fn a_run_is_exported_as_arguments_and_reads_back() {
    let place = Place::new();
    let run = ["export", MODEL, "--framework", "trl", "--set", "train.method=qlora", "--set", "train.objective=sft"];
    let said = place.run(&run);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.err);
    assert!(said.out.contains("arguments = SFTConfig(\n"), "{}", said.out);
    place.write("run.py", &said.out);
    let total = |arguments: &[&str]| place.json(arguments)["memory"]["total"].to_string();
    let given = [&["estimate"], &run[1..]].concat();
    assert_eq!(total(&["estimate", "run.py"]), total(&given), "{}", said.out);
    let said = place.run(&["export", MODEL, "--task", "infer"]);
    assert!(said.code == 2 && said.err.contains("--format command"), "{}", said.err);
    let said = place.run(&["export", MODEL, "--batch", "2", "--format", "command"]);
    assert_eq!(said.out, "brimful llama-3.2-1b --batch 2\n");
}
