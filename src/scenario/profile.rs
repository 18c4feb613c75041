//! A profile: the habits of one version of an implementation that data can say, from `presets/frameworks`.
//!
//! What each operation of the modelling code keeps is code, in [`crate::framework::transformers`].

use crate::framework::transformers::SOURCE;

/// The habits of one version of an implementation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The word that scenarios use.
    pub id: String,
    /// The name that people use.
    pub name: String,
    /// The version that is described, as ledger entries name their source.
    pub version: &'static str,
    /// Where the habits were read or measured.
    pub sources: Vec<String>,
    /// The families whose code was read; all of them where none is named.
    pub families: Vec<String>,
    /// How it trains, where that is described.
    pub train: Option<Training>,
    /// How it serves, where that is described.
    pub infer: Option<Serving>,
}

/// How an implementation's own training loop goes, unless the scenario says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Training {
    /// The word of `train.optimizer_implementation`.
    pub optimizer_implementation: String,
    /// Whether the loop holds the model's outputs during backward.
    pub keep_outputs: bool,
}

/// How an implementation generates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
pub struct Serving {
    /// Whether logits of every position of the prompt are computed, with a copy in fp32.
    pub logits_of_prompt: bool,
    /// Whether the whole old cache stays until the new one is complete; else one layer's at a time.
    pub rebuilds_cache: bool,
    /// Whether keys and values of a layer are copied for every query head.
    pub repeats_heads: bool,
    /// Whether every layer holds rotary tables of the longest sequence that the model was made for.
    pub tables_in_layers: bool,
    /// Whether weights are carved from one block; else each has blocks of the allocator's own sizes.
    pub loads_in_one_block: bool,
    /// Whether GPTQ's 4-bit kernel has a buffer of the largest matrix in 16 bits.
    pub exllama_buffer: bool,
    /// Whether an fp8 model with a tied head holds the matrix twice.
    pub unties_fp8_head: bool,
    /// Whether each layer of an AWQ model holds what tables of cosines and sines of the prompt would take.
    pub awq_tables: bool,
}

/// Every profile that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    known: Vec<Profile>,
}

impl Default for Profile {
    /// The one whose operations [`crate::framework::transformers`] describes, for programs that load no presets.
    fn default() -> Self {
        Self {
            id: String::from("transformers"),
            name: String::from("Transformers"),
            version: SOURCE,
            sources: Vec::new(),
            families: Vec::new(),
            train: Some(Training { optimizer_implementation: String::from("fused"), keep_outputs: false }),
            infer: Some(Serving {
                logits_of_prompt: false,
                rebuilds_cache: false,
                repeats_heads: false,
                tables_in_layers: false,
                loads_in_one_block: true,
                exllama_buffer: false,
                unties_fp8_head: false,
                awq_tables: false,
            }),
        }
    }
}

impl Profiles {
    /// Adds a profile, in the place of an earlier one of its id.
    pub fn put(&mut self, profile: Profile) {
        match self.known.iter_mut().find(|known| known.id == profile.id) {
            Some(known) => *known = profile,
            None => self.known.push(profile),
        }
    }

    /// The profile of an id; the default one needs no preset.
    pub fn of(&self, id: &str) -> Option<Profile> {
        let known = self.known.iter().find(|profile| profile.id == id).cloned();
        known.or_else(|| Some(Profile::default()).filter(|profile| profile.id == id))
    }

    /// Every profile, in the order in which they were added.
    pub fn all(&self) -> &[Profile] {
        &self.known
    }
}
