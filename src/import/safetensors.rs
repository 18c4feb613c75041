//! safetensors files: the exact bytes of each tensor, by their headers. What the tensors are of is not in them: the
//! `config.json` beside them says that.

mod dtype;
mod header;
mod index;

use std::collections::HashSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use dtype::Dtype;
pub use header::{Header, TensorInfo};

use super::config::{self, Imported};
use crate::located::{self, PresetError, is_there};
use crate::model::stored::{FileFormat, StoredTensor, StoredTensors};
use crate::units::{Bits, Bytes};
use header::{LARGEST_HEADER, at, shown};
use index::Index;

/// The names that a model's weights have in a folder.
const WHOLE: &str = "model.safetensors";
/// The same, of an index of several files.
const INDEX: &str = "model.safetensors.index.json";
const CONFIG: &str = "config.json";

/// Whether a path names the index of several files.
pub fn is_index(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(".safetensors.index.json"))
}

/// The model of a file of weights, or of an index of several, whose `config.json` lies beside it.
pub fn import(path: &Path) -> Result<Imported, PresetError> {
    let stored = match index_of(path)? {
        Some(index) => sharded(&index)?,
        None => whole(path)?,
    };
    let beside = path.with_file_name(CONFIG);
    if !is_there(&beside) {
        let tensors = stored.tensors.len();
        let message = format!(
            "{tensors} tensors, and no {CONFIG} beside them, which says what model they are of; put the model's there"
        );
        return Err(PresetError::file(path.display().to_string(), message));
    }
    Ok(with(config::import(&beside)?, stored))
}

/// The index that a path names, or that of the files of which it names one; none of a file that is all there is.
fn index_of(path: &Path) -> Result<Option<PathBuf>, PresetError> {
    if is_index(path) {
        return Ok(Some(path.to_owned()));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((before, _)) = name.split_once("-of-").and_then(|(before, _)| before.rsplit_once('-')) else {
        return Ok(None);
    };
    let index = path.with_file_name(format!("{before}.safetensors.index.json"));
    if is_there(&index) {
        return Ok(Some(index));
    }
    let message = format!("one of several files, of which {} would name all; put it beside them", index.display());
    Err(PresetError::file(path.display().to_string(), message))
}

/// The weights that lie beside a `config.json`, where all of them do.
pub fn beside(imported: Imported, folder: &Path) -> Result<Imported, PresetError> {
    let index = folder.join(INDEX);
    if is_there(&index) {
        // People fetch the small files of a model alone.
        if !Index::read(&index)?.missing(folder).is_empty() {
            return Ok(imported);
        }
        return Ok(with(imported, sharded(&index)?));
    }
    let file = folder.join(WHOLE);
    Ok(if is_there(&file) { with(imported, whole(&file)?) } else { imported })
}

/// Whether a folder has weights.
pub fn are_in(folder: &Path) -> bool {
    [WHOLE, INDEX].iter().any(|name| is_there(&folder.join(name)))
}

/// The header of a file that lies in memory.
pub fn read_bytes(bytes: &[u8], origin: &str) -> Result<Header, PresetError> {
    Header::read(bytes, bytes.len() as u64, origin, LARGEST_HEADER)
}

/// The files that an index in memory names.
pub fn read_index(text: &str, origin: &str) -> Result<Vec<String>, PresetError> {
    Index::parse(text, origin).map(|index| index.files.into_keys().collect())
}

fn with(mut imported: Imported, stored: StoredTensors) -> Imported {
    imported.model.stored = Some(Arc::new(stored));
    imported
}

/// The tensors of one file.
fn whole(path: &Path) -> Result<StoredTensors, PresetError> {
    let header = read_file(path, &mut { LARGEST_HEADER })?;
    Ok(stored(vec![header]))
}

/// The tensors of all files that an index names, each of which has those that it should.
fn sharded(path: &Path) -> Result<StoredTensors, PresetError> {
    let origin = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    let index = Index::read(path)?;
    let missing: Vec<PathBuf> = index.missing(folder);
    if let Some(first) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        let message = format!("names {} files, of which {}{more} is missing", index.files.len(), first.display());
        return Err(PresetError::file(origin, message));
    }
    let mut budget = LARGEST_HEADER;
    let mut headers = Vec::with_capacity(index.files.len());
    let mut names: HashSet<String> = HashSet::new();
    for (file, expected) in &index.files {
        let path = folder.join(file);
        let header = read_file(&path, &mut budget)?;
        let here: HashSet<&str> = header.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        if let Some(lacking) = expected.iter().find(|name| !here.contains(name.as_str())) {
            let message = format!("weight_map: found {file:?}, which has no such tensor");
            return Err(at(&origin, lacking, message));
        }
        for tensor in &header.tensors {
            if !names.insert(tensor.name.clone()) {
                let message = String::from("a tensor that stands in two of the files");
                return Err(at(&path.display().to_string(), &tensor.name, message));
            }
        }
        headers.push(header);
    }
    Ok(stored(headers))
}

/// The header of a file, which takes what it has off the budget.
fn read_file(path: &Path, budget: &mut u64) -> Result<Header, PresetError> {
    let (file, length) = located::open(path)?;
    let header = Header::read(BufReader::new(file), length, &path.display().to_string(), *budget)?;
    *budget = budget.saturating_sub(header.length);
    Ok(header)
}

fn stored(headers: Vec<Header>) -> StoredTensors {
    let files = headers.len();
    let tensor = |info: TensorInfo| StoredTensor {
        layer: layer(&info.name),
        name: shown(&info.name),
        word: info.dtype.word(),
        bits: Bits::whole(info.dtype.bits()),
        shape: info.shape,
        bytes: Bytes::new(info.bytes),
        part: None,
        apart: false,
    };
    let tensors = headers.into_iter().flat_map(|header| header.tensors).map(tensor).collect();
    StoredTensors { format: FileFormat::Safetensors, files, tensors, latent: None, missing: Bytes::ZERO }
}

/// The first number in a name, which is that of a layer.
fn layer(name: &str) -> Option<u64> {
    name.split('.').find_map(|word| word.parse().ok())
}
