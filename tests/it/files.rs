//! Files with weights as public packages write them (`tests/reference/files.py`).

use std::path::{Path, PathBuf};

use brimful::import::{gguf, safetensors};
use brimful::model::stored::{FileFormat, LatentForm};
use brimful::model::{Model, parameters};
use brimful::open;
use brimful::preset::Library;

use crate::support::binary::Place;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/files").join(name)
}

fn model(name: &str) -> Model {
    open::import(&Library::default(), &path(name)).unwrap_or_else(|error| panic!("{error}")).model
}

/// Parameters of the architecture, tensors, their bytes, and those of each type.
fn told(model: &Model) -> (u64, usize, u64, String) {
    let stored = model.stored.as_deref().unwrap();
    let count = parameters::count(&model.architecture).unwrap().get();
    (count, stored.tensors.len(), stored.bytes().unwrap().get(), stored.words())
}

#[test]
fn every_tensor_has_the_bytes_that_the_package_wrote() {
    for (name, family, (count, tensors, bytes, words)) in [
        ("llama.gguf", "llama", (58_112, 13, 42_592, "q4_K, q8_0, q6_K, q5_0 and f32")),
        ("llama-v2.gguf", "llama", (58_112, 13, 35_360, "q4_K, iq4_nl and f32")),
        ("llama-be.gguf", "llama", (7264, 13, 14_752, "f16 and f32")),
        ("qwen3-00001-of-00002.gguf", "qwen3", (10_176, 24, 20_736, "f16 and f32")),
        ("gemma3.gguf", "gemma3_text", (38_624, 80, 43_952, "q8_0 and f32")),
        ("deepseek2-whole.gguf", "deepseek_v3", (7560, 32, 15_536, "f16 and f32")),
        ("deepseek2-split.gguf", "deepseek_v3", (7560, 34, 15_536, "f16 and f32")),
        ("single", "llama", (5968, 21, 11_936, "F16")),
        ("single/model.safetensors", "llama", (5968, 21, 11_936, "F16")),
        ("sharded", "llama", (5968, 21, 11_936, "F16")),
        ("sharded/model.safetensors.index.json", "llama", (5968, 21, 11_936, "F16")),
        ("sharded/model-00002-of-00002.safetensors", "llama", (5968, 21, 11_936, "F16")),
    ] {
        let model = model(name);
        assert_eq!(model.family.id, family, "{name}");
        assert_eq!(told(&model), (count, tensors, bytes, words.to_owned()), "{name}");
        let stored = model.stored.as_deref().unwrap();
        assert!(stored.missing.is_zero(), "{name} is whole");
        let elements: u64 = stored.tensors.iter().map(|tensor| tensor.elements().unwrap()).sum();
        // Rotary frequencies of the Llama and a router's correction are no parameters of their classes.
        assert!((0..=8).contains(&(elements - count)), "{name}: {elements} elements");
    }
}

#[test]
fn a_part_of_a_model_is_the_whole_of_it() {
    let (first, second) = (model("qwen3-00001-of-00002.gguf"), model("qwen3-00002-of-00002.gguf"));
    assert_eq!(first, second);
    assert_eq!(first.stored.unwrap().files, 2);
    assert_eq!(model("sharded").stored.unwrap().files, 2);
    assert_eq!(first.architecture.checkpoint.unwrap().word, "fp16");
}

#[test]
fn a_file_decides_how_latent_attention_is_held() {
    let form = |name| model(name).stored.unwrap().latent;
    assert_eq!(form("deepseek2-whole.gguf"), Some(LatentForm::Whole));
    assert_eq!(form("deepseek2-split.gguf"), Some(LatentForm::Split));
    assert_eq!(form("llama.gguf"), None);
    assert_eq!(model("deepseek2-whole.gguf").architecture, model("deepseek2-split.gguf").architecture);
}

