//! Any bytes as a safetensors file: a header or an error.
#![no_main]

use brimful::import::safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = safetensors::read_bytes(bytes, "fuzz.safetensors");
});
