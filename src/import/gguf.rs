//! GGUF files: what their headers say of a model, and the exact bytes of its tensors.
//!
//! Of a file only its header is read. Its metadata become the keys of a `config.json`, which the importer of those reads,
//! so that one set of rules says what a model is.

mod archs;
mod document;
mod header;
mod layers;
mod names;
mod parts;
mod reader;
mod value;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

pub use header::{Header, TensorInfo};
pub use value::{Array, Value};

use super::config::{self, Imported};
use crate::located::{self, PresetError, suggestion};
use crate::model::stored::{FileFormat, LatentForm, StoredTensor, StoredTensors};
use crate::units::Bytes;
use archs::ARCHS;
use document::Document;
use names::Names;
use parts::Parts;
use reader::{LARGEST_HEADER, Reader, shown};

const ARCHITECTURE: &str = "general.architecture";

/// The model of a GGUF file, read together with the parts beside it where it is the first of several.
pub fn import(path: &Path) -> Result<Imported, PresetError> {
    let first = parts::first(path);
    let origin = first.display().to_string();
    let mut budget = LARGEST_HEADER;
    let header = read_file(&first, &mut budget)?;
    let parts = Parts::of(&first, &header)?;
    let mut headers = vec![header];
    for path in parts.others() {
        let part = read_file(path, &mut budget)?;
        parts.check(path, headers.len(), &part)?;
        headers.push(part);
    }
    let files = headers.len();
    let mut whole = headers.remove(0);
    for part in headers {
        whole.tensors.extend(part.tensors);
        whole.missing = whole.missing.saturating_add(part.missing);
    }
    parts.check_all(&whole, &origin)?;
    let named = parts::stem(&first);
    import_header(&whole, files, &origin, named.as_deref())
}

/// Whether a file is no later part of a model in several.
pub fn is_first(path: &Path) -> bool {
    parts::first(path) == path
}

/// The model of a GGUF file that lies in memory.
pub fn import_bytes(bytes: &[u8], origin: &str) -> Result<Imported, PresetError> {
    let header = read_bytes(bytes, origin)?;
    import_header(&header, 1, origin, None)
}

/// The header of a GGUF file that lies in memory.
pub fn read_bytes(bytes: &[u8], origin: &str) -> Result<Header, PresetError> {
    Header::read(&mut Reader::new(bytes, bytes.len() as u64, origin, LARGEST_HEADER))
}

/// The header of a file, which takes what it has off the budget.
fn read_file(path: &Path, budget: &mut u64) -> Result<Header, PresetError> {
    let (file, length) = located::open(path)?;
    let bytes: BufReader<File> = BufReader::with_capacity(1 << 16, file);
    let header = Header::read(&mut Reader::new(bytes, length, &path.display().to_string(), *budget))?;
    *budget = budget.saturating_sub(header.length);
    Ok(header)
}

/// The model that a header describes.
fn import_header(header: &Header, files: usize, origin: &str, named: Option<&str>) -> Result<Imported, PresetError> {
    let text = |key: &str| match header.metadata.get(key) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    if let Some(kind) = text("general.type").filter(|kind| *kind != "model") {
        let message = format!("found {kind:?}, not a model; name the file of the language model");
        return Err(reader::located(origin, "general.type", &message));
    }
    let Some(name) = text(ARCHITECTURE) else {
        let message = "missing; it names the architecture of the model, such as `llama` or `qwen3`";
        return Err(reader::located(origin, ARCHITECTURE, message));
    };
    let Some(arch) = ARCHS.iter().find(|arch| arch.name == name) else {
        let known: Vec<&str> = ARCHS.iter().map(|arch| arch.name).collect();
        let message = format!("`{}` is not an architecture that is read; {}", shown(name), suggestion(name, &known));
        return Err(reader::located(origin, ARCHITECTURE, &message));
    };
    let mut stored = stored(header, files);
    let mut document = Document::new(header, origin, name);
    arch.read(&mut document)?;
    published(&mut document, header, &stored);
    let (keys, said_by) = document.finish();
    let name_of_model = text("general.name").or(named).map(shown);
    let imported = config::import_known(&keys, origin, name_of_model.as_deref());
    let mut imported = imported.map_err(|error| in_metadata(&error, origin, &said_by))?;
    let parts = Names::of(&imported.model.architecture);
    stored.tensors.iter_mut().for_each(|tensor| parts.place(tensor));
    parts.check(&stored.tensors, origin)?;
    let beyond = stored.tensors.iter().filter(|tensor| tensor.apart).filter_map(|tensor| tensor.layer);
    if beyond.max().is_some() {
        imported.model.card.omitted.push(String::from("layers that predict further tokens"));
    }
    imported.model.stored = Some(Arc::new(stored));
    Ok(imported)
}

