//! compressed-tensors under Transformers: a matrix is in codes until the first pass and itself from then on.
//!
//! A hook before the first pass makes every linear layer of the model dense for good, one after the other; scales stay,
//! those of 4-bit floats in the type of the model. Stacked experts are dense as soon as they are loaded. Measured on
//! PyTorch's allocator with Transformers 5.23 and compressed-tensors 0.20.1.

use super::Stored;
use super::scheme;
use crate::ledger::{Alive, Entry, Exactness, Instant, Lifetime, Place};
use crate::model::architecture::{Code, Method, Scheme};
use crate::model::parameters::Tensor;
use crate::model::part::Site;
use crate::shape::{Dim, Shape};
use crate::states::weights;
use crate::units::{Bits, Bytes, Overflow};

const SOURCE: &str = "compressed-tensors 0.20.1 under Transformers 5.23: a hook before the first pass makes matrices dense, \
                      measured on PyTorch's allocator";

/// Whether it is how matrices of a scheme are kept.
pub(super) const fn is_kept_so(scheme: Scheme) -> bool {
    matches!(scheme.method, Method::CompressedTensors)
}

/// When a tensor is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Until the first pass.
    Loaded,
    /// From the first pass on.
    Passes,
    Throughout,
}

impl When {
    /// Its instants.
    pub(super) fn alive(self) -> Alive {
        let (load, passes) = (Alive::at([Instant::Load]), Alive::at([Instant::Prefill, Instant::Decode]));
        match self {
            Self::Loaded => load,
            Self::Passes => passes,
            Self::Throughout => load.union(passes),
        }
    }
}

/// The tensors of a matrix, and when they are there.
pub(super) fn stored(tensor: &Tensor, scheme: Scheme, plain: Bits) -> Vec<(Stored, When)> {
    let dense = Stored::plain(tensor, plain);
    if is_stacked(tensor) {
        return vec![(dense, When::Throughout)];
    }
    let mut kept = Vec::with_capacity(6);
    for (index, part) in scheme::stored(tensor, scheme).into_iter().enumerate() {
        match index {
            0 => kept.push((part, When::Loaded)),
            1 if widens(scheme) => {
                let wide = Stored { bits: plain, ..part };
                kept.extend([(part, When::Loaded), (wide, When::Passes)]);
            }
            _ => kept.push((part, When::Throughout)),
        }
    }
    kept.push((dense, When::Passes));
    kept
}

fn is_stacked(tensor: &Tensor) -> bool {
    matches!(tensor.part.site(), Site::Experts | Site::Expert)
}

/// Whether the scales of each group come to the type of the model.
const fn widens(scheme: Scheme) -> bool {
    matches!(scheme.code, Code::NvFloat4 | Code::MxFloat4 | Code::MxFloat8)
}

/// Bytes that are asked for, for each element of a matrix, at the fullest moment of making it dense; that was measured
/// but for whole numbers of other than 4 and 8 bits and MXFP8.
const fn scratch(code: Code) -> (u32, bool) {
    match code {
        Code::Packed(bits) => (1 + bits, matches!(bits, 4 | 8)),
        Code::Integer8 | Code::Float8 => (4, true),
        Code::NvFloat4 | Code::MxFloat4 => (23, true),
        Code::MxFloat8 => (4, false),
    }
}

/// What making matrices dense, in their order, has beside their codes at its fullest moment.
#[derive(Debug, Default)]
pub(super) struct Decompression {
    /// What those before have grown by.
    grown: u64,
    /// The most so far: what had grown, and the elements and bytes of each that the next matrix takes.
    fullest: Option<(u64, Shape, u32)>,
    guessed: bool,
}

impl Decompression {
    /// Counts the matrices of one tensor in some layers; the last of them comes to what those before have grown by.
    pub(super) fn add(&mut self, tensor: &Tensor, scheme: Scheme, plain: Bits, layers: u64) -> Result<(), Overflow> {
        if is_stacked(tensor) {
            return Ok(());
        }
        let (bytes, measured) = scratch(scheme.code);
        self.guessed |= !measured;
        let mut sizes = [0_u64; 2];
        for (part, when) in stored(tensor, scheme, plain) {
            let bytes = part.bits.bytes(part.shape.elements()?)?.get();
            let side = match when {
                When::Loaded => &mut sizes[0],
                When::Passes => &mut sizes[1],
                When::Throughout => continue,
            };
            *side = side.checked_add(bytes).ok_or(Overflow)?;
        }
        let growth = sizes[1].saturating_sub(sizes[0]);
        let before = growth.checked_mul(layers - 1).and_then(|grown| grown.checked_add(self.grown)).ok_or(Overflow)?;
        let taken = |(grown, shape, bytes): &(u64, Shape, u32)| -> Result<u64, Overflow> {
            shape
                .elements()?
                .checked_mul(u64::from(*bytes))
                .and_then(|scratch| scratch.checked_add(*grown))
                .ok_or(Overflow)
        };
        let now = (before, weights::shape(tensor), bytes);
        let most = self.fullest.as_ref().map_or(Ok(0), taken)?;
        if taken(&now)? > most {
            self.fullest = Some(now);
        }
        self.grown = before.checked_add(growth).ok_or(Overflow)?;
        Ok(())
    }

    /// What is there beside the codes then.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, Overflow> {
        let Some((grown, shape, bytes)) = self.fullest else { return Ok(Vec::new()) };
        let so_far = Shape::new(&[Dim { symbol: "", size: grown }]);
        let named = [
            ("matrices made dense so far, beyond their codes", so_far, 1),
            ("scratch of making the next matrix dense", shape, bytes),
        ];
        let each = |(name, shape, bytes): (&'static str, Shape, u32)| -> Result<Entry, Overflow> {
            let entry = weights::plain(name, Place::Model, shape, 8 * bytes, When::Loaded.alive(), SOURCE)?;
            let exactness = if self.guessed {
                Exactness::Estimated { low: Bytes::ZERO, high: entry.bytes }
            } else {
                Exactness::Exact
            };
            Ok(Entry { lifetime: Lifetime::Transient, exactness, ..entry })
        };
        named.into_iter().map(each).collect()
    }
}
