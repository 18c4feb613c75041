//! Any text as an index of safetensors files: names of files or an error.
#![no_main]

use brimful::import::safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = safetensors::read_index(text, "fuzz.safetensors.index.json");
});