/// An error about a key that was made of the metadata, at the key of theirs.
fn in_metadata(error: &PresetError, origin: &str, said_by: &[(&'static str, String)]) -> PresetError {
    let own = said_by.iter().find(|(key, _)| *key == error.place.key).map(|(_, own)| own.as_str());
    reader::located(origin, own.unwrap_or(&error.place.key), &error.message)
}

/// The tensors that a header names, before it is known what they are of.
fn stored(header: &Header, files: usize) -> StoredTensors {
    let tensor = |info: &TensorInfo| StoredTensor {
        name: shown(&info.name),
        word: info.kind.word(),
        bits: info.kind.bits(),
        shape: info.dimensions.iter().rev().copied().collect(),
        bytes: Bytes::new(info.bytes),
        layer: None,
        part: None,
        apart: false,
    };
    let tensors: Vec<StoredTensor> = header.tensors.iter().map(tensor).collect();
    let has = |end: &str| header.tensors.iter().any(|tensor| tensor.name.ends_with(end));
    let latent = match (has(".attn_k_b.weight"), has(".attn_kv_b.weight")) {
        (true, _) => Some(LatentForm::Split),
        (false, true) => Some(LatentForm::Whole),
        (false, false) => None,
    };
    StoredTensors { format: FileFormat::Gguf, files, tensors, latent, missing: Bytes::new(header.missing) }
}

/// The type in which the weights are stored: that of nearly all of them where none is quantized, or the name of their mixture.
fn published(document: &mut Document<'_>, header: &Header, stored: &StoredTensors) {
    const KEY: &str = "general.file_type";
    const PLAIN: [(&str, &str); 3] = [("f32", "float32"), ("f16", "float16"), ("bf16", "bfloat16")];
    let types = stored.types();
    let plain = |word: &str| PLAIN.into_iter().find(|(known, _)| *known == word).map(|(_, dtype)| dtype);
    if let Some(dtype) = types.first().and_then(|(word, ..)| plain(word))
        && types.iter().all(|(word, ..)| plain(word).is_some())
    {
        document.set_by_tensors("torch_dtype", KEY, dtype);
        return;
    }
    let named = match header.metadata.get(KEY) {
        Some(Value::Whole(number)) => MIXTURES.iter().find(|(id, _)| i128::from(*id) == *number).map(|(_, name)| *name),
        _ => None,
    };
    let format = named.map_or_else(|| stored.words(), str::to_owned);
    document.set_by_tensors("quantization_config", KEY, serde_json::json!({"quant_method": "gguf", "format": format}));
}

/// The mixtures of types that llama.cpp names, by their numbers in a file.
const MIXTURES: [(u32, &str); 31] = [
    (2, "q4_0"),
    (3, "q4_1"),
    (7, "q8_0"),
    (8, "q5_0"),
    (9, "q5_1"),
    (10, "q2_k"),
    (11, "q3_k_s"),
    (12, "q3_k_m"),
    (13, "q3_k_l"),
    (14, "q4_k_s"),
    (15, "q4_k_m"),
    (16, "q5_k_s"),
    (17, "q5_k_m"),
    (18, "q6_k"),
    (19, "iq2_xxs"),
    (20, "iq2_xs"),
    (21, "q2_k_s"),
    (22, "iq3_xs"),
    (23, "iq3_xxs"),
    (24, "iq1_s"),
    (25, "iq4_nl"),
    (26, "iq3_s"),
    (27, "iq3_m"),
    (28, "iq2_s"),
    (29, "iq2_m"),
    (30, "iq4_xs"),
    (31, "iq1_m"),
    (36, "tq1_0"),
    (37, "tq2_0"),
    (38, "mxfp4_moe"),
    (39, "nvfp4"),
];
