//! Cards and what they can hand out.

pub(crate) mod kernels;
pub mod made;

use crate::units::{Bytes, Overflow};

/// One kind of accelerator.
#[derive(Debug, Clone, PartialEq)]
pub struct Gpu {
    /// The id under which it is chosen, such as `h100-sxm-80`.
    pub id: String,
    /// The name that people use, such as `H100 SXM 80GB`.
    pub name: String,
    /// `nvidia`, `amd`, `intel`, `apple`, `google`, `aws`.
    pub vendor: String,
    /// The number on the box, GB.
    pub marketing_gb: Option<u64>,
    /// What the driver reports in total, MiB.
    pub driver_mib: Option<u64>,
    /// What a program can be given, MiB: the capacity that verdicts use.
    pub usable_mib: u64,
    /// Whether `usable_mib` was derived from another figure instead of read off the card.
    pub usable_estimated: bool,
    /// What is free of it now, MiB, where others hold the rest and that is said.
    pub free_mib: Option<u64>,
    /// The MIG slices that it may be cut into.
    pub slices: Vec<made::Slice>,
    /// What an empty context takes, MiB, where a source says so.
    pub context_mib: Option<u64>,
    /// Memory bandwidth, GB/s.
    pub bandwidth_gb_s: Option<f64>,
    /// Dense bf16 matrix rate, TFLOP/s.
    pub bf16_tflops: Option<f64>,
    /// What it exchanges with others of its node in one direction, GB/s.
    pub link_gb_s: Option<f64>,
    /// What it exchanges with other nodes in one direction, GB/s.
    pub network_gb_s: Option<f64>,
    /// GPUs in a usual node.
    pub gpus_per_node: Option<u64>,
    /// The architecture's name, such as `Hopper`.
    pub architecture: Option<String>,
    /// What was assumed of it, where it stands in no list.
    pub assumed: Option<String>,
    /// Where these were read.
    pub source: Option<String>,
}

/// A generation of cards, as far as they differ in what a program takes on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// NVIDIA's older than Ampere: without bf16, and without FlashAttention-2's kernels.
    BeforeAmpere,
    /// NVIDIA's Hopper.
    Hopper,
    /// NVIDIA's Blackwell, with Blackwell Ultra.
    Blackwell,
    /// Any other.
    Other,
}

impl Generation {
    /// The names of architectures, and of which generation they are.
    const NAMES: [(&str, Self); 7] = [
        ("Kepler", Self::BeforeAmpere),
        ("Maxwell", Self::BeforeAmpere),
        ("Pascal", Self::BeforeAmpere),
        ("Volta", Self::BeforeAmpere),
        ("Turing", Self::BeforeAmpere),
        ("Hopper", Self::Hopper),
        ("Blackwell", Self::Blackwell),
    ];
}

impl Gpu {
    /// A card of which no more is known than how much it can hand out.
    pub(crate) fn bare([id, name, vendor]: [&str; 3], usable_mib: u64) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            vendor: vendor.to_owned(),
            marketing_gb: None,
            driver_mib: None,
            usable_mib,
            usable_estimated: false,
            free_mib: None,
            slices: Vec::new(),
            context_mib: None,
            bandwidth_gb_s: None,
            bf16_tflops: None,
            link_gb_s: None,
            network_gb_s: None,
            gpus_per_node: None,
            architecture: None,
            assumed: None,
            source: None,
        }
    }

    /// Its generation, where its architecture is known.
    pub fn generation(&self) -> Option<Generation> {
        let architecture = self.architecture.as_deref()?;
        let named = Generation::NAMES.into_iter().find(|(name, _)| architecture.contains(name));
        Some(named.map_or(Generation::Other, |(_, generation)| generation))
    }

    /// Whether it is an NVIDIA card older than Ampere: without bf16, and without FlashAttention-2's kernels.
    pub fn precedes_ampere(&self) -> bool {
        self.generation() == Some(Generation::BeforeAmpere)
    }

    /// Whether it is a Mac's, of whose memory Metal hands out a share.
    pub fn is_unified_by_metal(&self) -> bool {
        self.vendor.eq_ignore_ascii_case("apple")
    }

    /// GPUs of a node: eight, where nothing is said.
    pub fn node(&self) -> u64 {
        self.gpus_per_node.unwrap_or(8).max(1)
    }

    /// Bytes that a program can be given: what is free, where that is said.
    pub fn capacity(&self) -> Result<Bytes, Overflow> {
        Bytes::from_mib(self.free_mib.map_or(self.usable_mib, |free| free.min(self.usable_mib)))
    }

    /// Bytes that a program could be given with nobody else on the card.
    pub fn whole(&self) -> Result<Bytes, Overflow> {
        Bytes::from_mib(self.usable_mib)
    }
}
