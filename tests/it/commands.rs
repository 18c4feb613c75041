//! Whole journeys of the real binary: what it prints where, and how it exits.

use crate::support::binary::{Place, said};
use brimful::memory;
use brimful::preset::Library;
use brimful::scenario::Scenario;
use serde_json::Value;

const CATEGORIES: [&str; 8] =
    ["parameters", "gradients", "optimizer", "activations", "logits", "kv_cache", "workspace", "runtime"];

const SMALL: [&str; 5] = ["llama-3.2-1b", "--gpu", "h100-sxm-80", "--seq", "512"];
const LARGE: [&str; 5] = ["llama-3.1-8b", "--gpu", "rtx-4090", "--seq", "16Ki"];

fn bytes(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number of bytes"))
}

#[test]
fn check_exits_by_the_verdict() {
    let place = Place::new();
    let fits = place.run(&[&["check"], &SMALL[..]].concat());
    assert_eq!(fits.code, 0, "{}", fits.err);
    assert!(fits.out.contains("\nfits: ") && fits.out.contains(" free"), "{}", fits.out);
    let over = place.run(&[&["check"], &LARGE[..]].concat());
    assert_eq!(over.code, 1, "{}", over.err);
    assert!(over.out.contains("\nover: ") && over.out.contains(" missing"), "{}", over.out);
    assert!(over.out.contains('▒'), "what lies beyond capacity is seen: {}", over.out);
    let unknown = place.run(&["check", "llama-3.1-8b"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(unknown.err.starts_with("error: no gpu is given"), "{}", unknown.err);
}

#[test]
fn the_verdict_is_the_same_in_every_format() {
    let place = Place::new();
    for (arguments, fits) in [(SMALL, true), (LARGE, false)] {
        let arguments = [&["check"], &arguments[..]].concat();
        let json = place.json(&arguments);
        assert_eq!(json["fit"]["fits"], fits);
        let headroom = json["fit"]["headroom"].as_i64().unwrap();
        assert_eq!(headroom >= 0, fits);
        let total = i64::try_from(bytes(&json["memory"]["total"])).unwrap();
        let capacity = i64::try_from(bytes(&json["fit"]["capacity"])).unwrap();
        assert_eq!(headroom, capacity - total);
        let csv = place.run(&[&arguments[..], &["--format", "csv"]].concat());
        assert_eq!(csv.code, i32::from(!fits));
        let (header, row) = csv.out.trim_end().split_once('\n').unwrap();
        let named: Vec<(&str, &str)> = header.split(',').zip(row.split(',')).collect();
        assert!(named.contains(&("headroom", headroom.to_string().as_str())), "{named:?}");
        assert!(named.contains(&("verdict", json["fit"]["verdict"].as_str().unwrap())), "{named:?}");
    }
}

#[test]
fn the_sums_of_the_json_hold() {
    let place = Place::new();
    for scenario in [&SMALL[..], &["llama-3.1-8b"], &["llama-3.1-8b", "--task", "infer"]] {
        let json = place.json(&[&["estimate", "--ledger"], scenario].concat());
        let memory = &json["memory"];
        let sum: u64 = CATEGORIES.iter().map(|category| bytes(&memory[category])).sum();
        assert_eq!(sum, bytes(&memory["total"]), "{scenario:?}");
        assert_eq!(bytes(&memory["allocated"]), sum - bytes(&memory["runtime"]), "{scenario:?}");
        instants_hold(&json);
        ledger_holds(&json);
    }
}

/// The heaviest instant of the steady step is the total, and each instant is the sum of its categories.
fn instants_hold(json: &Value) {
    let instants = json["instants"].as_array().unwrap();
    for instant in instants {
        let sum: u64 = CATEGORIES.iter().map(|category| bytes(&instant["by_category"][category])).sum();
        assert_eq!(sum, bytes(&instant["total"]), "{instant}");
    }
    let steady = || instants.iter().filter(|instant| instant["step"] == "steady");
    assert_eq!(steady().map(|instant| bytes(&instant["total"])).max(), json["memory"]["total"].as_u64());
    let peak = steady().find(|instant| instant["id"] == json["peak"]["instant"]).unwrap();
    assert_eq!(peak["total"], json["memory"]["total"]);
    assert!(instants.iter().any(|instant| instant["step"] == "first"));
}

/// The entries that are alive at the peak add up to the bars.
fn ledger_holds(json: &Value) {
    let entries = json["ledger"].as_array().unwrap();
    let alive = |entry: &&Value| entry["instants"].as_array().unwrap().contains(&json["peak"]["instant"]);
    for category in CATEGORIES {
        let of_category = entries.iter().filter(alive).filter(|entry| entry["category"] == category);
        let sum: u64 = of_category.map(|entry| bytes(&entry["bytes"])).sum();
        assert_eq!(sum, bytes(&json["memory"][category]), "{category}");
    }
    for entry in entries {
        assert!(!entry["instants"].as_array().unwrap().is_empty(), "{entry}");
        assert!(entry["bits"].is_number() && entry["exact"].is_boolean(), "{entry}");
        assert!(!entry["formula"].as_str().unwrap().is_empty() && !entry["source"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_keys_of_the_json_stand_in_their_order() {
    let place = Place::new();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let json = place.json(&["estimate", "llama-3.1-8b"]);
    assert_eq!(
        keys(&json),
        ["schema", "scenario", "model", "memory", "peak", "instants", "fit", "warnings", "estimator"]
    );
    assert_eq!(
        keys(&json["model"]),
        ["id", "assumed", "omitted", "parameters", "active_parameters", "trainable_parameters"]
    );
    assert_eq!(keys(&json["memory"]), [&CATEGORIES[..], &["total", "allocated", "reserved"]].concat());
    assert_eq!(keys(&json["instants"][0]), ["id", "step", "total", "by_category"]);
    assert_eq!(json["schema"], 1);
    assert_eq!(json["fit"], Value::Null);
    assert_eq!(json["peak"]["rank"]["pipeline"], 0);
    assert_eq!(json["model"]["parameters"], 8_030_261_248_u64);
    assert_eq!(json["model"]["assumed"], Value::Null);
    assert_eq!(json["scenario"]["train"]["sequence_length"], 4096, "defaults are filled in");
    assert_eq!(json["scenario"]["train"]["dropout"], Value::Null);
    let json = place.json(&[&["estimate", "--ledger"], &SMALL[..]].concat());
    assert_eq!(keys(&json["fit"]), ["gpu", "capacity", "needs", "headroom", "fits", "verdict", "band"]);
    assert_eq!(json["fit"]["band"].as_array().unwrap().len(), 2);
    let entry = [
        "category",
        "name",
        "where",
        "count",
        "shape",
        "bits",
        "bytes",
        "divided_by",
        "lifetime",
        "instants",
        "exact",
        "formula",
        "source",
    ];
    assert_eq!(keys(&json["ledger"][0]), entry);
}

#[test]
fn the_sketch_tells_its_ratio() {
    let place = Place::new();
    let arguments = ["estimate", "llama-3.1-8b", "--set", "estimator=sketch", "--seq", "1024"];
    let json = place.json(&arguments);
    // B·T·(T + 2D) / (4·N·D²) with B = 1, T = 1024, N = 32, D = 128.
    assert_eq!(json["sketch"]["ratio"], 0.625);
    assert_eq!(json["sketch"]["long_sequence_ratio"], 0.5);
    assert_eq!(json["memory"]["parameters"], 4_u64 << 30);
    let text = place.run(&arguments).out;
    assert!(text.contains("= 0.62") && text.contains("= 0.50"), "{text}");
}

#[test]
fn flags_pairs_and_files_agree() {
    let place = Place::new();
    let file = place.write(
        "run.toml",
        "model = \"llama-3.2-1b\"\ngpu = \"h100-sxm-80\"\n[train]\nmicro_batch_size = 4\nsequence_length = 2048\n\
         precision = \"fp32\"\n",
    );
    let from_file = place.json(&["estimate", file.to_str().unwrap()]);
    let flags = ["--gpu", "h100-sxm-80", "--batch", "4", "--seq", "2Ki", "--precision", "fp32"];
    assert_eq!(place.json(&[&["estimate", "llama-3.2-1b"], &flags[..]].concat()), from_file);
    let pairs = ["train.micro_batch_size=4", "train.sequence_length=2048", "train.precision=fp32", "gpu=h100-sxm-80"];
    let sets: Vec<&str> = pairs.iter().flat_map(|pair| ["--set", pair]).collect();
    assert_eq!(place.json(&[&["estimate", "--model", "llama-3.2-1b"], &sets[..]].concat()), from_file);
}

#[test]
fn later_sources_win() {
    let place = Place::new();
    let file =
        place.write("run.toml", "model = \"llama-3.2-1b\"\n[train]\nmicro_batch_size = 4\nsequence_length = 128\n");
    let file = file.to_str().unwrap();
    let json = place.json(&["estimate", file, "--batch", "5", "--set", "train.micro_batch_size=6"]);
    assert_eq!(json["scenario"]["train"]["micro_batch_size"], 6, "a pair over a flag");
    assert_eq!(json["scenario"]["train"]["sequence_length"], 128, "the file over the default");
    let json = place.json(&["estimate", file, "--batch", "5", "--model", "llama-3.1-8b"]);
    assert_eq!(json["scenario"]["train"]["micro_batch_size"], 5, "a flag over the file");
    assert_eq!(json["model"]["id"], "llama-3.1-8b");
    let json =
        place.json(&["estimate", file, "--set", "train.micro_batch_size=8", "--set", "train.micro_batch_size=7"]);
    assert_eq!(json["scenario"]["train"]["micro_batch_size"], 7, "the later pair");
}

#[test]
fn batch_and_seq_follow_the_task() {
    let place = Place::new();
    let given = ["estimate", "llama-3.2-1b", "--batch", "3", "--seq", "1e3"];
    for task in [&["--task", "infer"], &["--set", "task=infer"]] {
        let json = place.json(&[&given[..], task].concat());
        assert_eq!(json["scenario"]["infer"]["concurrency"], 3);
        assert_eq!(json["scenario"]["infer"]["context_length"], 1000);
        assert_eq!(json["scenario"]["train"]["micro_batch_size"], 1);
        assert_eq!(json["model"]["trainable_parameters"], 0);
    }
    let json = place.json(&given);
    assert_eq!(json["scenario"]["train"]["micro_batch_size"], 3);
    assert_eq!(json["scenario"]["infer"]["concurrency"], 1);
}

#[test]
fn a_flag_that_changes_nothing_says_so() {
    let place = Place::new();
    let said = place.run(&["estimate", "llama-3.2-1b", "--task", "infer", "--optimizer", "sgd"]);
    assert_eq!(said.code, 0);
    assert!(said.err.starts_with("warning: --optimizer changes nothing"), "{}", said.err);
    assert!(said.err.contains("it needs task=train"), "{}", said.err);
    assert_eq!(place.run(&["estimate", "llama-3.2-1b", "--optimizer", "sgd"]).err, "");
    let quantized = ["--set", "train.method=lora", "--set", "train.base_weights=int8"];
    let said = place.run(&[&["estimate", "llama-3.2-1b"][..], &quantized].concat());
    assert!(said.err.contains("it needs train.method=qlora"), "{}", said.err);
}

#[test]
fn csv_has_a_row_for_each_instant_and_category_or_entry() {
    let place = Place::new();
    let json = place.json(&["estimate", "llama-3.2-1b", "--ledger"]);
    let csv = place.run(&["estimate", "llama-3.2-1b", "--format", "csv"]).out;
    assert!(csv.starts_with("step,instant,category,bytes,peak\n"), "{csv}");
    assert_eq!(csv.lines().count() - 1, json["instants"].as_array().unwrap().len() * CATEGORIES.len());
    let at_peak: u64 = csv
        .lines()
        .filter(|row| row.ends_with(",true"))
        .map(|row| row.split(',').nth(3).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(at_peak, bytes(&json["memory"]["total"]));
    let csv = place.run(&["estimate", "llama-3.2-1b", "--ledger", "--format", "csv"]).out;
    assert_eq!(csv.lines().count() - 1, json["ledger"].as_array().unwrap().len());
    for line in csv.lines() {
        assert_eq!(fields(line), 13, "{line}");
    }
}

/// How many fields a line of CSV has: commas outside quotes.
fn fields(line: &str) -> usize {
    let mut quoted = false;
    let separators = line.chars().filter(|character| {
        quoted ^= *character == '"';
        *character == ',' && !quoted
    });
    1 + separators.count()
}

#[test]
fn bad_input_names_what_would_be_right() {
    let place = Place::new();
    let model = "llama-3.1-8b";
    for (arguments, phrases) in [
        (&["check"][..], &["error: no model is given", "hint: "][..]),
        (&["check", "llama-3.1-8x"], &["`llama-3.1-8x`", "the nearest is `llama-3.1-8b`"]),
        (&["check", model, "--gpu", "h100-smx-80"], &["`h100-smx-80`", "`h100-sxm-80`"]),
        (&["check", model, "--precision", "bf61"], &["--precision: `bf61` is none of fp32, bf16", "nearest is `bf16`"]),
        (&["check", model, "--optimizer", "adam"], &["--optimizer: `adam` is none of", "nearest is `adamw`"]),
        (
            &["check", model, "--set", "train.sequence_lenght=1"],
            &["--set train.sequence_lenght: ", "`train.sequence_length`"],
        ),
        (&["check", model, "--set", "sequence_length=1"], &["`train.sequence_length`"]),
        (&["check", model, "--set", "train.dropout"], &["expected KEY=VALUE"]),
        (&["check", model, "--batch", "-4"], &["--batch: `-4` is not a whole number"]),
        (&["check", model, "--batch", "0"], &["--batch: 0 is not between 1 and"]),
        (&["check", model, "--seq", "18446744073709551615"], &["--seq: 18446744073709551615 is not between"]),
        (&["check", model, "--zero", "4"], &["--zero: 4 is not between 0 and 3"]),
        (
            &["check", model, "--framework", "megatron", "--task", "infer", "--gpus", "8"],
            &["framework = megatron", "for serving", "megatron is described for training alone"],
        ),
        (&["check", "absent.toml"], &["absent.toml: "]),
        (&["check", model, "--presets", "absent"], &["--presets absent: there is no such folder"]),
        (&["check", model, "--unit", "mib"], &["[possible values: gib, gb]"]),
        (&["chekc"], &["neither a command nor a model `chekc`", "`brimful check`"]),
        (&["models.toml"], &["error: models.toml: "]),
        (&["--gpu", "h100-sxm-80", "check"], &["no model is given"]),
        (&["--model", model, "check"], &["no gpu is given"]),
        (&["check", model, "--gpu", "H100"], &["there is no GPU `H100`", "`h100-sxm-80`"]),
        (&["check", "meta-llama/Llama-3.1-9B"], &["no such path"]),
        (&["check", "/dev/null"], &["/dev/null: not a model; a path names"]),
        (&["estimate", model, "--batch", "4294967296", "--seq", "4294967296"], &["does not fit in 64 bits"]),
    ] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{arguments:?}: {}", said.err);
        for phrase in phrases {
            assert!(said.err.contains(phrase), "{arguments:?} says `{phrase}`: {}", said.err);
        }
        assert!(said.err.matches("64 bits").count() < 2, "said once: {}", said.err);
    }
}

/// What help does not list, an error does not either.
#[test]
fn a_value_that_is_missing_is_no_catalogue() {
    let place = Place::new();
    for arguments in [&["--pin"][..], &["--theme"], &["check", "--model"], &["check", "--gpu"], &["check", "--set"]] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.contains("a value is required for '--"), "{}", said.err);
        assert!(!said.err.contains("possible values"), "{}", said.err);
    }
    assert!(place.run(&["check", "--unit"]).err.contains("[possible values: gib, gb]"));
}

#[test]
fn mistakes_in_a_scenario_file_are_located() {
    let place = Place::new();
    let file = place.write("run.toml", "model = \"llama-3.1-8b\"\n[train]\nmicro_batchsize = 4\n");
    let said = place.run(&["estimate", file.to_str().unwrap()]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("run.toml:3:1: "), "{}", said.err);
    assert!(said.err.contains("`train.micro_batch_size`"), "{}", said.err);
    let file = place.write("run.toml", "model = \"gpt2\"\n[train]\nseq = 4\n");
    let said = place.run(&["estimate", file.to_str().unwrap()]);
    assert!(said.err.contains("run.toml:3:1: train.seq: unknown key; the nearest is `train.sequence_length`"));
}

const OWN_MODEL: &str = "id = \"own\"\nname = \"Own\"\nfamily = \"llama\"\n[architecture]\nhidden_size = 64\n\
     num_hidden_layers = 2\nnum_attention_heads = 4\nintermediate_size = 128\nvocab_size = 100\n";

#[test]
fn a_model_preset_can_be_named_by_its_path() {
    let place = Place::new();
    place.write("folder/own.toml", OWN_MODEL);
    // Embedding and head 2·100·64, layers 2·(4·64² + 3·64·128 + 2·64), final norm 64.
    let parameters = 12_800 + 2 * (16_384 + 24_576 + 128) + 64;
    for arguments in [&["estimate", "folder/own.toml"][..], &["estimate", "--model", "folder/own.toml"]] {
        assert_eq!(place.json(arguments)["model"]["parameters"], parameters, "{arguments:?}");
    }
    // A path in a scenario file starts from that file; one on the command line starts from here.
    place.write("folder/run.toml", "model = \"own.toml\"\n");
    assert_eq!(place.json(&["estimate", "folder/run.toml"])["model"]["parameters"], parameters);
    let said = place.run(&["estimate", "folder/run.toml", "--model", "own.toml"]);
    assert_eq!(said.code, 2, "{}", said.out);
    place.write("folder/wrong.toml", &OWN_MODEL.replace("hidden_size", "hiden_size"));
    let said = place.run(&["estimate", "folder/wrong.toml"]);
    assert!(said.err.contains("`hidden_size`"), "it was meant as a preset: {}", said.err);
}

#[test]
fn presets_of_ones_own_are_found_and_broken_ones_are_warnings() {
    let place = Place::new();
    place.write("config/brimful/models/own.toml", OWN_MODEL);
    place.write("config/brimful/models/broken.toml", "id = \"broken\"\nfamly = 3\n");
    place.write("more/models/own.toml", &OWN_MODEL.replace("name = \"Own\"", "name = \"Own, again\""));
    let said = place.run(&["models", "own", "--format", "csv"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("\nown,Own,llama,95040,"), "{}", said.out);
    assert!(said.err.starts_with("warning: ") && said.err.contains("broken.toml"), "{}", said.err);
    let said = place.run(&["models", "own", "--format", "csv", "--presets", "more"]);
    assert!(said.out.contains("\nown,\"Own, again\",llama,"), "the later folder wins: {}", said.out);
    let said = place.run(&["estimate", "own", "--seq", "16"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let without = said_without_config(&place);
    assert!(without.contains("\nown,Own,llama,"), "HOME/.config is the folder where XDG_CONFIG_HOME is not set");
}

fn said_without_config(place: &Place) -> String {
    place.write(".config/brimful/models/own.toml", OWN_MODEL);
    let mut command = place.command(&["models", "own", "--format", "csv"]);
    said(command.env_remove("XDG_CONFIG_HOME").output().unwrap()).out
}

#[test]
fn catalogues_are_filtered_and_name_the_nearest() {
    let place = Place::new();
    let ids = |said: &str| -> Vec<String> {
        said.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    };
    let all = ids(&place.run(&["gpus"]).out);
    assert!(all.len() >= 60, "{} cards", all.len());
    let some = ids(&place.run(&["gpus", "H100"]).out);
    assert!(some.contains(&String::from("h100-sxm-80")) && some.len() < all.len(), "{some:?}");
    assert!(ids(&place.run(&["models", "LLAMA-3.1"]).out).contains(&String::from("llama-3.1-8b")));
    let none = place.run(&["models", "llama-3.1-8x"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("the nearest is `llama-3.1-8b`"), "{}", none.err);
    let json = place.json(&["gpus", "h100-sxm-80"]);
    assert_eq!(json[0]["usable"], bytes(&json[0]["usable_mib"]) << 20);
    assert_eq!(place.json(&["models"]).as_array().unwrap().len(), ids(&place.run(&["models"]).out).len());
    assert!(place.run(&["frameworks"]).out.contains("transformers"));
}

#[test]
fn units_change_the_text_and_never_the_bytes() {
    let place = Place::new();
    let check = [&["check"], &SMALL[..]].concat();
    let gib = place.run(&check).out;
    let gb = place.run(&[&check[..], &["--unit", "gb"]].concat()).out;
    assert!(gib.contains(" GiB") && !gib.contains(" GB\n"), "{gib}");
    assert!(gb.contains(" GB") && !gb.contains("GiB"), "{gb}");
    let json = |unit| place.run(&[&check[..], &["--format", "json", "--unit", unit]].concat()).out;
    assert_eq!(json("gib"), json("gb"));
}

#[test]
fn text_suits_the_terminal() {
    let place = Place::new();
    let check = [&["check"], &LARGE[..]].concat();
    let utf8 = place.run(&check).out;
    assert!(utf8.contains('█') && utf8.contains('│') && !utf8.contains('\x1b'), "{utf8}");
    for locale in ["C", "de_DE.ISO-8859-1"] {
        let ascii = said(place.command(&check).env("LC_ALL", locale).output().unwrap()).out;
        assert!(ascii.is_ascii() && ascii.contains('#') && ascii.contains('|'), "{ascii}");
        assert!(!ascii.contains('?'), "every character has its like: {ascii}");
    }
    for line in utf8.lines().skip(2) {
        assert!(line.chars().count() <= 80, "80 columns: {line}");
    }
}

#[test]
fn without_a_terminal_the_explorer_names_the_commands() {
    let place = Place::new();
    for arguments in [&[][..], &["llama-3.1-8b", "--gpu", "h100-sxm-80"]] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert_eq!(said.err.lines().count(), 1);
        assert!(said.err.contains("`brimful check`"), "{}", said.err);
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let place = Place::new();
    for arguments in [&["estimate", "--ledger", "llama-3.1-8b"][..], &["models"], &["gpus"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().unwrap();
        let said = said(output);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn the_verdict_outlives_its_reader() {
    let place = Place::new();
    for (arguments, code) in [(SMALL, 0), (LARGE, 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command(&[&["check"], &arguments[..]].concat());
        let said = said(command.stdout(writer).output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (code, ""));
    }
}

#[test]
fn nothing_is_written_unasked() {
    let place = Place::new();
    for arguments in [
        &["check", "llama-3.1-8b", "--gpu", "h100-sxm-80"][..],
        &["estimate", "llama-3.1-8b", "--ledger"],
        &["models"],
        &["gpus"],
        &["frameworks"],
        &["--help"],
        &[],
    ] {
        place.run(arguments);
    }
    assert_eq!(place.files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_unknown_card_in_a_scenario_file_is_found_there() {
    let place = Place::new();
    place.write("run.toml", "model = \"llama-3.1-8b\"\ngpu = \"h101-sxm-80\"\n");
    let said = place.run(&["check", "run.toml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("run.toml:2:1: gpu: ") && said.err.contains("h100-sxm-80"), "{}", said.err);
    let flagged = place.run(&["check", "run.toml", "--gpu", "h102"]);
    assert!(!flagged.err.contains("run.toml"), "{}", flagged.err);
}

#[test]
fn the_largest_value_fits_and_the_next_does_not() {
    let place = Place::new();
    for (quantity, flag) in [("batch", "--batch"), ("seq", "--seq"), ("concurrency", "--batch"), ("context", "--seq")] {
        let task = if matches!(quantity, "batch" | "seq") { "train" } else { "infer" };
        let run = ["llama-3.2-1b", "--gpu", "rtx-4090", "--task", task];
        let found = place.json(&[&["max", quantity], &run[..]].concat());
        let value = bytes(&found["value"]);
        for (value, code) in [(value, 0), (value + 1, 1)] {
            let value = value.to_string();
            let checked = place.run(&[&["check"], &run[..], &[flag, &value]].concat());
            assert_eq!(checked.code, code, "{quantity} {value}: {}", checked.err);
        }
    }
    let far = place.run(&["max", "context", "llama-3.2-1b", "--gpu", "h200-sxm-141"]);
    assert!(far.err.contains("was made for sequences of 131,072 tokens"), "{}", far.err);
    let near = place.run(&["max", "context", "llama-3.1-8b", "--gpu", "rtx-4090"]);
    assert!(near.out.contains("fits") && near.err.is_empty(), "{}", near.err);
    // What is said of prompts is said of the context that is found, and not of the one that was there before.
    let prompts = ["max", "context", "llama-3.1-8b", "--gpu", "rtx-4090", "--batch", "1"];
    let said = place.run(&[&prompts[..], &["--set", "infer.prefill_tokens=64"]].concat()).err;
    assert!(said.matches("prompts of 64 tokens").count() == 1 && !said.contains("other 8,128"), "{said}");
    let none = place.run(&["max", "batch", "llama-3.1-405b", "--gpu", "t4"]);
    assert_eq!(none.code, 1);
    assert!(none.out.contains("none fits"), "{}", none.out);
}

#[test]
fn no_comes_with_what_would_make_it_yes() {
    let place = Place::new();
    let run = ["check", "llama-3.1-8b", "--gpu", "h100-sxm-80", "--seq", "8192"];
    let over = place.run(&run);
    let line = over.out.lines().find(|line| line.contains("--recompute full")).expect("a fix");
    assert!(line.contains("slower, same result"), "{line}");
    assert_eq!(place.run(&[&run[..], &["--recompute", "full"]].concat()).code, 0);
}

#[test]
fn an_imported_config_is_a_preset_that_runs_alike() {
    let place = Place::new();
    place.write("Tiny-LM/config.json", "{\"model_type\": \"qwen3\", \"num_hidden_layers\": 4}");
    let imported = place.run(&["import", "Tiny-LM"]);
    assert_eq!((imported.code, imported.err.as_str()), (0, ""));
    assert!(imported.out.starts_with("id = \"tiny-lm\"\nname = \"Tiny-LM\"\nfamily = \"qwen3\"\n"), "{}", imported.out);
    place.write("tiny.toml", &imported.out);
    let memory = |model| place.json(&["estimate", model])["memory"].clone();
    assert_eq!(memory("tiny.toml"), memory("Tiny-LM/config.json"));

    let preset = place.run(&["import", "tiny.toml"]);
    assert_eq!((preset.code, preset.out.as_str()), (2, ""));
    assert!(preset.err.contains("tiny.toml: a preset already"), "{}", preset.err);
    let nothing = place.run(&["import", "no/such/config.json"]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("no/such/config.json: "), "{}", nothing.err);
}

#[test]
fn runs_are_compared_side_by_side() {
    let place = Place::new();
    place.write("long.toml", "model = \"llama-3.2-1b\"\n[train]\nsequence_length = 8192\n");
    let arguments = ["compare", "llama-3.2-1b", "long.toml", "gpt2", "--gpu", "h100-sxm-80", "--batch", "2"];
    let document = place.json(&[&arguments[..3], &arguments[4..]].concat());
    let totals: Vec<u64> = document["totals"].as_array().unwrap().iter().map(bytes).collect();
    for (index, total) in totals.iter().enumerate() {
        assert_eq!(bytes(&document["runs"][index]["memory"]["total"]), *total);
    }
    assert!(totals[1] > totals[0]);
    let differing: Vec<_> = document["differences"].as_array().unwrap().iter().map(|it| &it["parameter"]).collect();
    assert_eq!(differing, ["train.sequence_length"]);
    let said = place.run(&[&arguments[..3], &arguments[4..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("they differ in") && said.out.contains("Total"), "{}", said.out);
    let csv = place.run(&[&arguments[..3], &arguments[4..], &["--format", "csv"]].concat());
    assert_eq!(csv.out.lines().count(), 3, "{}", csv.out);
    let one = place.run(&["compare", "gpt2"]);
    assert_eq!((one.code, one.out.as_str()), (2, ""));
    let mixed = place.json(&arguments);
    assert_eq!(mixed["runs"][2]["scenario"]["train"]["sequence_length"], 1024, "all that GPT-2 has positions for");
    let refused = place.run(&[&arguments[..], &["--seq", "4096"]].concat());
    assert_eq!(refused.code, 2, "GPT-2 has no 4096 positions");
}

#[test]
fn a_model_without_fused_attention_is_checked_with_the_one_it_has() {
    let place = Place::new();
    let own = place.json(&["estimate", "gpt-oss-20b"]);
    assert_eq!(own["scenario"]["train"]["attention"], "eager");
    let asked = place.run(&["estimate", "gpt-oss-20b", "--set", "train.attention=flash"]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("train.attention = flash is not covered"), "{}", asked.err);
    place.write("run.toml", "model = \"gpt-oss-20b\"\n[train]\nattention = \"flash\"\n");
    assert_eq!(place.run(&["estimate", "run.toml"]).code, 2);
    assert_eq!(place.json(&["estimate", "llama-3.2-1b"])["scenario"]["train"]["attention"], "flash");
}

/// Themes of one's own lie beside presets; pins stand beside the scenario.
#[cfg(feature = "tui")]
#[test]
fn a_view_is_rendered_in_a_theme_of_ones_own() {
    let place = Place::new();
    place.write("mine/themes/dusk.toml", "[styles]\nparameters = \"#123456\"\npaper = \"#111111 on #eeeeee\"\n");
    let run = ["render", "gpt2", "--presets", "mine", "--format", "svg", "--size", "80x24", "--theme"];
    let drawn = place.run(&[&run[..], &["dusk"]].concat());
    assert!(drawn.out.contains("fill=\"#123456\"") && drawn.out.contains("fill=\"#eeeeee\""), "{}", drawn.err);
    place.write("th/plain", "[styles]\nparameters = \"#654321\"\n");
    let drawn = place.run(&[&run[..], &["th/plain"]].concat());
    assert!(drawn.out.contains("fill=\"#654321\""), "a path is one whatever its end: {}", drawn.err);
    let missing = place.run(&[&run[..], &["duks"]].concat());
    assert!(missing.code == 2 && missing.err.contains("`dusk`"), "{}", missing.err);
    let pinned = place.run(&["render", "gpt2", "--pin", "gpt2-xl", "--view", "compare", "--size", "100x30"]);
    assert!(pinned.out.contains("A gpt2-xl") && pinned.out.contains("* gpt2"), "{}{}", pinned.out, pinned.err);
    let unknown = place.run(&["render", "gpt2", "--pin", "gpt2-xxl"]);
    assert!(unknown.code == 2 && unknown.err.contains("--pin: there is no model `gpt2-xxl`"), "{}", unknown.err);
}

/// Signs of two cells take two, and no blank follows them.
#[cfg(feature = "tui")]
#[test]
fn wide_signs_are_rendered_as_wide() {
    let place = Place::new();
    let gpt2 = include_str!("../../presets/models/gpt2.toml");
    let name = gpt2.lines().find(|line| line.starts_with("name = ")).unwrap();
    let wide = gpt2.replace("id = \"gpt2\"", "id = \"wide\"").replace(name, "name = \"模型七\"");
    place.write("mine/models/wide.toml", &wide);
    for format in ["text", "ansi", "svg"] {
        let drawn = place.run(&["render", "wide", "--presets", "mine", "--size", "80x24", "--format", format]);
        assert!(drawn.out.contains("模型七 · train"), "{format}: {}{}", drawn.out, drawn.err);
    }
}

/// Shells are offered what the tables hold, and help is not filled with it.
#[test]
fn completions_come_from_the_tables() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).out;
        for word in ["train.optimizer=paged-adamw-8bit", "h100-sxm-80", "llama-3.1-8b", "litgpt-0.4", "q4_k_m"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(!place.run(&["check", "--help"]).out.contains("paged-adamw-8bit"));
    let manual = place.run(&["man"]).out;
    assert!(manual.contains("train.micro_batch_size") && manual.contains("1 by default"));
}

#[cfg(feature = "tui")]
#[test]
fn a_view_is_rendered_without_a_terminal() {
    let place = Place::new();
    let run = ["render", "llama-3.1-8b", "--gpu", "h100-sxm-80", "--size", "80x24"];
    let text = place.run(&run);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    assert_eq!(text.out.lines().count(), 24);
    assert!(text.out.contains("Activations") && !text.out.contains('\u{1b}'), "{}", text.out);
    let ansi = place.run(&[&run[..], &["--format", "ansi", "--view", "cards"]].concat());
    assert!(ansi.out.contains("\u{1b}[") && ansi.out.contains("each line is the card's"), "{}", ansi.out);
    let svg = place.run(&[&run[..], &["--format", "svg", "--view", "Ledger"]].concat());
    assert!(svg.out.starts_with("<svg ") && svg.out.ends_with("</svg>\n"));
    for (arguments, says) in [
        (["--view", "plot"], "fit, cards, compare, sweep, timeline, ledger"),
        (["--size", "80"], "such as 120x40"),
        (["--size", "80x9999"], "from 1 to 500"),
        (["--gpu", "h100-sxm-8"], "h100-sxm-80"),
    ] {
        let said = place.run(&[&["render", "gpt2"], &arguments[..]].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.contains(says), "{}", said.err);
    }
}

/// An empty word, as of a variable that is not set, is no model.
#[test]
fn an_empty_name_is_no_model() {
    let place = Place::new();
    let commands: &[&[&str]] = &[
        &["check", ""],
        &["compare", "", "gpt2"],
        &[""],
        #[cfg(feature = "tui")]
        &["render", ""],
    ];
    for arguments in commands {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.starts_with("error: no model is given"), "{arguments:?}: {}", said.err);
    }
}

/// Whatever the word in a scenario file that cannot be run, the error says where it stands.
#[test]
fn what_a_scenario_file_cannot_have_is_located() {
    let place = Place::new();
    for (text, says) in [
        ("model = \"nope/m.toml\"\n", "1:1: model: "),
        (
            "model = \"gpt2\"\n[train]\nmethod = \"lora\"\nlora_targets = [\"q\", \"nosuch\"]\n",
            "4:1: train.lora_targets",
        ),
        ("model = \"gpt2\"\n\n[train]\nsequence_length = 4096\n", "4:1: train.sequence_length"),
    ] {
        let path = place.write("run.toml", text);
        let said = place.run(&["check", path.to_str().unwrap(), "--gpu", "l4"]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{text}");
        assert!(said.err.contains(&format!("run.toml:{says}")), "{}", said.err);
        let flagged = place.run(&["check", path.to_str().unwrap(), "--gpu", "l4", "--seq", "4096", "--model", "gpt2"]);
        assert!(!flagged.err.contains("run.toml:1:1") && flagged.code == 2, "{}", flagged.err);
    }
}

#[test]
fn a_filter_takes_several_words() {
    let place = Place::new();
    let found = place.run(&["models", "alibaba 0.6b"]);
    assert!(found.out.contains("qwen3-0.6b") && !found.out.contains("llama"), "{}", found.out);
}

#[test]
fn the_rule_of_thumb_counts_the_bits_of_the_weights() {
    let place = Place::new();
    let of = |weights: &str| {
        let set = format!("infer.weights={weights}");
        let run = ["estimate", "gemma-2-9b", "--task", "infer", "--set", "estimator=sketch", "--set", &set];
        bytes(&place.json(&run)["memory"]["parameters"])
    };
    assert_eq!(of("bf16"), 2 * of("int8"));
    assert_eq!(of("bf16"), 4 * of("nf4"));
    assert_eq!(of("fp32"), 2 * of("bf16"));
}

/// As in the view: a category that is empty at the peak shows its largest, and when that is.
#[test]
fn compared_gradients_are_those_of_their_own_instant() {
    let said = Place::new().run(&["compare", "llama-3.1-8b", "mistral-7b-v0.1", "--gpu", "h100-sxm-80"]);
    let line = said.out.lines().find(|line| line.starts_with("Gradients")).unwrap();
    assert!(line.contains("14.96 at backward_end"), "{line}");
}

#[test]
fn shells_and_manuals_are_served() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = place.run(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains("validate"), "{shell}");
    }
    let page = place.run(&["man"]);
    assert!(page.code == 0 && page.out.contains(".TH") && page.out.contains("train.micro_batch_size"), "{}", page.out);
    let later = place.run(&["plan", "llama-3.1-8b"]);
    assert_eq!(later.code, 2);
}

/// A prompt that is shorter than its context, and a card that is none of CUDA's, are said to be.
#[test]
fn what_a_reader_may_not_expect_is_said() {
    let place = Place::new();
    let run = ["check", "llama-3.1-8b", "--task", "infer", "--batch", "8"];
    let said = place.run(&[&run[..], &["--gpu", "h100-sxm-80", "--set", "infer.prefill_tokens=8192"]].concat());
    assert!(said.err.contains("prompts of 1,024 tokens") && said.err.contains("other 7,168"), "{}", said.err);
    let said = place.run(&[&run[..], &["--gpu", "mi300x"]].concat());
    assert!(said.out.contains("no CUDA card") && !said.err.contains("prompts of"), "{}", said.out);
    // The rule of thumb holds for no release, and for the memory of every card alike.
    let said = place.run(&[&run[..], &["--gpu", "mi300x", "--set", "estimator=sketch"]].concat());
    assert!(said.out.contains("no CUDA card") && !said.out.contains("holds for"), "{}", said.out);
    // A script reads the same.
    let read = place.json(&[&run[..], &["--gpu", "mi300x"]].concat());
    assert!(read["warnings"][0].as_str().unwrap().contains("no CUDA card"), "{}", read["warnings"]);
    // Cards without the kernels that are described.
    for card in ["t4", "v100-sxm2-32", "p100-pcie-16"] {
        let said = place.run(&["check", "llama-3.2-1b", "--gpu", card, "--precision", "bf16"]);
        let words = said.out.replace('\n', " ");
        assert!(words.contains("has no bf16") && words.contains("no FlashAttention-2"), "{card}: {words}");
    }
    let said = place.run(&["check", "llama-3.2-1b", "--gpu", "a100-sxm-80"]);
    assert!(!said.out.contains("has no") && said.out.contains("holds for Transformers 5.23"), "{}", said.out);
}

/// Every layer is played out: nobody should wait for a million of them, nor for a prompt token by token.
#[test]
fn absurd_depths_and_chunks_are_answered_at_once() {
    let place = Place::new();
    let sizes = r#""hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2"#;
    let deep = format!(r#"{{"model_type": "llama", {sizes}, "num_hidden_layers": 90000000, "vocab_size": 1000}}"#);
    place.write("deep.json", &deep);
    for task in ["train", "infer"] {
        let said = place.run(&["check", "deep.json", "--task", task, "--gpu", "h100-sxm-80"]);
        let named = said.err.contains("num_hidden_layers = 90000000") && said.err.contains("at most 10000");
        assert!(said.code == 2 && named, "{task}: {}", said.err);
    }
    let chunks = ["--set", "infer.context_length=4294967296", "--set", "infer.prefill_chunk_size=1"];
    let run = [&["check", "llama-3.2-1b", "--task", "infer", "--gpu", "h100-sxm-80"][..], &chunks].concat();
    assert_eq!(place.run(&run).code, 1);
}

#[test]
fn settings_hold_and_say_where_they_come_from() {
    let place = Place::new();
    let said = place.run(&["config"]);
    assert!(said.code == 0 && said.out.contains("unit = \"gib\"  # the default"), "{}", said.out);
    place.write("config/brimful/config.toml", "unit = \"gb\"\ntheme = \"light\"\n");
    let said = place.run(&["config"]);
    assert!(said.out.contains("unit = \"gb\"  # this file") && said.out.contains("theme = \"light\"  # this file"));
    assert!(place.run(&["check", "gpt2", "--gpu", "l4"]).out.contains(" GB"));
    assert!(place.run(&["check", "gpt2", "--gpu", "l4", "--unit", "gib"]).out.contains(" GiB"));
    // What is printed can be kept.
    place.write("config/brimful/config.toml", &said.out);
    assert_eq!(place.run(&["config"]).err, "");
    place.write("config/brimful/config.toml", "unt = \"gb\"\n");
    let said = place.run(&["check", "gpt2", "--gpu", "l4"]);
    assert!(
        said.code == 0 && said.err.contains("config.toml:1:1: unt: unknown") && said.err.contains("`unit`"),
        "{}",
        said.err
    );
    assert!(said.out.contains(" GiB"));
}

#[test]
fn a_picture_shows_what_a_command_answers() {
    let place = Place::new();
    let library = Library::embedded();
    let mut seen = 0;
    for model in library.models() {
        let mut scenario = Scenario::default();
        if memory::suit(model, &mut scenario, |_| false).is_empty() {
            continue;
        }
        // A length that was asked for leaves the attention to the model.
        let run = [model.id.as_str(), "--seq", "77", "--gpu", "h100-sxm-80"];
        let answered = place.run(&[&["estimate"], &run[..]].concat());
        let drawn = place.run(&[&["render"], &run[..]].concat());
        let shows_bars = drawn.out.contains("optimizer ") && drawn.out.contains('█');
        assert_eq!(answered.code == 0, shows_bars, "{}: {}{}", model.id, answered.err, drawn.out);
        seen += usize::from(answered.code == 0);
    }
    assert!(seen > 10, "{seen}");
    // What the model cannot do and somebody asked for is refused alike.
    let run = ["bloom-3b", "--set", "train.attention=flash", "--gpu", "h100-sxm-80"];
    assert_ne!(place.run(&[&["estimate"], &run[..]].concat()).code, 0);
    let drawn = place.run(&[&["render"], &run[..]].concat()).out;
    assert!(drawn.contains("flash is not covered"), "{drawn}");
}
