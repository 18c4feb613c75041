//! Embeds the presets and the reference cases: sorted tables of paths and texts, which `preset` reads like a user's
//! folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=presets");
    println!("cargo:rerun-if-changed=tests/reference/cases");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("presets.rs"), table(&root.join("presets"), &["models", "gpus", "frameworks"])?)?;
    fs::write(out.join("cases.rs"), table(&root.join("tests/reference"), &["cases"])?)
}

fn table(root: &Path, folders: &[&str]) -> io::Result<String> {
    let mut table = String::from("&[\n");
    for folder in folders {
        for path in presets(&root.join(folder))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let _ = writeln!(table, "    ({:?}, include_str!({:?})),", format!("{folder}/{name}"), path.display());
        }
    }
    table.push_str("]\n");
    Ok(table)
}

fn presets(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
