//! What scripts rely on: standard input, JSON on either stream, exit codes, and flags wherever they stand.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::binary::{Place, Said, said};

/// A run that leaves what it is to leave by its central estimate and not by all of its range.
const TIGHT: [&str; 6] = ["check", "llama-3.1-8b", "--gpu", "h100-sxm-80", "--set", "runtime.margin_mib=1950"];

fn piped(place: &Place, arguments: &[&str], text: &str) -> Said {
    let mut command = place.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    said(child.wait_with_output().unwrap())
}

/// The objects of a stream, one a line.
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}"))).collect()
}

#[test]
fn strict_counts_tight_as_no_and_says_so() {
    let place = Place::new();
    let usual = place.run(&TIGHT);
    assert!(usual.code == 0 && usual.out.contains("\ntight: "), "{}", usual.out);
    let strict = place.run(&[&TIGHT[..], &["--strict"]].concat());
    assert_eq!(strict.code, 1);
    assert!(strict.out.contains("tight is not enough under --strict"), "{}", strict.out);
    for format in ["json", "csv"] {
        assert_eq!(place.run(&[&TIGHT[..], &["--strict", "--format", format]].concat()).code, 1);
    }
    let fits = place.run(&["check", "gpt2", "--gpu", "h100-sxm-80", "--seq", "512", "--strict"]);
    assert!(fits.code == 0 && !fits.out.contains("--strict"), "{}", fits.out);
}

#[test]
fn a_scenario_comes_through_standard_input() {
    let place = Place::new();
    let text = "model = \"llama-3.2-1b\"\ngpu = \"h100-sxm-80\"\n[train]\nsequence_length = 512\n";
    let file = place.write("run.toml", text);
    let of_file = place.run(&["check", file.to_str().unwrap()]);
    assert_eq!(piped(&place, &["check", "-"], text).out, of_file.out);
    assert_eq!(piped(&place, &["check", "-", "--seq", "1024"], text).code, 0);
    for command in [&["estimate", "-"][..], &["max", "seq", "-"], &["compare", "-", "gpt2"], &["render", "-"]] {
        let said = piped(&place, command, text);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command:?}");
        assert!(said.out.contains("Llama 3.2 1B") || said.out.contains("train."), "{command:?}: {}", said.out);
    }
    for (text, words) in [
        ("model = \"gpt2\"\n[train]\nsequence_lenght = 4\n", "<stdin>:3:1: train.sequence_lenght: unknown key"),
        ("model = \"gpt2\"\ngpu = \"h100\"\n", "<stdin>:2:1: gpu: there is no GPU `h100`"),
        ("model = \"gpt2\"\ngpu = \"t4\"\n[train]\nsequence_length = 4096\n", "<stdin>:4:1: train.sequence_length: "),
        ("model =", "<stdin>:1:"),
        ("", "<stdin>:1:1: model: missing"),
    ] {
        let said = piped(&place, &["check", "-"], text);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{text}");
        assert!(said.err.contains(words), "{text}: {}", said.err);
    }
}

#[test]
fn an_error_is_an_object_where_json_is_asked_for() {
    let place = Place::new();
    let file = place.write("run.toml", "model = \"gpt2\"\n[train]\nsequence_lenght = 4\n");
    let file = file.to_str().unwrap();
    let error = |arguments: &[&str]| {
        let said = place.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        let objects = objects(&said.err);
        assert_eq!(objects.len(), 1, "{arguments:?}: {}", said.err);
        assert_eq!(objects[0]["schema"], 1);
        objects[0]["error"].clone()
    };
    let of_file = error(&["check", file]);
    assert_eq!(of_file["file"], file);
    assert_eq!((&of_file["line"], &of_file["column"]), (&Value::from(3), &Value::from(1)));
    assert_eq!(of_file["key"], "train.sequence_lenght");
    assert_eq!(of_file["nearest"], "train.sequence_length");
    assert!(of_file["message"].as_str().unwrap().contains("unknown key"));
    let of_flag = error(&["check", "gpt2", "--precision", "bf61"]);
    assert_eq!((&of_flag["key"], &of_flag["nearest"]), (&Value::from("train.precision"), &Value::from("bf16")));
    let of_run = error(&["check", "gpt2", "--gpu", "t4", "--seq", "4096"]);
    assert_eq!((&of_run["key"], &of_run["file"]), (&Value::from("train.sequence_length"), &Value::Null));
    assert_eq!(error(&["check", "gpt2"])["key"], Value::Null);
    assert_eq!(error(&["check", "gpt2", "--gpux", "t4"])["nearest"], "--gpu");
    assert_eq!(error(&["chek", "gpt2"])["nearest"], "check");
}

