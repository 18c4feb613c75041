//! `brimful validate`: its exit codes and formats, case files and their mistakes, and the script that makes them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::binary::Place;
use brimful::validate::PROMISES;
use serde_json::Value;

const RIGHT: &str = r#"
id = "gpt2 counts"
group = "mine"
kind = "train"
metric = "parameters"
measured = 124439808
[scenario]
model = "gpt2"
"#;

const CONFIG: &str = r#"
[[case]]
id = "cache"
group = "kv_cache"
kind = "infer"
confidence = "B"
metric = "kv_cache"
measured = 33554432
rank = { pipeline = "last" }
source = "a notebook"
[case.scenario]
infer = { context_length = 1024 }
[case.scenario.config]
model_type = "llama"
num_hidden_layers = 8
num_key_value_heads = 8
num_attention_heads = 8
hidden_size = 1024
bos_token_id = 1
a_key_of_nobody = { of = "any", shape = [1.5] }

[[case]]
id = "inline"
group = "mine"
kind = "train"
metric = "parameters"
measured = 464531456
[case.scenario.architecture]
family = "llama"
num_hidden_layers = 1
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

#[test]
fn the_cases_that_it_brings_keep_all_promises_but_one() {
    let place = Place::new();
    let said = place.run(&["validate"]);
    // One promise is broken today, and the command says so: what Qwen-1's QLoRA runs took.
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.starts_with("group "), "{}", said.out);
    assert!(
        said.out.contains("NO: not explained") && said.out.contains("\nnot explained: qwen1 qlora\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("\nthe same cases by other estimators, of which nothing is promised\nestimator ")
            && said.out.contains("\nMegatron-LM's report: 20 cases left out: 10 "),
        "{}",
        said.out
    );
    assert_eq!(place.files(), Vec::<PathBuf>::new(), "nothing is written unasked");
    let json = place.json(&["validate"]);
    let groups = json["groups"].as_array().unwrap();
    let broken: Vec<&str> =
        groups.iter().filter(|row| row["within"] == false).map(|row| row["group"].as_str().unwrap()).collect();
    assert_eq!(broken, ["qwen1 qlora"]);
    for group in ["parameters", "saved", "peaks", "kv_cache", "optimizers"] {
        let row = groups.iter().find(|row| row["group"] == group).unwrap();
        assert!(row["cases"].as_u64().unwrap() > 0 && row["within"] == true, "{row}");
    }
    // A promise about nothing would be kept by anything.
    for promise in PROMISES {
        let held = groups.iter().any(|row| row["group"] == promise.group && row["cases"].as_u64() > Some(0));
        assert!(held, "{}", promise.group);
    }
}

