//! The readers of files with weights, on files that were good before something happened to them: no panic, and soon done.
//!
//! The fuzz targets in `fuzz/` look further; this is the part that always runs, the same each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use brimful::import::{gguf, safetensors};

/// A generator of numbers that are random enough (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most.max(1) as u64)).unwrap()
    }
}

/// What was good, in a corpus.
fn seeds(corpus: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One to four things that happen to a file: bits turn, numbers become others, it ends early, parts are there twice.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    const NUMBERS: [u64; 10] = [0, 1, 7, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next().to_le_bytes()[0],
            2 => {
                let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
                let wide = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                bytes[at..at + wide].copy_from_slice(&number[..wide]);
            }
            3 => bytes.truncate(at),
            _ => {
                let end = (at + 1 + random.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

/// Reads so many mutations of the seeds of a corpus; how many were still taken.
fn storm(corpus: &str, rounds: usize, read: impl Fn(&[u8]) -> bool) -> usize {
    let (seeds, mut random) = (seeds(corpus), Random(0x9e37_79b9_7f4a_7c15));
    assert!(seeds.iter().all(|seed| read(seed)), "seeds are good");
    let mut taken = 0;
    for round in 0..rounds {
        let bytes = mutated(&seeds[round % seeds.len()], &mut random);
        let start = Instant::now();
        taken += usize::from(read(&bytes));
        let took = start.elapsed();
        assert!(took < Duration::from_secs(2), "{corpus}: mutation {round} took {took:?}");
    }
    taken
}

#[test]
fn no_mutation_of_a_gguf_file_is_too_much() {
    let taken = storm("gguf", 10_000, |bytes| gguf::import_bytes(bytes, "x.gguf").is_ok());
    assert!((100..9_000).contains(&taken), "some are refused and some are not: {taken}");
}

#[test]
fn no_mutation_of_a_safetensors_file_is_too_much() {
    let taken = storm("safetensors", 10_000, |bytes| safetensors::read_bytes(bytes, "x.safetensors").is_ok());
    assert!((50..9_000).contains(&taken), "{taken}");
    let read = |bytes: &[u8]| {
        std::str::from_utf8(bytes).is_ok_and(|text| safetensors::read_index(text, "x.safetensors.index.json").is_ok())
    };
    let taken = storm("index", 5_000, read);
    assert!((50..4_900).contains(&taken), "{taken}");
}
