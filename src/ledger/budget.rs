//! What engines take of a card: what they need, or a share of it whatever they need.

use crate::gpu::Gpu;
use crate::units::{Bytes, Overflow, portion};

/// Parts of a card in ten thousand.
const WHOLE: u64 = 10_000;

/// What an engine lets itself take of a card.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Budget {
    /// What it needs, and no more.
    #[default]
    Needs,
    /// So many ten-thousandths (`gpu_memory_utilization` of vLLM, `mem_fraction_static` of SGLang).
    Share(u64),
    /// What SGLang's rule leaves for weights and caches.
    Sglang {
        /// GPUs that share every matrix.
        tensor: u64,
        /// Whether attention is latent.
        latent: bool,
        /// Tokens of a forward pass, where they are said.
        chunk: Option<u64>,
    },
}

impl Budget {
    /// A share of at most 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0..=1")]
    pub(crate) fn of_share(share: f64) -> Self {
        Self::Share((share.clamp(0.0, 1.0) * 10_000.0).round() as u64)
    }

    /// Ten-thousandths of a card, where it is a share.
    pub(crate) fn share(self, gpu: Option<&Gpu>) -> Option<u64> {
        match self {
            Self::Needs => None,
            Self::Share(share) => Some(share.clamp(1, WHOLE)),
            Self::Sglang { tensor, latent, chunk } => {
                let mib = gpu.map_or(DEFAULT_MIB, |gpu| gpu.driver_mib.unwrap_or(gpu.usable_mib));
                Some(10 * thousandths(mib, tensor, latent, chunk).clamp(1, WHOLE / 10))
            }
        }
    }

    /// Bytes of a card that the share is.
    pub(crate) fn of(self, gpu: &Gpu) -> Result<Option<Bytes>, Overflow> {
        let capacity = gpu.whole()?.get();
        self.share(Some(gpu)).map(|share| portion(capacity, share, WHOLE).map(Bytes::new)).transpose()
    }

    /// The least card on which what is inside the budget fits, beside what stands outside of it.
    pub(crate) fn needs(self, gpu: &Gpu, [inside, outside]: [Bytes; 2]) -> Result<Bytes, Overflow> {
        let Some(share) = self.share(Some(gpu)) else { return inside.checked_add(outside) };
        let card = (u128::from(inside.get()) * u128::from(WHOLE)).div_ceil(u128::from(share));
        let card = u64::try_from(card).map(Bytes::new).ok().ok_or(Overflow)?;
        let both = inside.checked_add(outside)?;
        // Of the whole card the engine takes its share, whatever others hold of it: so much has to be free.
        if gpu.free_mib.is_some() && card <= gpu.whole()? {
            return Ok(self.of(gpu)?.unwrap_or_default().max(both));
        }
        Ok(card.max(both))
    }
}

/// What is assumed of a card where none is chosen: the usual one of its kind.
const DEFAULT_MIB: u64 = 81_559;

/// Tokens of a forward pass of SGLang on a card, where they are not said.
fn chunk_of_sglang(mib: u64) -> u64 {
    match mib {
        ..20_480 => 2048,
        20_480..61_440 => 4096,
        61_440..163_840 => 8192,
        _ => 16_384,
    }
}

/// `mem_fraction_static` in thousandths, rounded half to even as Python does. SGLang 0.5.23, `arg_groups/memory_hook.py`.
fn thousandths(mib: u64, tensor: u64, latent: bool, chunk: Option<u64>) -> u64 {
    let chunk = chunk.unwrap_or_else(|| chunk_of_sglang(mib));
    // For fewer than four GPUs that share every matrix, and for more.
    let [few, many] = match mib {
        ..20_480 => [8, 8],
        20_480..35_840 => [48, 160],
        35_840..61_440 => [32, 160],
        61_440..163_840 => [256, 512],
        _ => [512, 512],
    };
    let decode_batch = if tensor < 4 { few } else { many };
    let graphs = if latent { 1536 } else { 8 * captured_sizes(chunk) };
    // In half MiB, so that one and a half stays whole.
    let reserved = 2 * (512 + tensor.saturating_mul(128) + 2 * decode_batch + graphs) + 3 * chunk.clamp(2048, 1 << 40);
    let reserved = if mib > 61_440 { reserved.max(2 * 10_240) } else { reserved };
    let (free, whole) = ((2 * mib).saturating_sub(reserved), 2 * mib.max(1));
    let (quotient, rest) = (1000 * free / whole, 1000 * free % whole);
    match (2 * rest).cmp(&whole) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

/// How many sizes of a prefill batch SGLang captures graphs of, up to so many tokens.
fn captured_sizes(most: u64) -> u64 {
    const STEPS: [[u64; 3]; 6] =
        [[4, 32, 4], [48, 256, 16], [288, 512, 32], [576, 1024, 64], [1280, 4096, 256], [4608, u64::MAX, 512]];
    let in_step = |[first, last, step]: [u64; 3]| most.min(last).checked_sub(first).map_or(0, |over| over / step + 1);
    STEPS.into_iter().map(in_step).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares that release 0.5.23's own `handle_gpu_memory_settings` gave.
    #[test]
    fn shares_are_sglangs() {
        let given = [
            (15_360, 1, false, 735),
            (24_564, 1, false, 704),
            (40_960, 1, false, 823),
            (81_559, 1, false, 830),
            (183_359, 1, false, 854),
            (24_564, 1, true, 657),
            (81_559, 1, true, 816),
            (143_771, 1, true, 896),
            (24_564, 8, false, 658),
            (81_559, 8, false, 812),
        ];
        for (mib, tensor, latent, share) in given {
            assert_eq!(thousandths(mib, tensor, latent, None), share, "{mib} MiB, {tensor}, {latent}");
        }
        assert_eq!([2048, 4096, 8192, 16_384].map(captured_sizes), [42, 50, 58, 74]);
    }

    #[test]
    fn a_share_needs_a_larger_card() {
        let gpu = crate::preset::Library::embedded();
        let gpu = gpu.gpu("h100-sxm-80").unwrap();
        let gib = |gib: u64| Bytes::new(gib << 30);
        assert_eq!(Budget::Share(5_000).needs(gpu, [gib(10), gib(1)]), Ok(gib(20)));
        assert_eq!(Budget::Needs.needs(gpu, [gib(10), gib(1)]), Ok(gib(11)));
        let shared = Gpu { free_mib: Some(17 << 10), ..gpu.clone() };
        let half = Bytes::from_mib(gpu.usable_mib / 2).unwrap();
        assert_eq!(
            Budget::Share(5_000).needs(&shared, [gib(10), gib(1)]),
            Ok(half),
            "its share of the card must be free"
        );
    }
}