#[test]
fn a_gemma_has_the_windows_of_its_class_and_one_table() {
    let architecture = model("gemma3.gguf").architecture;
    assert!(architecture.tie_word_embeddings);
    let windows: Vec<_> = architecture.groups.iter().map(|group| group.layers).collect();
    assert_eq!(windows, [5, 1]);
    let first = architecture.attentions().next().unwrap();
    assert_eq!(first.sliding_window, Some(512));
}

#[test]
fn all_types_of_values_and_of_elements_are_read() {
    let bytes = std::fs::read(path("types.gguf")).unwrap();
    let header = gguf::read_bytes(&bytes, "types.gguf").unwrap();
    assert_eq!((header.version, header.tensors.len(), header.missing), (3, 34, 0));
    let says = |key: &str| format!("{:?}", header.metadata[&format!("types.{key}")]);
    for key in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"] {
        assert_eq!(says(key), "Whole(7)", "{key}");
    }
    assert_eq!([says("float32"), says("float64"), says("bool")], ["Float(7.0)", "Float(7.0)", "Flag(true)"]);
    assert_eq!(says("string"), "Text(\"words, ünd mehr\")");
    assert!(says("array").contains("kind: \"array\", count: 3"), "{}", says("array"));
    assert!(says("texts").contains("kind: \"text\", count: 3"), "{}", says("texts"));
    assert!(says("flags").contains("whole: Some([1, 0, 1])"), "{}", says("flags"));
    // A row of one block or of 256 elements each, laid end to end: the last one ends where the file does.
    let refused = gguf::import_bytes(&bytes, "types.gguf").unwrap_err().to_string();
    assert!(refused.contains("general.architecture: `types` is not an architecture that is read"), "{refused}");
}

#[test]
fn all_types_of_safetensors_are_read() {
    let bytes = std::fs::read(path("dtypes.safetensors")).unwrap();
    let header = safetensors::read_bytes(&bytes, "dtypes.safetensors").unwrap();
    let bits: Vec<_> = header.tensors.iter().map(|tensor| (tensor.dtype.word(), tensor.dtype.bits())).collect();
    assert_eq!(bits.len(), 18);
    for known in [("F4", 4), ("F8_E8M0", 8), ("BF16", 16), ("C64", 64), ("BOOL", 8)] {
        assert!(bits.contains(&known), "{bits:?}");
    }
}

#[test]
fn the_ledger_of_a_gguf_file_is_its_own_tensors() {
    let place = Place::new();
    for name in ["llama.gguf", "gemma3.gguf", "deepseek2-split.gguf"] {
        let file = path(name);
        let command =
            ["estimate", file.to_str().unwrap(), "--task", "infer", "--set", "infer.weights=native", "--ledger"];
        let json = place.json(&[&command[..], &["--set", "infer.context_length=128"]].concat());
        let stored = model(name).stored.unwrap();
        assert_eq!(json["memory"]["parameters"].as_u64(), Some(stored.bytes().unwrap().get()), "{name}");
        let entries = json["ledger"].as_array().unwrap();
        let own = |entry: &&serde_json::Value| entry["category"] == "parameters";
        let parameters: Vec<_> = entries.iter().filter(own).collect();
        assert!(parameters.iter().all(|entry| entry["exact"] == true), "{name}");
        let sum: u64 = parameters.iter().map(|entry| entry["bytes"].as_u64().unwrap()).sum();
        assert_eq!(sum, stored.bytes().unwrap().get(), "{name}");
    }
    let gemma = path("gemma3.gguf");
    let gemma = ["estimate", gemma.to_str().unwrap(), "--task", "infer"];
    let json = place.json(&[&gemma[..], &["--set", "infer.weights=native", "--ledger"]].concat());
    let down = json["ledger"].as_array().unwrap().iter().find(|entry| entry["name"] == "mlp.down.weight").unwrap();
    assert_eq!((down["count"].as_u64(), down["bits"].as_f64()), (Some(6), Some(8.5)), "{down}");
    let unpacked = place.json(&gemma).to_string();
    assert!(
        unpacked.contains("was opened from a GGUF file, whose own tensors infer.weights=native counts"),
        "{unpacked}"
    );
}

