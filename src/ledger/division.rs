//! Over which GPUs an entry is divided, and how large the part of one of them is.

use std::fmt;

/// An axis of a layout along which tensors are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// GPUs that share every matrix.
    Tensor,
    /// GPUs that share a sequence.
    Context,
    /// GPUs that share the experts of a layer.
    Expert,
    /// GPUs that share every matrix of an expert.
    ExpertTensor,
    /// GPUs that share the states of a replica.
    Data,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 5] = [Self::Tensor, Self::Context, Self::Expert, Self::ExpertTensor, Self::Data];

    /// The word of JSON and formulas.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Context => "context",
            Self::Expert => "expert",
            Self::ExpertTensor => "expert_tensor",
            Self::Data => "data",
        }
    }
}

/// Over so many GPUs along each axis, of which one has an equal share or more or less than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Division {
    ways: [u32; Axis::ALL.len()],
    percent: u32,
}

impl Division {
    /// Whole on every GPU.
    pub const NONE: Self = Self { ways: [1; Axis::ALL.len()], percent: 100 };

    /// The same, divided along one more axis; more GPUs than 32 bits count there are not.
    #[must_use]
    pub fn over(mut self, axis: Axis, ways: u64) -> Self {
        self.ways[axis as usize] = u32::try_from(ways).unwrap_or(u32::MAX).max(1);
        self
    }

    /// The same, of which this GPU's part is so many percent of an equal share.
    #[must_use]
    pub const fn loaded(self, percent: u32) -> Self {
        Self { percent, ..self }
    }

    /// This GPU's part in percent of an equal share: 100 but where tokens come unequally to experts.
    pub const fn percent(self) -> u32 {
        self.percent
    }

    /// Over how many GPUs in all.
    pub fn ways(self) -> u64 {
        self.ways.iter().fold(1, |ways: u64, along| ways.saturating_mul(u64::from(*along)))
    }

    /// The axes that it is divided along, and over how many GPUs each.
    pub fn axes(self) -> impl Iterator<Item = (Axis, u64)> {
        Axis::ALL.into_iter().map(move |axis| (axis, u64::from(self.ways[axis as usize]))).filter(|(_, ways)| *ways > 1)
    }
}

impl fmt::Display for Division {
    /// `8 (tensor 4 · data 2)`; one axis by itself as `8 data`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<(Axis, u64)> = self.axes().collect();
        if let [(axis, ways)] = axes[..] {
            return write!(f, "{ways} {}", axis.word());
        }
        let along: Vec<String> = axes.iter().map(|(axis, ways)| format!("{} {ways}", axis.word())).collect();
        write!(f, "{}", self.ways())?;
        if along.is_empty() { Ok(()) } else { write!(f, " ({})", along.join(" · ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_division_says_along_which_axes() {
        assert_eq!(Division::NONE.to_string(), "1");
        assert_eq!(Division::NONE.over(Axis::Data, 8).to_string(), "8 data");
        let both = Division::NONE.over(Axis::Tensor, 4).over(Axis::Data, 2);
        assert_eq!((both.ways(), both.to_string().as_str()), (8, "8 (tensor 4 · data 2)"));
    }
}
