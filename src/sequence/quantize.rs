//! What bitsandbytes makes of a weight as it comes.

use super::{Sequence, WEIGHT};

const QUANTIZING: &str = "scratch of quantizing a weight";

/// bitsandbytes' 4 bits: the weight in 16 bits, then scales in fp32, codes, and with double quantization the scales'
/// own codes and scales, before what is no longer needed goes.
pub(crate) fn quantize(sequence: &mut Sequence, weight: u64, pieces: &[u64], [first, turned]: [bool; 2]) {
    let [codes, rest @ ..] = pieces else { return };
    let made = sequence.allocate(QUANTIZING, weight);
    let copy = turned.then(|| sequence.allocate(QUANTIZING, weight));
    // Codes of 4 bits, of which 64 share a scale.
    let scales = codes.div_ceil(32).saturating_mul(4);
    let double = rest.len() > 2;
    let wide = double.then(|| sequence.allocate(QUANTIZING, scales));
    if !double {
        sequence.allocate(WEIGHT, scales);
    }
    sequence.allocate(WEIGHT, *codes);
    sequence.allocate(WEIGHT, 64);
    if let Some(wide) = wide {
        sequence.allocate(WEIGHT, 4);
        let centred = sequence.allocate(QUANTIZING, scales);
        if first {
            sequence.allocate(WEIGHT, 1024);
        }
        for bytes in [4 * (scales / 4).div_ceil(256), scales / 4, 1024] {
            sequence.allocate(WEIGHT, bytes);
        }
        sequence.release(centred);
        sequence.release(wide);
    }
    for weight in copy.into_iter().chain([made]) {
        sequence.release(weight);
    }
}
