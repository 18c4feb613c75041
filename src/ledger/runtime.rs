//! What no tensor of the program is: the CUDA context, kernel-library workspaces, the allocator's slack.
//!
//! Every entry is an estimate with the range in which it was seen; `tests/reference/README.md` names the observations.

use std::borrow::Cow;

use super::budget::Budget;
use super::category::Category;
use super::division::Division;
use super::entry::{Alive, Entry, Exactness, Lifetime, Origin, Overhead, Place};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::scenario::{Estimator, Scenario};
use crate::shape::Shape;
use crate::units::{Bits, Bytes, Overflow};

/// Who says which workspaces libraries take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Workspaces {
    /// What is usual is estimated.
    #[default]
    Usual,
    /// The run does.
    OfRun,
}

/// The process in which a run takes place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Process {
    /// Mebibytes outside the allocator, where one knows them.
    context_mib: Option<u64>,
    /// Mebibytes that are to stay free.
    pub(crate) margin_mib: u64,
    /// Whether the allocator is played out; else what it adds is estimated.
    pub(crate) played: bool,
    /// Whether a compiler chose the order in which the run asks for memory, so that what is played out is one of several.
    pub(crate) order_guessed: bool,
    /// Whether it is known to be one of several that exchange tensors.
    communicates: bool,
    /// Who says which workspaces libraries take.
    workspaces: Workspaces,
    /// Whether the run is known no better than by the rule of thumb, which knows no process.
    sketched: bool,
    /// Whether an engine makes its own memory, without PyTorch's allocator to estimate.
    engine: bool,
    /// What it lets itself take of the card.
    budget: Budget,
    /// Mebibytes that Metal may wire, where that is said.
    wired_limit_mib: Option<u64>,
}

impl Process {
    /// That of a scenario, whose allocator is played out or not.
    pub(crate) fn of(scenario: &Scenario, played: bool) -> Self {
        let runtime = &scenario.runtime;
        let sketched = scenario.estimator == Estimator::Sketch;
        Self {
            context_mib: runtime.context_mib,
            margin_mib: runtime.margin_mib,
            played,
            order_guessed: false,
            communicates: scenario.gpus > 1 && !sketched,
            workspaces: Workspaces::Usual,
            sketched,
            engine: false,
            budget: Budget::Needs,
            wired_limit_mib: runtime.wired_limit_mib,
        }
    }

    /// The same of an engine, on so many GPUs that exchange tensors.
    pub(crate) const fn of_engine(self, budget: Budget, tensor: u64) -> Self {
        Self { engine: true, budget, communicates: tensor > 1, workspaces: Workspaces::OfRun, ..self }
    }

    /// Whether an engine makes its own memory.
    pub(crate) const fn is_engine(self) -> bool {
        self.engine
    }

    /// Whether it is one under Metal, which has no context to speak of.
    fn is_without_context(self, gpu: Option<&Gpu>) -> bool {
        self.engine && self.context_mib.is_none() && gpu.is_some_and(Gpu::is_unified_by_metal)
    }

    /// What a card can hand out: of a Mac's memory what is said to be wired, where it is.
    pub(crate) fn capacity(self, gpu: &Gpu) -> Result<Bytes, Overflow> {
        let wired = self.wired_limit_mib.filter(|_| self.engine && gpu.is_unified_by_metal());
        let free = gpu.free_mib.unwrap_or(u64::MAX);
        wired.map_or_else(|| gpu.capacity(), |wired| Bytes::from_mib(wired.min(free)))
    }

    /// What it lets itself take of a card.
    pub(crate) const fn budget(self) -> Budget {
        self.budget
    }

    /// The same where the order of what is asked for may be a compiler's choice.
    pub(crate) const fn in_guessed_order(self, order_guessed: bool) -> Self {
        Self { order_guessed, ..self }
    }

    /// The same where the run says itself which workspaces libraries take.
    pub(crate) const fn with_own_workspaces(self) -> Self {
        Self { workspaces: Workspaces::OfRun, ..self }
    }

    /// What stands outside PyTorch's allocator on a card: the usual, the least and the most.
    pub(crate) fn context(self, gpu: Option<&Gpu>) -> Result<[Bytes; 3], Overflow> {
        let ([usual, low, high], beside) = (self.of_cuda(gpu)?, self.communicators()?);
        let [of_usual, of_low, of_high] = beside;
        Ok([usual.checked_add(of_usual)?, low.checked_add(of_low)?, high.checked_add(of_high)?])
    }

    /// What NCCL takes: the usual, the least and the most.
    fn communicators(self) -> Result<[Bytes; 3], Overflow> {
        let [usual, low, high] = if self.communicates { COMMUNICATORS_MIB } else { [0; 3] }.map(Bytes::from_mib);
        Ok([usual?, low?, high?])
    }