#[test]
fn a_warning_is_an_object_too() {
    let place = Place::new();
    let said = place.run(&["check", "gpt2", "--gpu", "t4", "--seq", "512", "--context", "9", "--format=json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let warning = objects(&said.err)[0]["warning"]["message"].clone();
    assert!(warning.as_str().unwrap().starts_with("--context changes nothing in this scenario"), "{warning}");
    serde_json::from_str::<Value>(&said.out).unwrap();
}

#[test]
fn flags_stand_before_the_command_or_after_it() {
    let place = Place::new();
    let after = place.run(&["check", "gpt2", "--gpu", "t4", "--unit", "gb", "--seq", "256"]);
    assert_eq!(after.code, 0, "{}", after.err);
    for line in ["--unit gb check gpt2 --gpu t4 --seq 256", "--unit=gb --gpu t4 --seq 256 check gpt2"] {
        let before = place.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(before.out, after.out, "{line}: {}", before.err);
    }
}

#[test]
fn a_word_too_many_says_what_was_meant() {
    let place = Place::new();
    let file = place.write("ok.toml", "model = \"gpt2\"\n");
    let file = file.to_str().unwrap();
    for (arguments, words) in [
        (&["chek", "llama-3.1-8b"][..], "there is no command `chek`; the nearest is `check`"),
        (&["--unit", "gb", "chek", "gpt2", "--gpu", "t4"], "there is no command `chek`; the nearest is `check`"),
        (&[file, "extra"], "`extra` is one too many"),
        (&["gpt2", "check"], "`brimful check gpt2 …`"),
        (&["check", "llama-3.1-8b", "--model", "gpt2"], "there are two models: `llama-3.1-8b`, and `gpt2` of --model"),
        (&["check", "gpt2", "--set", "model=gpt2-xl"], "`gpt2-xl` of --set model"),
        (&["check", "--model", file, "--gpu", "t4"], "a scenario, where a model is needed; name it by itself"),
    ] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    let same = place.run(&["check", "gpt2", "--model", "gpt2", "--gpu", "t4", "--seq", "256"]);
    assert_eq!(same.code, 0, "{}", same.err);
}

#[test]
fn the_usual_choices_are_flags() {
    let place = Place::new();
    let training = ["--method", "lora", "--lora-rank", "8", "--loss", "fused"];
    let json = place.json(&[&["estimate", "llama-3.2-1b"], &training[..]].concat());
    let train = &json["scenario"]["train"];
    assert_eq!((&train["method"], &train["loss"]), (&Value::from("lora"), &Value::from("fused")));
    assert_eq!(train["lora_rank"], 8);
    let serving = ["--task", "infer", "--context", "2Ki", "--kv-cache", "int8"];
    let json = place.json(&[&["estimate", "llama-3.2-1b"], &serving[..]].concat());
    let infer = &json["scenario"]["infer"];
    assert_eq!((&infer["context_length"], &infer["kv_cache"]), (&Value::from(2048), &Value::from("int8")));
}

#[test]
fn help_has_examples_and_exit_codes() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["check", "--help"]] {
        let help = place.run(arguments).out;
        assert!(help.contains("Examples:\n") && help.contains("Exit codes:"), "{help}");
        let examples = help.lines().filter(|line| line.starts_with("  brimful ")).count();
        assert!(examples >= 3, "{help}");
    }
}

