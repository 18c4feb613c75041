//! What one GPU has of a model whose matrices several divide.

use super::Architecture;
use super::architecture::{FeedForward, Mixer};

impl Architecture {
    /// What of it is divided by tensor parallelism, in the words of its config: heads, the widths of feed-forward networks,
    /// the words of the vocabulary.
    pub(crate) fn divisible(&self) -> Vec<(&'static str, u64)> {
        let mut sizes =
            vec![("words of the vocabulary", self.vocab_size), ("rows of the embedding", self.embedded_tokens())];
        for group in &self.groups {
            if let Some(attention) = group.layer.attention() {
                sizes.extend([("attention heads", attention.heads), ("key-value heads", attention.kv_heads)]);
            }
            if let FeedForward::Dense(mlp) = &group.layer.feed_forward {
                sizes.push(("channels of the feed-forward network", mlp.intermediate_size));
            }
        }
        let mut seen = Vec::with_capacity(sizes.len());
        sizes.retain(|size| {
            let new = !seen.contains(size);
            seen.push(*size);
            new
        });
        sizes
    }

    /// Its part on one of so many GPUs, which divide all of that. Embedding and head are divided each by itself and share
    /// nothing.
    pub(crate) fn local(&self, ways: u64) -> Self {
        let mut local = Self {
            vocab_size: self.vocab_size / ways,
            unused_tokens: self.unused_tokens / ways,
            tie_word_embeddings: false,
            ..self.clone()
        };
        for group in &mut local.groups {
            if let Mixer::Attention(attention) = &mut group.layer.mixer {
                attention.heads /= ways;
                attention.kv_heads /= ways;
            }
            if let FeedForward::Dense(mlp) = &mut group.layer.feed_forward {
                mlp.intermediate_size /= ways;
            }
        }
        local
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parameters::blocks;
    use crate::model::part::Split;
    use crate::preset::Library;

    #[test]
    fn the_parts_of_all_gpus_are_the_whole() {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        let count = |architecture: &Architecture, divided: bool| -> u64 {
            blocks(architecture)
                .iter()
                .flat_map(|block| block.tensors.iter().map(move |tensor| (block.copies, tensor)))
                .filter(|(_, tensor)| (tensor.part.split() != Split::Replicated) == divided)
                .map(|(copies, tensor)| copies * tensor.parameters().unwrap().get())
                .sum()
        };
        let whole = Architecture { tie_word_embeddings: false, ..model.architecture.clone() };
        for ways in [2, 4, 8] {
            let local = model.architecture.local(ways);
            assert_eq!(count(&local, true) * ways, count(&whole, true), "{ways}");
            assert_eq!(count(&local, false), count(&whole, false), "{ways}: norms are whole everywhere");
        }
    }
}
