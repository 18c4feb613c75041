//! PyTorch's caching allocator, played out: which segments it takes from the driver for a sequence of allocations and
//! releases, and the least card on which that sequence runs.
//!
//! Best fit with splitting and joining, a pool for small blocks and one for large ones, segments that are kept until an
//! allocation fails. One device; every stream has pools of its own. The rules are those of PyTorch 2.4 to 2.15, which behave alike; what is
//! reserved equals theirs to the byte (`tests/reference/README.md`).

mod block;
mod caching;
mod expandable;
mod laid;
mod pool;
mod replay;
mod settings;

pub(crate) use block::Stream;
pub(crate) use laid::{Laid, laid};
pub(crate) use replay::{Event, Played, Replay, replay};
pub(crate) use settings::Settings;

const MIB: u64 = 1 << 20;