#[test]
fn files_are_models_wherever_one_is_named() {
    let place = Place::new();
    let file = path("llama.gguf");
    let check = place.run(&["check", file.to_str().unwrap(), "--gpu", "h100-sxm-80", "--task", "infer"]);
    assert_eq!(check.code, 0, "{}", check.err);
    place.write(
        "run.toml",
        &format!("model = {:?}\ntask = \"infer\"\n[infer]\nweights = \"native\"\n", file.to_str().unwrap()),
    );
    let run = place.json(&["estimate", "run.toml"]);
    assert_eq!(run["memory"]["parameters"].as_u64(), Some(42_592));
    let imported = place.run(&["import", path("sharded").to_str().unwrap()]);
    let told = "# safetensors: 21 tensors in 2 files, 11,936 bytes stored: F16 21 (11,936 bytes)\nid = \"sharded\"\n";
    assert!(imported.out.starts_with(told), "{}", imported.out);
    place.write("own.toml", &imported.out);
    assert_eq!(place.run(&["estimate", "own.toml"]).code, 0, "what it prints is a preset");
    let mixture = place.run(&["import", file.to_str().unwrap()]);
    assert!(mixture.err.contains("no room for the tensors of gguf (q4_k_m)"), "{}", mixture.err);
    assert_eq!(model("single").stored.unwrap().format, FileFormat::Safetensors);
}

#[test]
fn what_is_not_there_is_said() {
    let place = Place::new();
    let copy = |from: &str, to: &str| {
        let to = place.write(to, "");
        std::fs::copy(path(from), to).unwrap();
    };
    copy("qwen3-00001-of-00002.gguf", "first/qwen3-00001-of-00002.gguf");
    copy("qwen3-00002-of-00002.gguf", "second/qwen3-00002-of-00002.gguf");
    copy("sharded/model-00001-of-00002.safetensors", "shard/model-00001-of-00002.safetensors");
    copy("sharded/model.safetensors.index.json", "index/model.safetensors.index.json");
    copy("single/model.safetensors", "alone/model.safetensors");
    copy("llama.gguf", "two/llama.gguf");
    copy("gemma3.gguf", "two/gemma3.gguf");
    copy("llama.gguf", "one/llama.gguf");
    for (path, says) in [
        (
            "first/qwen3-00001-of-00002.gguf",
            "split.count: found `2` files, of which first/qwen3-00002-of-00002.gguf is missing",
        ),
        ("second/qwen3-00002-of-00002.gguf", "whose first part second/qwen3-00001-of-00002.gguf is missing"),
        ("shard/model-00001-of-00002.safetensors", "of which shard/model.safetensors.index.json would name all"),
        (
            "index/model.safetensors.index.json",
            "names 2 files, of which index/model-00001-of-00002.safetensors and 1 more is missing",
        ),
        ("alone/model.safetensors", "21 tensors, and no config.json beside them"),
        ("alone", "alone: a folder without a config.json, which says what model its weights are of"),
        ("two", "two: several GGUF files (gemma3.gguf, llama.gguf, …); name one of them"),
        ("none.gguf", "none.gguf: No such file"),
    ] {
        let said = place.run(&["import", path]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{path}");
        assert!(said.err.contains(says), "{path}: {}", said.err);
    }
    assert_eq!(place.run(&["import", "one"]).code, 0, "a folder with one file is that");
    // The small files of a model alone are a model without stored tensors.
    copy("sharded/config.json", "index/config.json");
    let small = place.run(&["import", "index"]);
    assert!(small.code == 0 && small.out.starts_with("id = \"index\""), "{}", small.out);
}