    /// What the CUDA context takes: the usual, the least and the most.
    fn of_cuda(self, gpu: Option<&Gpu>) -> Result<[Bytes; 3], Overflow> {
        if self.sketched || self.is_without_context(gpu) {
            return Ok([Bytes::ZERO; 3]);
        }
        let [usual, low, high] = match self.context_mib.or_else(|| gpu.and_then(|gpu| gpu.context_mib)) {
            Some(mib) => [mib; 3],
            None => [450, 300, 600],
        }
        .map(Bytes::from_mib);
        Ok([usual?, low?, high?])
    }

    /// What of these entries stands outside PyTorch's allocator.
    pub(crate) fn context_of(entries: &[Entry]) -> Result<Bytes, Overflow> {
        Bytes::checked_sum(entries.iter().filter(|entry| !entry.in_allocator()).map(|entry| entry.bytes))
    }

    /// Whether an entry is one of those below, and not a workspace of which the run says itself.
    pub(crate) fn makes(self, entry: &Entry) -> bool {
        let own = self.workspaces == Workspaces::OfRun && entry.place == Place::Runtime(Overhead::Workspace);
        entry.category == Category::Runtime && !own
    }

    /// The runtime entries on a card whose tensors come to `allocated` at the peak.
    pub(crate) fn entries(self, gpu: Option<&Gpu>, allocated: Bytes, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let [context, low, high] = self.of_cuda(gpu)?;
        let mut entries = Vec::with_capacity(4);
        if !self.is_without_context(gpu) {
            entries.push(entry(
                Overhead::Context,
                if self.engine { CONTEXT } else { "CUDA context and loaded kernels (outside PyTorch's allocator)" },
                context,
                Exactness::Estimated { low, high },
                alive,
                "observed 300 to 600 MiB with lazy loading, CUDA 11.7 and later",
            ));
        }
        if self.communicates {
            let [usual, low, high] = self.communicators()?;
            entries.push(entry(
                Overhead::Communicators,
                "NCCL communicators (outside PyTorch's allocator)",
                usual,
                Exactness::Estimated { low, high },
                alive,
                "nvidia-smi less what PyTorch reserves and the context, on 2 to 8 GPUs: 0.1 to 3 GB",
            ));
        }
        if self.played || self.engine {
            return Ok(entries);
        }
        let cublas = Bytes::new(Kernels::of(gpu).product);
        // Observed reserved over allocated: 1.00 with expandable segments, 1.05 usually.
        let slack = Bytes::new(allocated.get() / 20);
        if self.workspaces == Workspaces::Usual {
            entries.push(entry(
                Overhead::Workspace,
                WORKSPACE,
                cublas,
                Exactness::Estimated { low: Bytes::ZERO, high: cublas },
                alive,
                "PyTorch 2.x: 32 MiB on Hopper and later, 8.125 MiB before",
            ));
        }
        entries.push(entry(
            Overhead::Slack,
            "allocator slack (inside PyTorch's allocator)",
            Bytes::ZERO,
            Exactness::Estimated { low: Bytes::ZERO, high: slack },
            alive,
            "observed reserved over allocated: 1.00 to 1.21, 1.05 usually",
        ));
        Ok(entries)
    }
}

/// Mebibytes of NCCL's channels and buffers: usual, least, most.
const COMMUNICATORS_MIB: [u64; 3] = [1024, 100, 3000];

/// What an engine finds taken when it starts.
const CONTEXT: &str = "CUDA context and loaded kernels";

/// What a workspace of cuBLAS is called.
pub(crate) const WORKSPACE: &str = "cuBLAS workspace (inside PyTorch's allocator)";

/// Workspaces of cuBLAS that stand from their first use on.
pub(crate) fn standing_workspaces(bytes: Bytes, alive: Alive) -> Entry {
    let source = "PyTorch before 2.10: one for each thread that multiplies, until the process ends";
    entry(Overhead::Workspace, WORKSPACE, bytes, Exactness::Exact, alive, source)
}

/// What the allocator holds beyond what is asked of it at the peak; no more than a guess where sizes of tensors are estimates.
pub(crate) fn unusable(bytes: Bytes, exact: bool, alive: Alive) -> Result<Entry, Overflow> {
    let exactness =
        if exact { Exactness::Exact } else { Exactness::Estimated { low: Bytes::ZERO, high: bytes.checked_mul(2)? } };
    let (name, source) =
        ("reserved and unusable (inside PyTorch's allocator)", "caching allocator of PyTorch 2.4 to 2.15, played out");
    Ok(entry(Overhead::Unusable, name, bytes, exactness, alive, source))
}

fn entry(
    part: Overhead,
    name: &'static str,
    bytes: Bytes,
    exactness: Exactness,
    alive: Alive,
    source: &'static str,
) -> Entry {
    Entry {
        category: Category::Runtime,
        name: Cow::Borrowed(name),
        place: Place::Runtime(part),
        shape: Shape::new(&[]),
        bits: Bits::whole(8),
        count: 1,
        divided: Division::NONE,
        bytes,
        lifetime: Lifetime::Persistent,
        alive,
        exactness,
        source,
        origin: Origin::Shapes,
    }
}
