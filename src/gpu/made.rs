//! Cards that stand in no list: any that has so much memory, a MIG slice of one, what is free of one.

use super::Gpu;

/// What NVIDIA's driver keeps for itself on a card whose share nobody has read, MiB.
pub const NVIDIA_RESERVE_MIB: u64 = 600;

/// More than any card has, GiB: beyond it a number is a slip of the keyboard.
const LARGEST_GIB: u64 = 1 << 20;

/// A MIG profile of a card: an instance of the GPU with memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Its name, such as `1g.10gb`.
    pub profile: String,
    /// What it can hand out, MiB.
    pub mib: u64,
}

/// What parts a card from the profile of its slice.
const OF: char = ':';

/// A card of a word that stands in no list: `24GB`, or `h100-sxm-80:1g.10gb` of a card that `find` knows. None where the word
/// is neither.
///
/// # Errors
/// Where it is meant as one and is none: what would be right.
pub fn made<'a>(word: &str, find: impl FnOnce(&str) -> Option<&'a Gpu>) -> Option<Result<Gpu, String>> {
    if let Some((id, profile)) = word.split_once(OF) {
        return find(id.trim()).map(|card| slice(card, profile.trim()));
    }
    size(word)
}

/// Mebibytes of a size as people write it: `24GB`, `17.5 GiB`, `512MiB`. On the box of a card a GB is a GiB, so that both are
/// read alike.
pub fn mib_of(word: &str) -> Option<u64> {
    let word = word.trim().to_ascii_lowercase();
    let (number, of_gib) = ["gib", "gb", "g"]
        .into_iter()
        .find_map(|unit| Some((word.strip_suffix(unit)?, true)))
        .or_else(|| Some((word.strip_suffix("mib").or_else(|| word.strip_suffix("mb"))?, false)))?;
    let number = number.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 6 || !(whole.to_owned() + fraction).bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts: u64 = (whole.to_owned() + fraction).parse().ok()?;
    Some(parts.checked_mul(if of_gib { 1 << 10 } else { 1 })? / scale)
}

/// Any card with so much memory on the box.
fn size(word: &str) -> Option<Result<Gpu, String>> {
    let mib = mib_of(word)?;
    if mib <= NVIDIA_RESERVE_MIB || mib > LARGEST_GIB << 10 {
        return Some(Err(format!("`{word}` is no size of a card; sizes are written like 24GB")));
    }
    let id: String = word.chars().filter(|letter| !letter.is_whitespace()).collect();
    let usable = mib - NVIDIA_RESERVE_MIB;
    let assumed = format!(
        "{id}: any NVIDIA card with so much on the box; {usable} MiB are taken to be handed out, the rest is the driver's"
    );
    Some(Ok(Gpu {
        marketing_gb: Some(mib >> 10),
        usable_estimated: true,
        assumed: Some(assumed),
        ..Gpu::bare([&id, &format!("any {id} card"), "nvidia"], usable)
    }))
}

fn slice(card: &Gpu, profile: &str) -> Result<Gpu, String> {
    let Some(found) = card.slices.iter().find(|slice| slice.profile.eq_ignore_ascii_case(profile)) else {
        let profiles: Vec<&str> = card.slices.iter().map(|slice| slice.profile.as_str()).collect();
        return Err(match profiles.as_slice() {
            [] => format!("no MIG slices of {} are known", card.name),
            several => format!("{} has no MIG slice `{profile}`; its slices are {}", card.name, several.join(", ")),
        });
    };
    let mib = found.mib.min(card.usable_mib);
    // Compute slices are sevenths, memory slices eighths.
    let sevenths = found.profile.chars().next().and_then(|first| first.to_digit(10)).map_or(1.0, f64::from);
    let share = mib_share(mib, card.usable_mib);
    Ok(Gpu {
        id: format!("{}{OF}{}", card.id, found.profile),
        name: format!("{} MIG {}", card.name, found.profile),
        marketing_gb: None,
        driver_mib: Some(mib),
        usable_mib: mib,
        usable_estimated: true,
        slices: Vec::new(),
        bandwidth_gb_s: card.bandwidth_gb_s.map(|rate| rate * share),
        bf16_tflops: card.bf16_tflops.map(|rate| rate * sevenths / 7.0),
        // Slices do not talk to each other but through the host.
        link_gb_s: None,
        network_gb_s: None,
        gpus_per_node: None,
        assumed: Some(format!("a MIG slice of {}: {mib} MiB by what nvidia-smi lists of it", card.name)),
        ..card.clone()
    })
}

/// Which share of a card's memory a slice has, as eighths.
fn mib_share(mib: u64, whole: u64) -> f64 {
    let eighths = (8 * mib).div_ceil(whole.max(1)).clamp(1, 8);
    f64::from(u32::try_from(eighths).unwrap_or(8)) / 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str, slices: &[(&str, u64)]) -> Gpu {
        let slices = slices.iter().map(|(profile, mib)| Slice { profile: (*profile).to_owned(), mib: *mib });
        Gpu { id: id.to_owned(), name: id.to_uppercase(), slices: slices.collect(), ..size("80GB").unwrap().unwrap() }
    }

    #[test]
    fn a_size_is_any_card_that_has_it() {
        for word in ["24GB", "24gb", "24 GiB", "24G", "24.0GB"] {
            let card = made(word, |_| None).unwrap().unwrap();
            assert_eq!((card.usable_mib, card.usable_estimated), (24 * 1024 - 600, true), "{word}");
            assert!(card.assumed.unwrap().contains("23976 MiB"));
        }
        assert_eq!(mib_of("17.5GiB"), Some(17_920));
        assert_eq!(mib_of("512MiB"), Some(512));
        for wrong in ["24", "GB", "-4GB", "1e3GB", "4.5.6GB", "rtx-4090", "h100-sxm-80", ""] {
            assert!(made(wrong, |_| None).is_none(), "{wrong}");
        }
        for wrong in ["0GB", "0.5GB", "9999999999GB"] {
            assert!(made(wrong, |_| None).unwrap().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_slice_is_a_card_with_its_own_memory() {
        let card = known("h1", &[("1g.10gb", 9984), ("7g.80gb", 90_000)]);
        let slice = |word: &str| made(word, |id| (id == "h1").then_some(&card));
        let small = slice("h1:1g.10gb").unwrap().unwrap();
        assert_eq!((small.usable_mib, small.id.as_str(), small.slices.len()), (9984, "h1:1g.10gb", 0));
        assert_eq!(slice("h1:7g.80gb").unwrap().unwrap().usable_mib, card.usable_mib, "no more than the card has");
        let error = slice("h1:2g.20gb").unwrap().unwrap_err();
        assert_eq!(error, "H1 has no MIG slice `2g.20gb`; its slices are 1g.10gb, 7g.80gb");
        assert!(slice("h2:1g.10gb").is_none());
        let none = known("t4", &[]);
        assert!(made("t4:1g.10gb", |_| Some(&none)).unwrap().is_err());
    }

    #[test]
    fn what_is_free_is_the_capacity() {
        let card = Gpu { free_mib: Some(1000), ..known("h1", &[]) };
        assert_eq!(card.capacity().unwrap().get(), 1000 << 20);
        let more = Gpu { free_mib: Some(1 << 30), ..card };
        assert_eq!(more.capacity(), more.whole(), "no more than there is");
    }
}