/// The rows of a table in JSON.
fn rows(place: &Place, arguments: &[&str]) -> Vec<Value> {
    place.json(arguments).as_array().unwrap().clone()
}

#[test]
fn models_on_a_card_say_what_check_and_max_say() {
    let place = Place::new();
    let on_card = ["--gpu", "rtx-4090", "--seq", "2048"];
    let all = rows(&place, &[&["models", "llama-3."], &on_card[..]].concat());
    let fitting = rows(&place, &[&["models", "llama-3.", "--fits"], &on_card[..]].concat());
    assert!(fitting.len() < all.len() && !fitting.is_empty());
    let kept: Vec<&Value> = all.iter().filter(|row| row["fits"] == true).collect();
    assert_eq!(kept, fitting.iter().collect::<Vec<_>>(), "the same rows, the same order: what fits comes first");
    let free = |row: &Value| row["headroom"].as_i64().unwrap();
    assert!(fitting.is_sorted_by_key(free), "the fullest first");
    let row = fitting.iter().find(|row| row["id"] == "llama-3.2-1b").unwrap();
    let check = place.json(&[&["check", "llama-3.2-1b"], &on_card[..]].concat());
    assert_eq!((&row["needs"], &row["verdict"]), (&check["fit"]["needs"], &check["fit"]["verdict"]));
    let max = place.json(&[&["max", "batch", "llama-3.2-1b"], &on_card[..]].concat());
    assert_eq!((&row["most"], row["most_of"].as_str()), (&max["value"], Some("train.micro_batch_size")));
    let over = all.iter().find(|row| row["id"] == "llama-3.1-405b").unwrap();
    assert_eq!((&over["verdict"], &over["most"]), (&Value::from("over"), &Value::Null));
}

#[test]
fn models_on_a_card_serve_and_sort_and_say_what_they_cannot() {
    let place = Place::new();
    let serving = ["models", "gpt2", "--gpu", "t4", "--task", "infer", "--sort", "name"];
    let said = place.run(&serving);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("infer · transformers · bf16 weights"), "{}", said.out);
    assert!(said.out.contains("context\n") && said.out.contains("sequences are 1024 tokens now"), "{}", said.out);
    let names: Vec<String> = rows(&place, &serving).iter().map(|row| row["name"].to_string().to_lowercase()).collect();
    assert!(names.is_sorted() && names.len() > 3, "{names:?}");
    // What was asked for stays asked for.
    let asked = rows(&place, &[&serving[..], &["--seq", "4096"]].concat());
    assert!(asked[0]["needs"].is_null() && asked[0]["note"].as_str().unwrap().starts_with("infer.context_length"));
    let concurrent = rows(&place, &[&serving[..], &["--most", "concurrency"]].concat());
    assert_eq!(concurrent[0]["most_of"], "infer.concurrency");
    let csv = place.run(&[&serving[..], &["--format", "csv"]].concat()).out;
    assert!(csv.starts_with("id,name,parameters,needs,headroom,fits,verdict,most,most_of,"), "{csv}");
    for (arguments, words) in [
        (&["models", "--fits"][..], "no gpu is given"),
        (&["models", "--sort", "smallest"], "no gpu is given"),
        (&["models", "--gpu", "t4", "--model", "gpt2"], "every model is tried"),
        (&["models", "--gpu", "t5"], "there is no GPU `t5`"),
    ] {
        let said = place.run(arguments);
        assert!(said.code == 2 && said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    let none = place.run(&["models", "405b", "--gpu", "t4", "--fits"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("no model fits"), "{}", none.err);
    let newest = place.run(&["models", "llama", "--sort", "newest", "--format", "json"]).out;
    let newest: Vec<Value> = serde_json::from_str(&newest).unwrap();
    let released = |row: &Value| row["released"].as_str().unwrap_or_default().to_owned();
    assert!(newest.is_sorted_by(|one, other| released(one) >= released(other)));
}
