//! Any bytes as a GGUF file: a model or an error.
#![no_main]

use brimful::import::gguf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = gguf::import_bytes(bytes, "fuzz.gguf");
});
