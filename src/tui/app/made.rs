//! Cards that stand in no list: of any size, slices of others, and those of which others hold a part.

use super::{App, Listed};
use crate::gpu::Gpu;
use crate::gpu::made::made;
use crate::scenario::Scenario;

/// A card that was made for a scenario.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    word: String,
    free_mib: Option<u64>,
    gpu: Gpu,
}

impl App {
    /// The card of a scenario.
    pub(crate) fn gpu_of(&self, scenario: &Scenario) -> Option<&Gpu> {
        let (word, free_mib) = (scenario.gpu.as_ref()?, scenario.runtime.free_mib);
        let is = |made: &&Made| made.word == *word && made.free_mib == free_mib;
        self.made.iter().find(is).map(|made| &made.gpu).or_else(|| self.listed_card(word))
    }

    /// Makes the card of a scenario where it stands in no list, or where others hold a part of it.
    pub(crate) fn know_card(&mut self, scenario: &Scenario) {
        let (Some(word), free_mib) = (&scenario.gpu, scenario.runtime.free_mib) else { return };
        let known = self.made.iter().any(|made| made.word == *word && made.free_mib == free_mib);
        let listed = self.listed_card(word);
        if known || listed.is_some() && free_mib.is_none() {
            return;
        }
        if let Some(gpu) = listed.cloned().or_else(|| self.offered_card(word)) {
            self.made.push(Made { word: word.clone(), free_mib, gpu: Gpu { free_mib, ..gpu } });
        }
    }

    /// The card that stands in no list of a word, as far as it is one.
    pub(super) fn offered_card(&self, word: &str) -> Option<Gpu> {
        made(word, |id| self.listed_card(id))?.ok()
    }

    /// Cards in no list that what is typed may become: a size, or slices of a card. A number alone is a size where nothing
    /// else `matches`.
    pub(super) fn offered(&self, typed: &str, matches: bool) -> Vec<Gpu> {
        let typed = typed.trim();
        let number = !matches && !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(gpu) = self.offered_card(&if number { format!("{typed}GB") } else { typed.to_owned() }) {
            return vec![gpu];
        }
        let Some((card, profile)) = typed.split_once(':') else { return Vec::new() };
        let Some(gpu) = self.listed_card(card.trim()) else { return Vec::new() };
        let begins = gpu.slices.iter().filter(|slice| slice.profile.starts_with(profile.trim()));
        begins.filter_map(|slice| self.offered_card(&format!("{}:{}", gpu.id, slice.profile))).collect()
    }

    fn listed_card(&self, word: &str) -> Option<&Gpu> {
        self.gpus.iter().find(|listed| listed.word == word).and_then(Listed::item)
    }
}
