//! What vLLM pads as it loads: experts in 4-bit floats, to the sides that its kernels ask for.

use crate::frameworks::engine::{Served, always, entry};
use crate::ledger::{Category, Entry, Exactness, Place};
use crate::model::architecture::FeedForward;
use crate::model::part::Site;
use crate::shape::Dim;
use crate::states::quantized::Format;
use crate::units::{Bits, Bytes, Overflow, portion};

const SOURCE: &str =
    "fused_moe/oracle/mxfp4.py of vLLM 0.33.0, read: Marlin and TRT-LLM; CUTLASS and DeepGEMM pad less";

/// Sides that Marlin and TRT-LLM pad to: of an expert's width, and of the stream.
const SIDES: [u64; 2] = [128, 256];

/// What padding adds to experts in MXFP4, as of the kernels that pad most; others pad both sides to 128.
pub(super) fn of_experts(served: &Served<'_>) -> Result<Option<Entry>, Overflow> {
    let architecture = served.architecture();
    let experts = architecture.groups.iter().find_map(|group| match &group.layer.feed_forward {
        FeedForward::Experts(experts) => Some(experts),
        _ => None,
    });
    let Some(experts) = experts.filter(|_| served.stored.format() == Some(Format::Mxfp4)) else { return Ok(None) };
    let sides = [experts.intermediate_size / served.ways, architecture.hidden_size];
    let of_experts = served.blocks().into_iter().map(|mut block| {
        block.tensors.retain(|tensor| tensor.part.site() == Site::Experts);
        block
    });
    let stored = served.stored(&of_experts.collect::<Vec<_>>())?;
    let bytes = Bytes::checked_sum(stored.iter().map(|entry| entry.bytes))?.get();
    let padded = |to: [u64; 2]| {
        let [width, hidden] = [0, 1].map(|side| sides[side].next_multiple_of(to[side]));
        let wide = portion(bytes, width, sides[0])?;
        Ok::<_, Overflow>(portion(wide, hidden, sides[1])?.saturating_sub(bytes))
    };
    let (most, least) = (padded(SIDES)?, padded([128, 128])?);
    if most == 0 {
        return Ok(None);
    }
    let dims = [Dim { symbol: "", size: most }];
    let name = "experts.padding of rows and columns";
    let of = entry(Category::Parameters, name, (Place::Model, 1), (&dims, Bits::whole(8)), always(), SOURCE)?;
    let exactness = Exactness::Estimated { low: Bytes::new(least), high: Bytes::new(most) };
    Ok(Some(Entry { exactness, ..of }))
}
