//! Headers of GGUF files: llama.cpp's architectures as those of Transformers, and files that are not what they claim.

use std::collections::HashMap;

use brimful::import::gguf::{Value, import_bytes, read_bytes};
use brimful::model::{Model, parameters};

use crate::support::gguf::{F16, F32, Said, header, text};

/// A small model of an architecture.
struct Case {
    arch: &'static str,
    family: &'static str,
    keys: Vec<(String, u32)>,
    tensors: Vec<(String, Vec<u64>, u32)>,
    layers: usize,
}

/// A line of a list: a name and its numbers.
fn listed(text: &'static str) -> Vec<(&'static str, Vec<u64>)> {
    let item = |item: &'static str| {
        let (name, numbers) = item.trim().split_once(' ').unwrap();
        (name, numbers.split(' ').map(|number| number.parse().unwrap()).collect())
    };
    text.split(',').map(item).collect()
}

fn cases() -> Vec<Case> {
    let (mut keys, mut tensors, mut cases) = (HashMap::new(), HashMap::new(), Vec::new());
    for line in include_str!("../reference/gguf_architectures.txt").lines() {
        let Some((head, rest)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else { continue };
        match head.split(' ').collect::<Vec<_>>()[..] {
            ["keys", name] => drop(keys.insert(name, listed(rest))),
            ["tensors", name] => drop(tensors.insert(name, listed(rest))),
            ["model", arch, family] => {
                let [said, ends, layers] = rest.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
                let mut case = Case { arch, family, keys: Vec::new(), tensors: Vec::new(), layers: 0 };
                for (name, numbers) in said.split(' ').flat_map(|group| &keys[group]) {
                    // What comes later wins.
                    case.keys.retain(|(known, _)| known != &format!("{arch}.{name}"));
                    case.keys.push((format!("{arch}.{name}"), u32::try_from(numbers[0]).unwrap()));
                }
                case.add("", ends, &tensors);
                for layer in layers.split(" ; ") {
                    let (times, groups) = layer.split_once(" * ").unwrap_or(("1", layer));
                    for _ in 0..times.parse().unwrap() {
                        let before = format!("blk.{}.", case.layers);
                        case.add(&before, groups, &tensors);
                        case.layers += 1;
                    }
                }
                case.keys.push((format!("{arch}.block_count"), u32::try_from(case.layers).unwrap()));
                cases.push(case);
            }
            _ => panic!("{line}"),
        }
    }
    cases
}

impl Case {
    fn of(arch: &str) -> Self {
        cases().into_iter().find(|case| case.arch == arch).unwrap()
    }

    fn add(&mut self, before: &str, groups: &str, known: &HashMap<&str, Vec<(&'static str, Vec<u64>)>>) {
        for (name, shape) in groups.split(' ').flat_map(|group| &known[group]) {
            let kind = if shape.len() > 1 { F16 } else { F32 };
            self.tensors.push((format!("{before}{name}"), shape.clone(), kind));
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut all = vec![("general.architecture", Said::Text(self.arch))];
        all.extend(self.keys.iter().map(|(key, number)| (key.as_str(), Said::Number(*number))));
        header(&all, &self.tensors)
    }

    /// Elements of the tensors that the family's class has too.
    fn elements(&self) -> u64 {
        let beyond = self.keys.iter().find(|(key, _)| key.ends_with("nextn_predict_layers"));
        let own = self.layers - beyond.map_or(0, |(_, layers)| *layers as usize);
        let counted = |name: &str| {
            let layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')?.0.parse::<usize>().ok());
            layer.is_none_or(|layer| layer < own) && !name.contains("exp_probs_b")
        };
        let counted = self.tensors.iter().filter(|(name, ..)| counted(name));
        counted.map(|(_, shape, _)| shape.iter().product::<u64>()).sum()
    }
}

fn imported(bytes: &[u8]) -> Model {
    import_bytes(bytes, "x.gguf").unwrap_or_else(|error| panic!("{error}")).model
}

#[test]
fn architectures_of_llama_cpp_are_those_of_transformers() {
    let cases = cases();
    assert!(cases.len() >= 35, "{}", cases.len());
    for case in cases {
        let Case { arch, family, .. } = case;
        let model = import_bytes(&case.header(), "x.gguf").unwrap_or_else(|error| panic!("{arch}: {error}")).model;
        assert_eq!(model.family.id, family, "{arch}");
        assert_eq!(parameters::count(&model.architecture).unwrap().get(), case.elements(), "{arch} as {family}");
        let stored = model.stored.unwrap();
        for tensor in stored.tensors.iter().filter(|tensor| !tensor.apart && tensor.shape.len() > 1) {
            assert!(tensor.part.is_some(), "{arch}: {} is of no part", tensor.name);
        }
        assert!(stored.missing.get() > 0, "only the header was written");
    }
}

#[test]
fn layers_that_predict_further_tokens_are_apart() {
    let model = imported(&Case::of("glm4moe").header());
    assert_eq!(model.architecture.num_hidden_layers(), 2);
    assert_eq!(model.card.omitted, ["layers that predict further tokens"]);
    let stored = model.stored.unwrap();
    assert!(stored.tensors.iter().all(|tensor| tensor.apart == (tensor.layer == Some(2))));
}

#[test]
fn a_list_says_which_layers_have_a_window() {
    for pattern in [[1, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 0]] {
        let case = Case::of("gemma3");
        let mut keys = vec![("general.architecture", Said::Text("gemma3"))];
        keys.extend(case.keys.iter().map(|(key, number)| (key.as_str(), Said::Number(*number))));
        keys.push(("gemma3.attention.sliding_window_pattern", Said::Numbers(&pattern)));
        let model = imported(&header(&keys, &case.tensors));
        let mut windows = Vec::new();
        for group in &model.architecture.groups {
            let windowed = group.layer.attention().unwrap().sliding_window.is_some();
            windows.extend((0..group.layers).map(|_| u32::from(windowed)));
        }
        assert_eq!(windows, pattern);
    }
}

/// The head of a file with a key each, to be made wrong.
fn small(keys: &[(&str, Said<'_>)]) -> Vec<u8> {
    let tensors = [("token_embd.weight".to_owned(), vec![64, 32], F16)];
    header(keys, &tensors)
}

fn refusal(bytes: &[u8]) -> String {
    import_bytes(bytes, "x.gguf").unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_header_is_said_where_it_is() {
    let llama = ("general.architecture", Said::Text("llama"));
    let good = small(&[llama]);
    let with = |offset: usize, new: &[u8]| {
        let mut bytes = good.clone();
        bytes[offset..offset + new.len()].copy_from_slice(new);
        bytes
    };
    for (bytes, says) in [
        (b"GGUF".to_vec(), "x.gguf: at byte 4: a number of 4 bytes, where the file has 0 left"),
        (Vec::new(), "at byte 0: a field of 4 bytes, where the file has 0 left"),
        (with(0, b"GGML"), "at byte 0: begins with `GGML`, where a GGUF file has `GGUF`"),
        (with(0, b"\x7fELF"), "begins with `\\x7fELF`"),
        (with(4, &[1, 0, 0, 0]), "at byte 4: version 1 of the format; versions 2 and 3 are read"),
        (with(4, &[4, 0, 0, 0]), "version 4 of the format"),
        (with(8, &u64::MAX.to_le_bytes()), "at byte 8: 18446744073709551615 tensors; at most 1048576 are read"),
        (with(8, &(1_u64 << 20).to_le_bytes()), "at byte 8: 1048576 tensors, where "),
        (with(16, &(1_u64 << 40).to_le_bytes()), "at byte 16: 1099511627776 keys; at most 1048576 are read"),
        (with(24, &u64::MAX.to_le_bytes()), "at byte 32: a text of 18446744073709551615 bytes, where the file has"),
        (with(24, &0_u64.to_le_bytes()), "at byte 24: a key without a name"),
        (with(52, &[99, 0, 0, 0]), "general.architecture: at byte 52: a value of type 99; types are 0 to 12"),
        (small(&[]), "x.gguf: general.architecture: missing; it names the architecture"),
        (small(&[llama, llama]), "general.architecture: at byte 69: stands there twice"),
        (
            small(&[("general.architecture", Said::Text("lama"))]),
            "`lama` is not an architecture that is read; the nearest is `llama`",
        ),
        (small(&[("general.architecture", Said::Text("a\u{1b}[2Jb"))]), "`a\u{fffd}[2Jb` is not"),
        (small(&[llama, ("general.type", Said::Text("mmproj"))]), "general.type: found \"mmproj\", not a model"),
        (small(&[llama, ("general.alignment", Said::Number(24))]), "general.alignment: at byte "),
        (small(&[llama]), "llama.embedding_length: missing; it has no default"),
        (
            small(&[llama, ("llama.embedding_length", Said::Text("many"))]),
            "llama.embedding_length: found the text \"many\", expected a whole number that is not negative",
        ),
        (
            small(&[llama, ("llama.embedding_length", Said::Number(32)), ("llama.block_count", Said::Number(99))]),
            "llama.block_count: found 99, in a file with 1 tensors",
        ),
        (
            small(&[
                llama,
                ("llama.embedding_length", Said::Number(32)),
                ("llama.block_count", Said::Number(1)),
                ("llama.feed_forward_length", Said::Numbers(&[8, 16])),
            ]),
            "llama.feed_forward_length: found different numbers; layers of different widths are not covered",
        ),
    ] {
        let said = refusal(&bytes);
        assert!(said.contains(says), "{said}\n{says}");
        assert!(said.starts_with("x.gguf: "), "{said}");
    }
}

#[test]
fn tensors_must_be_what_the_metadata_say() {
    let bytes = Case::of("llama").header();
    let swap = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let said = refusal(&swap("blk.1.ffn_gate.weight", "blk.1.ffn_gone.weight"));
    assert!(said.contains("layer 1 has no tensor for mlp.gate.weight, which its metadata ask for"), "{said}");
    let said = refusal(&swap("blk.1.ffn_gate.weight", "blk.7.ffn_gate.weight"));
    assert!(said.contains("llama.block_count: found 2, in a file with a tensor of layer 7"), "{said}");
    // Rows of the second dimension, behind the name, the rank and the first.
    let at = bytes.windows(13).position(|window| window == b"blk.0.attn_k.").unwrap() + "blk.0.attn_k.weight".len();
    let mut wide = bytes.clone();
    wide[at + 12..at + 20].copy_from_slice(&8_u64.to_le_bytes());
    let said = refusal(&wide);
    assert!(
        said.contains("blk.0.attn_k.weight: found 256 elements, where the metadata give attention.key.weight 512"),
        "{said}"
    );
    for (offset, new, says) in [
        (0, 9_u32.to_le_bytes().to_vec(), "9 dimensions; ggml has 1 to 4"),
        (20, 37_u32.to_le_bytes().to_vec(), "elements of type 37, which ggml does not have, or has no more"),
        (20, 12_u32.to_le_bytes().to_vec(), "rows of 32 elements, which blocks of q4_K (256) do not divide"),
        (4, (1_u64 << 63).to_le_bytes().to_vec(), "more than 2^64 bytes"),
        (24, 7_u64.to_le_bytes().to_vec(), "begins at 7, which is no multiple of 32"),
        (24, 32_u64.to_le_bytes().to_vec(), "where the tensor before it ends at"),
    ] {
        let mut wrong = bytes.clone();
        wrong[at + offset..at + offset + new.len()].copy_from_slice(&new);
        let said = refusal(&wrong);
        assert!(said.contains(says) && said.starts_with("x.gguf: blk.0.attn_k.weight: at byte "), "{said}");
    }
}

#[test]
fn arrays_claim_no_memory() {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    text(&mut bytes, "deep");
    bytes.extend(9_u32.to_le_bytes());
    let start = bytes.clone();
    for (kind, count) in [(0_u32, 1_u64 << 60), (8, 1 << 40), (9, u64::MAX), (12, 1 << 61)] {
        let mut bytes = start.clone();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend([0; 64]);
        let said = read_bytes(&bytes, "x.gguf").unwrap_err().to_string();
        assert!(said.contains(&format!("deep: at byte 44: an array of {count} × ")), "{said}");
    }
    let mut deep = start;
    for _ in 0..70 {
        deep.extend(9_u32.to_le_bytes());
        deep.extend(1_u64.to_le_bytes());
    }
    let said = read_bytes(&deep, "x.gguf").unwrap_err().to_string();
    assert!(said.contains("arrays inside arrays, more than 64 deep"), "{said}");
    // Of all arrays together a million numbers are kept.
    let mut many = b"GGUF\x03\0\0\0".to_vec();
    many.extend(0_u64.to_le_bytes());
    many.extend(70_u64.to_le_bytes());
    for number in 0..70 {
        text(&mut many, &format!("key {number:02}"));
        many.extend([9_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat());
        many.extend((1_u64 << 14).to_le_bytes());
        many.extend([7; 1 << 14]);
    }
    let header = read_bytes(&many, "x.gguf").unwrap();
    let kept = |value: &&Value| matches!(value, Value::Array(array) if array.whole.is_some());
    assert_eq!(header.metadata.values().filter(kept).count(), 64);
}
