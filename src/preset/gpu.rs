//! A file of GPU presets: several cards, each under `[[gpu]]`.

use super::model::identifier;
use crate::gpu::Gpu;
use crate::gpu::made::{NVIDIA_RESERVE_MIB, Slice, mib_of};
use crate::located::{Document, PresetError, Section, suggestion};
use crate::model::keys::Source;

const VENDORS: &[&str] = &["nvidia", "amd", "intel", "apple", "google", "aws"];

/// More than any card has, GB: beyond it a number is a slip of the keyboard.
const LARGEST_GB: u64 = 1 << 20;

/// Keys of a card that may stand in its `uncited` list.
const FACTS: &[&str] = &[
    "name",
    "architecture",
    "marketing_gb",
    "driver_mib",
    "usable_mib",
    "context_mib",
    "bandwidth_gb_s",
    "bf16_tflops",
    "link_gb_s",
    "network_gb_s",
    "gpus_per_node",
];

/// The cards that a file describes.
pub(super) fn parse(origin: &str, text: &str) -> Result<Vec<Gpu>, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let cards = root.tables("gpu", "gpu.")?;
    root.finish()?;
    if cards.is_empty() {
        return Err(root.error("gpu", "missing; each card stands under its own `[[gpu]]`"));
    }
    cards.iter().map(card).collect()
}

/// The card of a text that describes one.
pub(super) fn parse_one(origin: &str, text: &str) -> Result<Gpu, PresetError> {
    let mut cards = parse(origin, text)?;
    Ok(cards.swap_remove(0))
}

fn card(section: &Section<'_, '_>) -> Result<Gpu, PresetError> {
    let id = section.text("id")?;
    let name = section.text("name")?;
    let vendor = section.text("vendor")?;
    let architecture = section.text("architecture")?;
    let marketing_gb = within(section, "marketing_gb", LARGEST_GB)?;
    let driver_mib = within(section, "driver_mib", LARGEST_GB << 10)?;
    let usable_mib = within(section, "usable_mib", LARGEST_GB << 10)?;
    let context_mib = within(section, "context_mib", LARGEST_GB << 10)?;
    let bandwidth_gb_s = positive(section, "bandwidth_gb_s")?;
    let bf16_tflops = positive(section, "bf16_tflops")?;
    let link_gb_s = positive(section, "link_gb_s")?;
    let network_gb_s = positive(section, "network_gb_s")?;
    let gpus_per_node = within(section, "gpus_per_node", 1 << 20)?;
    let mig = section.words("mig")?.unwrap_or_default();
    let mig_source = section.text("mig_source")?;
    let source = section.text("source")?;
    let uncited = section.words("uncited")?.unwrap_or_default();
    section.finish()?;

    let id = identifier(section, id)?;
    let vendor = section.need("vendor", vendor)?;
    if !VENDORS.contains(&vendor.as_str()) {
        let message = format!("`{vendor}` is none of {}; {}", VENDORS.join(", "), suggestion(&vendor, VENDORS));
        return Err(section.error("vendor", message));
    }
    if let Some(stranger) = uncited.iter().find(|key| !FACTS.contains(&key.as_str())) {
        let message = format!("`{stranger}` is no fact of a card; {}", suggestion(stranger, FACTS));
        return Err(section.error("uncited", message));
    }
    let derived = || derived_mib(&vendor, marketing_gb, driver_mib);
    let (usable_mib, usable_estimated) = match usable_mib {
        Some(read) => (read, false),
        None => (section.need("usable_mib", derived())?, true),
    };
    if let Some(total) = driver_mib.filter(|total| *total < usable_mib) {
        let message = format!("found `{usable_mib}`, more than the {total} that driver_mib reports in total");
        return Err(section.error("usable_mib", message));
    }
    let slices = mig.iter().map(|words| slice(words, usable_mib).map_err(|problem| section.error("mig", problem)));
    let slices = slices.collect::<Result<Vec<_>, _>>()?;
    if !slices.is_empty() && mig_source.is_none() {
        return Err(section.error("mig_source", "missing; it says where the slices were read"));
    }
    Ok(Gpu {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        vendor,
        marketing_gb,
        driver_mib,
        usable_mib,
        usable_estimated,
        free_mib: None,
        slices,
        assumed: None,
        context_mib,
        bandwidth_gb_s,
        bf16_tflops,
        link_gb_s,
        network_gb_s,
        gpus_per_node,
        architecture,
        source,
    })
}

/// What a program can be given where nobody has read it: the driver's total (the box, where that is unknown too) less
/// what NVIDIA's driver keeps; of a Mac's memory Metal's share.
fn derived_mib(vendor: &str, marketing_gb: Option<u64>, driver_mib: Option<u64>) -> Option<u64> {
    let box_mib = marketing_gb.map(|size| size << 10);
    let total = driver_mib.or(box_mib);
    match vendor {
        "nvidia" => total.and_then(|total| total.checked_sub(NVIDIA_RESERVE_MIB)).filter(|usable| *usable > 0),
        // Metal's default limit on wired memory: two thirds up to 32 GB, three quarters from 36 GB on.
        "apple" => box_mib.map(|ram| if ram <= 32 * 1024 { ram * 2 / 3 } else { ram / 4 * 3 }),
        _ => total,
    }
}

/// A MIG slice of `1g.10gb 9.75`, in GiB as nvidia-smi lists it, or of `3g.71gb 4/8` of the card's memory.
fn slice(words: &str, usable_mib: u64) -> Result<Slice, String> {
    let wrong = || format!("found {words:?}, expected a profile and its GiB or its share, as in \"1g.10gb 9.75\"");
    let (profile, size) = words.split_once(' ').ok_or_else(wrong)?;
    let mib = match size.split_once('/') {
        Some((parts, all)) => {
            let (parts, all) = (parts.parse::<u64>().ok(), all.parse::<u64>().ok().filter(|all| *all > 0));
            parts.zip(all).and_then(|(parts, all)| Some(usable_mib.checked_mul(parts)? / all))
        }
        None => mib_of(&format!("{size}gib")),
    };
    let mib = mib.filter(|mib| *mib > 0).ok_or_else(wrong)?;
    Ok(Slice { profile: profile.to_owned(), mib })
}

fn within(section: &Section<'_, '_>, key: &'static str, largest: u64) -> Result<Option<u64>, PresetError> {
    match section.count(key)? {
        Some(size) if !(1..=largest).contains(&size) => {
            Err(section.error(key, format!("{size} is not between 1 and {largest}")))
        }
        size => Ok(size),
    }
}

fn positive(section: &Section<'_, '_>, key: &'static str) -> Result<Option<f64>, PresetError> {
    match section.number(key)? {
        Some(rate) if rate <= 0.0 => Err(section.error(key, format!("{rate} is not above 0"))),
        rate => Ok(rate),
    }
}