#[test]
fn every_case_is_judged_or_counted_with_its_reason() {
    let json = Place::new().json(&["validate"]);
    let sum =
        |key: &str| -> u64 { json["groups"].as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap()).sum() };
    let cases = json["cases"].as_array().unwrap();
    assert_eq!(sum("cases") + sum("not_covered"), cases.len() as u64);
    let reasons = json["not_covered"].as_array().unwrap();
    let counted: u64 = reasons.iter().map(|reason| reason["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, sum("not_covered"));
    for case in cases {
        assert_ne!(case["predicted"].is_null(), case["not_covered"].is_null(), "{case}");
    }
}

#[test]
fn one_wrong_case_in_a_folder_is_named_and_fails() {
    let place = Place::new();
    place.write("cases/right.toml", RIGHT);
    place.write("cases/deeper/config.toml", CONFIG);
    place.write("cases/notes.txt", "no case");
    let right = place.run(&["validate", "--cases", "cases"]);
    assert_eq!((right.code, right.err.as_str()), (0, ""), "{}", right.out);
    place.write("cases/wrong.toml", &RIGHT.replace("gpt2 counts", "one more").replace("124439808", "124439809"));
    let wrong = place.run(&["validate", "--cases", "cases"]);
    assert_eq!(wrong.code, 1, "{}", wrong.err);
    let outside = wrong
        .out
        .split("cases outside the promised limits: 1, worst first\n")
        .nth(1)
        .expect("a list of what is outside");
    let line = outside.lines().nth(1).unwrap();
    assert!(line.starts_with("one more") && line.contains("124,439,808") && line.contains("-<0.01 %"), "{line}");
    let file = place.run(&["validate", "--cases", "cases/right.toml"]);
    assert_eq!(file.code, 0, "{}", file.err);
}

#[test]
fn what_no_rule_covers_is_counted_and_not_fatal() {
    let place = Place::new();
    let strange = CONFIG.replace("model_type = \"llama\"", "model_type = \"strange\"");
    place.write("case.toml", &strange);
    let json = place.json(&["validate", "--cases", "case.toml"]);
    assert_eq!(json["not_covered"][0]["ids"], serde_json::json!(["cache"]));
    let reason = json["not_covered"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("model_type") && reason.contains("`strange`"), "{reason}");
    assert_eq!(json["groups"][0]["cases"], 0);
}

#[test]
fn programs_get_shares_and_counts() {
    let place = Place::new();
    place.write("case.toml", &RIGHT.replace("124439808", "100000000"));
    let json = place.json(&["validate", "--cases", "case.toml", "--against", "sketch"]);
    assert_eq!(json["schema"], 1);
    assert_eq!((&json["within"], &json["against"]), (&Value::from(false), &Value::from("sketch")));
    let outside = &json["outside"][0];
    assert_eq!((&outside["id"], &outside["metric"]), (&Value::from("gpt2 counts"), &Value::from("parameters")));
    assert_eq!(outside["predicted"], 124_439_808);
    assert!((outside["error"].as_f64().unwrap() - 0.244_398_08).abs() < 1e-12);
    // 4·L·C² with L = 12 and C = 768.
    assert_eq!(json["cases"][0]["sketch"], 28_311_552);
    let csv = place.run(&["validate", "--cases", "case.toml", "--format", "csv"]);
    let mut lines = csv.out.lines();
    assert_eq!(lines.next(), Some("id,group,metric,measured,predicted,error,sketch,not_covered"));
    assert!(lines.next().unwrap().starts_with("gpt2 counts,mine,parameters,100000000,124439808,0.24439808"));
    let plain = place.json(&["validate", "--cases", "case.toml"]);
    assert!(plain["against"].is_null() && plain["cases"][0]["sketch"].is_null());
}

#[test]
fn the_sketch_stands_beside_the_ledger() {
    let said = Place::new().run(&["validate", "--against", "sketch"]);
    assert_eq!(said.code, Place::new().run(&["validate"]).code, "the promises are the ledger's: {}", said.err);
    let header = said.out.lines().next().unwrap();
    assert!(header.contains("sketch median") && header.contains("sketch 90th"), "{header}");
}

#[test]
fn mistakes_are_located() {
    let place = Place::new();
    let mistakes = [
        (RIGHT.replace("group = \"mine\"\n", ""), "case.toml:1:1: group: missing"),
        (RIGHT.replace("group", "gruop"), "case.toml:3:1: gruop: unknown key; the nearest is `group`"),
        (RIGHT.replace("\"parameters\"", "\"params\""), "case.toml:5:1: metric: found \"params\"; the nearest is"),
        (RIGHT.replace("124439808", "\"much\""), "case.toml:6:1: measured: found the text"),
        (RIGHT.replace("124439808", "0"), "case.toml:6:1: measured: found `0`"),
        (RIGHT.replace("\"train\"", "\"trian\""), "case.toml:4:1: kind: found \"trian\"; the nearest is `train`"),
        (RIGHT.replace("\"gpt2\"", "\"gtp2\""), "case.toml:8:1: scenario.model: there is no model `gtp2`"),
        (RIGHT.replace("model =", "mode ="), "case.toml:8:1: scenario.mode: unknown key"),
        (RIGHT.to_owned() + "task = \"infer\"", "case.toml:4:1: kind: found `train`, but scenario.task is `infer`"),
        (RIGHT.to_owned() + "gpu = \"h100\"", "case.toml:9:1: scenario.gpu: there is no GPU `h100`"),
        (RIGHT.to_owned() + "[scenario.config]", "scenario.config: a second model"),
        (
            RIGHT.to_owned() + "[scenario.train]\nprecison = \"bf16\"",
            "case.toml:10:1: scenario.train.precison: unknown key",
        ),
        (RIGHT.replace("[scenario]\nmodel = \"gpt2\"", "[scenario]"), "scenario.model: missing"),
        (CONFIG.replace("\"last\"", "\"final\""), "case.toml:9:10: rank.pipeline: expected"),
        (CONFIG.replace("num_hidden_layers = 1\n", "layers = 1\n"), "case.scenario.architecture.layers: unknown key"),
        (RIGHT.replace("measured =", "measured"), "case.toml:6:"),
    ];
    for (text, message) in mistakes {
        place.write("case.toml", &text);
        let said = place.run(&["validate", "--cases", "case.toml"]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{text}");
        assert!(said.err.contains(message), "expected {message}\nfound {}", said.err);
    }
    for path in ["nowhere", "."] {
        fs::remove_file(place.write("case.toml", "")).unwrap();
        assert_eq!(place.run(&["validate", "--cases", path]).code, 2, "{path} holds no case");
    }
}

#[test]
fn the_sketch_is_all_there_is_to_compare_with() {
    let said = Place::new().run(&["validate", "--against", "nothing"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("sketch"), "{}", said.err);
}

/// The lines of a page between the comments about `validate` are these; asked to, they are written anew.
fn assert_table(page: &str, made: impl FnOnce(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- validate: ").expect("a marker");
    let (marker, rest) = rest.split_once("-->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- /validate -->").expect("the marker's end");
    let table = made(shown);
    if std::env::var_os("BRIMFUL_UPDATE").is_some() {
        fs::write(&path, format!("{before}<!-- validate: {marker}-->\n{table}<!-- /validate -->{after}")).unwrap();
        return;
    }
    assert_eq!(shown, table, "{page}: BRIMFUL_UPDATE=1 cargo test --test it validate writes it anew");
}

#[test]
fn the_documentation_has_the_table_of_today() {
    let table = Place::new().run(&["validate", "--markdown"]).out;
    assert_table("docs/accuracy.md", |_| table.clone());
    // The README has some rows of it, known by group and metric.
    let name = |row: &str| row.splitn(4, '|').skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_table("README.md", |shown| {
        let now = |row: &str| table.lines().find(|line| name(line) == name(row)).expect("a row of the table");
        shown.lines().map(|row| now(row).to_owned() + "\n").collect()
    });
}

/// The case blocks of every file in a folder.
fn blocks(folder: &Path) -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.split("[[case]]\n").skip(1).map(|block| block.trim_end().to_owned()).collect::<Vec<_>>()
    };
    paths.iter().flat_map(read).collect()
}

#[test]
fn the_script_makes_the_cases_that_are_committed() {
    let script = root().join("convert.py");
    let python = |input: &str, out: &Path| {
        Command::new("python3").arg("-B").arg(&script).arg(root().join(input)).arg(out).output()
    };
    let place = Place::new();
    let first = place.write("first/keep", "").parent().unwrap().to_owned();
    let second = place.write("second/keep", "").parent().unwrap().to_owned();
    if python("kv.json", &first).is_err() {
        // No Python on this machine: the committed cases are what `validate` runs.
        return;
    }
    let inputs = [
        "autograd",
        "autograd_lora",
        "autograd_recurrent",
        "encoders",
        "encoders_serving",
        "experts",
        "images",
        "seq2seq",
        "timeline",
        "kv",
        "peft",
        "parameters",
    ];
    for input in inputs.map(|input| format!("{input}.json")) {
        for out in [&first, &second] {
            let ran = python(&input, out).unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
    let made = blocks(&first);
    assert_eq!(made, blocks(&second), "the same input, other bytes");
    assert!(made.len() > 300, "{} cases", made.len());
    let committed: HashSet<String> = blocks(&root().join("cases")).iter().map(|block| told(block)).collect();
    for block in &made {
        assert!(committed.contains(&told(block)), "not committed like this:\n{block}");
    }
}

/// A case without what trimming the reference leaves out: keys whose value is null, and the name of the file.
fn told(block: &str) -> String {
    let lines = block.lines().filter(|line| !line.starts_with("source = "));
    let keys = lines.flat_map(|line| line.split(", ")).filter(|key| !key.ends_with(" = \"null\""));
    keys.collect::<Vec<_>>().join("\n")
}
