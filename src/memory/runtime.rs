//! What no tensor of the program is: the CUDA context, kernel-library workspaces, the allocator's slack.
//!
//! Every entry is an estimate with the range in which it was seen; `tests/reference/README.md` names the observations.

use std::borrow::Cow;

use super::category::Category;
use super::entry::{Alive, Entry, Exactness, Lifetime, Place, Shape};
use crate::gpu::Gpu;
use crate::units::{Bits, Bytes, Overflow};

const MIB: u64 = 1 << 20;

/// The runtime entries of a PyTorch process on a card whose tensors come to `allocated` at the peak.
pub(super) fn entries(gpu: Option<&Gpu>, allocated: Bytes, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let context = match gpu.and_then(|gpu| gpu.context_mib) {
        Some(mib) => [mib, mib, mib],
        None => [450, 300, 600],
    };
    let [context, low, high] = context.map(Bytes::from_mib);
    let cublas = Bytes::new(if workspace_is_large(gpu) { 32 * MIB } else { 65 * MIB / 8 });
    // Observed reserved over allocated: 1.00 with expandable segments, 1.05 usually.
    let slack = Bytes::new(allocated.get() / 20);
    Ok(vec![
        entry(
            "CUDA context and loaded kernels (outside PyTorch's allocator)",
            context?,
            (low?, high?),
            alive,
            "observed 300 to 600 MiB with lazy loading, CUDA 11.7 and later",
        ),
        entry(
            "cuBLAS workspace (inside PyTorch's allocator)",
            cublas,
            (Bytes::ZERO, cublas),
            alive,
            "PyTorch 2.x: 32 MiB on Hopper and later, 8.125 MiB before",
        ),
        entry(
            "allocator slack (inside PyTorch's allocator)",
            Bytes::ZERO,
            (Bytes::ZERO, slack),
            alive,
            "observed reserved over allocated: 1.00 to 1.21, 1.05 usually",
        ),
    ])
}

/// Hopper and later take 4096·8 KiB of cuBLAS workspace.
fn workspace_is_large(gpu: Option<&Gpu>) -> bool {
    let architecture = gpu.and_then(|gpu| gpu.architecture.as_deref());
    architecture.is_none_or(|name| ["Hopper", "Blackwell"].iter().any(|large| name.contains(large)))
}

fn entry(name: &'static str, bytes: Bytes, (low, high): (Bytes, Bytes), alive: Alive, source: &'static str) -> Entry {
    Entry {
        category: Category::Runtime,
        name: Cow::Borrowed(name),
        place: Place::Runtime,
        shape: Shape::new(&[]),
        bits: Bits::whole(8),
        count: 1,
        divided_by: 1,
        bytes,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Estimated { low, high },
        source,
    }
}
