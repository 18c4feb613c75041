//! One line of the ledger: a named, sourced, explained number of bytes.

use std::borrow::Cow;
use std::fmt;

use super::category::Category;
use super::division::Division;
use super::instant::{Instant, Step};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, grouped};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The bar it belongs to.
    pub category: Category,
    /// What it is: `attention.query after rotary embedding`.
    pub name: Cow<'static, str>,
    /// Where it is.
    pub place: Place,
    /// Its shape in symbols and numbers; empty for what is no tensor.
    pub shape: Shape,
    /// Bits per element.
    pub bits: Bits,
    /// How many of it there are: layers, usually.
    pub count: u64,
    /// Over which GPUs it is divided, and how large the part of this one is.
    pub divided: Division,
    /// Total over `count`, after division.
    pub bytes: Bytes,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// The instants in which it is alive.
    pub alive: Alive,
    /// Whether it follows from shapes.
    pub exactness: Exactness,
    /// The paper and equation, or the framework and version, that it was read from.
    pub source: &'static str,
    /// How it came into the ledger.
    pub origin: Origin,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Before the first layer.
    Embedding,
    /// Layers from the first to the last of these, counted from 0.
    Layers(u64, u64),
    /// So many of the layers from the first to the last of these.
    Among {
        /// How many.
        layers: u64,
        /// The first, counted from 0.
        first: u64,
        /// The last.
        last: u64,
    },
    /// After the last layer.
    FinalNorm,
    /// The output projection.
    Head,
    /// The vision or audio tower beside the layers.
    Tower,
    /// What brings its outputs into the stream.
    Projector,
    /// The loss.
    Loss,
    /// The whole model.
    Model,
    /// The optimizer's step.
    Optimizer,
    /// The process around the program.
    Runtime(Overhead),
}

/// A part of the process around the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Overhead {
    /// The CUDA context and loaded kernels, outside PyTorch's allocator.
    Context,
    /// What NCCL takes for its communicators, outside it too.
    Communicators,
    /// What a kernel library works with.
    Workspace,
    /// What the allocator usually holds beyond its blocks, where it is not played out.
    Slack,
    /// What it holds and cannot use, where it is.
    Unusable,
    /// What blocks are larger than what lies in them.
    Blocks,
}

impl Place {
    /// So many layers, the first and the last of which are these.
    pub(crate) const fn among(layers: u64, first: u64, last: u64) -> Self {
        if layers > last - first { Self::Layers(first, last) } else { Self::Among { layers, first, last } }
    }

    /// How many layers it is about, with the first and the last of them; nothing outside the layers.
    pub(crate) const fn layers(self) -> Option<(u64, u64, u64)> {
        match self {
            Self::Layers(first, last) => Some((last - first + 1, first, last)),
            Self::Among { layers, first, last } => Some((layers, first, last)),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => f.pad("embedding"),
            Self::Layers(first, last) if first == last => f.pad(&format!("layer {first}")),
            Self::Layers(first, last) => f.pad(&format!("layers {first}-{last}")),
            Self::Among { layers, first, last } => f.pad(&format!("{layers} of layers {first}-{last}")),
            Self::FinalNorm => f.pad("final norm"),
            Self::Head => f.pad("head"),
            Self::Tower => f.pad("tower"),
            Self::Projector => f.pad("projector"),
            Self::Loss => f.pad("loss"),
            Self::Model => f.pad("model"),
            Self::Optimizer => f.pad("optimizer"),
            Self::Runtime(_) => f.pad("runtime"),
        }
    }
}

/// How an entry came into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// From shapes and formats.
    Shapes,
    /// The same, of a buffer of a quantized layer, which is no parameter.
    Buffer,
    /// The same, of what a recurrent layer remembers of a sequence.
    State,
    /// From a recording of code that was measured.
    Measured(Held),
    /// From a recording of code that was read.
    Derived(Held),
}

/// What a program holds on to beyond its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    /// Not this.
    No,
    /// What the model returns, where the caller keeps it.
    Output,
    /// What stands from the step before, and so not in the first.
    FromStepBefore,
}

