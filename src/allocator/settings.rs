//! What people set in `PYTORCH_ALLOC_CONF`.

use super::MIB;
use crate::scenario::parameter::nearest;

/// The settings of the allocator, as `PYTORCH_ALLOC_CONF` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// One range of addresses for each pool, which grows and shrinks by units.
    pub(crate) expandable_segments: bool,
    /// From so many bytes on segments are never split.
    pub(crate) max_split: Option<u64>,
    /// Sizes are rounded up to a share of the power of two below them, by how many mebibytes they begin with.
    pub(crate) divisions: Divisions,
}

/// `roundup_power2_divisions`: the number of steps between two powers of two, for sizes from 1 MiB to 64 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Divisions([u8; Self::INTERVALS]);

impl Divisions {
    const INTERVALS: usize = 16;

    /// The steps for a size; 0 and 1: it is not rounded so.
    pub(crate) const fn of(self, size: u64) -> u64 {
        let log = if size == 0 { 0 } else { size.ilog2() };
        let interval = log.saturating_sub(MIB.ilog2()) as usize;
        self.0[if interval < Self::INTERVALS { interval } else { Self::INTERVALS - 1 }] as u64
    }
}

/// What is wrong with a text of settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SettingsError(String);

const KEYS: [&str; 5] =
    ["expandable_segments", "max_split_size_mb", "roundup_power2_divisions", "garbage_collection_threshold", "backend"];

/// Settings that PyTorch knows and that are not played out.
const OTHERS: [&str; 8] = [
    "max_non_split_rounding_mb",
    "large_segment_size_mb",
    "expandable_segments_reserve",
    "per_process_memory_fraction",
    "pinned_use_cuda_host_register",
    "pinned_num_register_threads",
    "pinned_use_background_threads",
    "graph_capture_record_stream_reuse",
];

impl Settings {
    /// Reads `expandable_segments:True,max_split_size_mb:128`.
    ///
    /// An error names the key, what was found and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for item in items(text) {
            let Some((key, value)) = item.split_once(':') else {
                return wrong(format!("`{item}` has no value; write `{item}:…`, as in expandable_segments:True"));
            };
            settings.set(key.trim(), value.trim())?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        match key {
            "expandable_segments" => self.expandable_segments = flag(key, value)?,
            "max_split_size_mb" => self.max_split = Some(split_size(value)?),
            "roundup_power2_divisions" => self.divisions = divisions(value)?,
            // It acts only together with a fraction of the card's memory that the process may take.
            "garbage_collection_threshold" => {
                let share: Option<f64> = value.parse().ok().filter(|share| (0.0..1.0).contains(share) && *share > 0.0);
                if share.is_none() {
                    return wrong(format!("garbage_collection_threshold:{value} is no number between 0 and 1"));
                }
            }
            "backend" if value == "native" => {}
            "backend" => {
                return wrong(format!("backend:{value} is another allocator, which is not played out; native is"));
            }
            _ if OTHERS.contains(&key) => {
                return wrong(format!("{key} is not played out; what is: {}", KEYS[..4].join(", ")));
            }
            _ => {
                let near = nearest(key, KEYS).map_or(String::new(), |near| format!("; the nearest is `{near}`"));
                return wrong(format!("PyTorch's allocator has no setting `{key}`{near}"));
            }
        }
        Ok(())
    }
}

/// What stands between commas, of which those in brackets are none.
fn items(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let parts = text.split(|c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn flag(key: &str, value: &str) -> Result<bool, SettingsError> {
    match value {
        "True" => Ok(true),
        "False" => Ok(false),
        _ => wrong(format!("{key}:{value}, expected True or False, written so")),
    }
}

fn split_size(value: &str) -> Result<u64, SettingsError> {
    let mib: Option<u64> = value.parse().ok().filter(|mib| (21..=1 << 24).contains(mib));
    match mib {
        Some(mib) => Ok(mib * MIB),
        None => wrong(format!("max_split_size_mb:{value}, expected a whole number of MiB above 20")),
    }
}

/// One number for all sizes, or `[256:1,512:2,>:4]`: steps by the size in MiB from which they hold.
fn divisions(value: &str) -> Result<Divisions, SettingsError> {
    let steps = |text: &str| text.parse().ok().filter(|steps: &u8| steps.is_power_of_two() && *steps <= 64);
    let fault = || {
        let problem = "expected a power of two up to 64, or a list such as [256:1,512:2,1024:4,>:8]";
        SettingsError(format!("roundup_power2_divisions:{value}, {problem}"))
    };
    let Some(list) = value.strip_prefix('[') else {
        return steps(value).map(|steps| Divisions([steps; Divisions::INTERVALS])).ok_or_else(fault);
    };
    let list = list.strip_suffix(']').ok_or_else(fault)?;
    let mut table = [0; Divisions::INTERVALS];
    let mut before = None;
    for pair in list.split(',') {
        let (from, count) = pair.split_once(':').ok_or_else(fault)?;
        let count = steps(count.trim()).ok_or_else(fault)?;
        let begins = if from.trim() == ">" {
            before.map_or(0, |before: usize| before + 1)
        } else {
            let mib: u64 = from.trim().parse().ok().filter(|mib: &u64| mib.is_power_of_two()).ok_or_else(fault)?;
            let interval = (mib.ilog2() as usize).min(Divisions::INTERVALS - 1);
            // What lies below the first size is rounded as that is.
            if before.is_none() {
                table[..interval].fill(count);
            }
            before = Some(interval);
            interval
        };
        if from.trim() == ">" {
            table[begins.min(Divisions::INTERVALS - 1)..].fill(count);
        } else {
            table[begins] = count;
        }
    }
    Ok(Divisions(table))
}

fn wrong<T>(problem: String) -> Result<T, SettingsError> {
    Err(SettingsError(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_pytorch_writes_them() {
        assert_eq!(Settings::parse(""), Ok(Settings::default()));
        let all = Settings::parse(" expandable_segments:True, max_split_size_mb:64 ,garbage_collection_threshold:0.8");
        assert_eq!(all, Ok(Settings { expandable_segments: true, max_split: Some(64 * MIB), ..Settings::default() }));
        let listed = Settings::parse("roundup_power2_divisions:[256:1,512:2,1024:4,>:8],backend:native").unwrap();
        let steps = [1, 256, 512, 1024, 2048, 1 << 16, 1 << 20].map(|mib| listed.divisions.of(mib * MIB));
        assert_eq!(steps, [1, 1, 2, 4, 8, 8, 8]);
        assert_eq!(Settings::parse("roundup_power2_divisions:4").unwrap().divisions.of(3), 4);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("expandable_segment:True", "the nearest is `expandable_segments`"),
            ("expandable_segments:true", "expected True or False"),
            ("max_split_size_mb:20", "above 20"),
            ("backend:cudaMallocAsync", "another allocator"),
            ("large_segment_size_mb:64", "not played out"),
            ("expandable_segments", "has no value"),
            ("roundup_power2_divisions:3", "a power of two"),
            ("garbage_collection_threshold:2", "between 0 and 1"),
        ] {
            let error = Settings::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