impl Origin {
    /// Whether it was recorded.
    pub(crate) const fn held(self) -> Option<Held> {
        match self {
            Self::Measured(held) | Self::Derived(held) => Some(held),
            Self::Shapes | Self::Buffer | Self::State => None,
        }
    }

    /// Whether what it says was measured in one version, and stands in others on the word of their profiles.
    pub(crate) const fn is_measured(self) -> bool {
        matches!(self, Self::Measured(_))
    }
}

/// How long an entry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// From step to step, or for a good part of a step: weights, states, gradients, inputs.
    Persistent,
    /// From forward to its backward.
    Saved,
    /// Within a named instant.
    Transient,
}

impl Lifetime {
    /// `persistent`, `saved` or `transient`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Saved => "saved",
            Self::Transient => "transient",
        }
    }
}

/// The set of (step, instant) pairs in which an entry is alive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Alive(u32);

impl Alive {
    /// Never.
    pub const NEVER: Self = Self(0);

    /// In these instants of both steps.
    pub fn at(instants: impl IntoIterator<Item = Instant>) -> Self {
        instants.into_iter().fold(Self::NEVER, Self::in_both)
    }

    /// In one instant of one step.
    #[must_use]
    pub const fn with(self, step: Step, instant: Instant) -> Self {
        Self(self.0 | Self::bit(step, instant))
    }

    /// In one instant of either step.
    #[must_use]
    pub const fn in_both(self, instant: Instant) -> Self {
        self.with(Step::First, instant).with(Step::Steady, instant)
    }

    /// In the instants of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is alive then.
    pub const fn contains(self, step: Step, instant: Instant) -> bool {
        self.0 & Self::bit(step, instant) != 0
    }

    /// Whether it is alive at any instant of a step.
    pub const fn in_step(self, step: Step) -> bool {
        self.0 & (0xFFFF << (16 * step as u32)) != 0
    }

    const fn bit(step: Step, instant: Instant) -> u32 {
        1 << (16 * step as u32 + instant as u32)
    }
}

/// Whether a number follows from shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// It does.
    Exact,
    /// It was observed to lie in this range.
    Estimated {
        /// The least that is usual.
        low: Bytes,
        /// The most that is usual.
        high: Bytes,
    },
}

impl Entry {
    /// Whether its bytes come from PyTorch's allocator.
    pub fn in_allocator(&self) -> bool {
        !matches!(self.place, Place::Runtime(Overhead::Context | Overhead::Communicators))
    }

    /// Whether it is what a process takes before it does anything.
    pub(crate) fn is_context(&self) -> bool {
        self.place == Place::Runtime(Overhead::Context)
    }

    /// The formula with symbols, such as `32 × b·s·h × 2 B`.
    pub fn formula(&self) -> String {
        self.render(|dim| if dim.symbol.is_empty() { dim.size.to_string() } else { dim.symbol.to_owned() })
    }

    /// The formula with the numbers put in, such as `32 × 1·4096·4096 × 2 B = 1,073,741,824`.
    pub fn formula_in_numbers(&self) -> String {
        format!("{} = {}", self.render(|dim| dim.size.to_string()), grouped(self.bytes.get()))
    }

    fn render(&self, term: impl Fn(&Dim) -> String) -> String {
        let dims: Vec<String> = self.shape.dims().iter().map(term).collect();
        if dims.is_empty() && self.count == 1 {
            return match self.exactness {
                Exactness::Exact => format!("{} B", grouped(self.bytes.get())),
                Exactness::Estimated { low, high } => {
                    format!("between {} and {} B", grouped(low.get()), grouped(high.get()))
                }
            };
        }
        let mut factors = Vec::with_capacity(3);
        if self.count != 1 {
            factors.push(self.count.to_string());
        }
        if !dims.is_empty() {
            factors.push(dims.join("·"));
        }
        factors.push(format!("{} B", self.bits.per_element() / 8.0));
        let percent = self.divided.percent();
        if percent != 100 {
            factors.push((f64::from(percent) / 100.0).to_string());
        }
        let product = factors.join(" × ");
        if self.divided.ways() == 1 { product } else { format!("{product} ÷ {}", self.divided) }
    }
}
