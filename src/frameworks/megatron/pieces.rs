//! Which layers are on which stage of the pipeline, piece by piece where a stage has several.

mod written;

use std::ops::Range;

use crate::ledger::EstimateError;
use crate::model::Architecture;
use crate::parallel::Layout;
use crate::parallel::layout::nearest_words;
use crate::scenario::Megatron;

/// A piece of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its layers, counted from 0.
    pub(super) layers: Range<u64>,
    /// Whether it begins with the embedding.
    pub(super) embeds: bool,
    /// Whether the layers that predict tokens beyond the next follow.
    pub(super) predicts: bool,
    /// Whether it ends with the head and the loss.
    pub(super) scores: bool,
}

/// The pieces of every stage: those of stage `r` are the `r`-th, `r + stages`-th, … of the model.
///
/// # Errors
/// Where layers cannot be divided so.
pub(super) fn of(
    architecture: &Architecture,
    layout: &Layout,
    megatron: &Megatron,
) -> Result<Vec<Vec<Piece>>, EstimateError> {
    let layers = architecture.num_hidden_layers();
    let written = &megatron.pipeline_model_parallel_layout;
    let pieces = if written.is_empty() {
        let sizes = sizes(layers, layout, megatron)?;
        in_order(&sizes, megatron.mtp_num_layers > 0)
    } else {
        written::pieces(written, layers, layout, megatron.mtp_num_layers)?
    };
    let stages = usize::try_from(layout.pipeline).unwrap_or(usize::MAX);
    let mut of_stages = vec![Vec::new(); stages];
    for (index, piece) in pieces.into_iter().enumerate() {
        of_stages[index % stages].push(piece);
    }
    Ok(of_stages)
}

/// Pieces of so many layers each, the first with the embedding, the last with what follows the layers.
fn in_order(sizes: &[u64], predicts: bool) -> Vec<Piece> {
    let mut next = 0;
    let last = sizes.len() - 1;
    let piece = |(index, layers): (usize, &u64)| {
        let first = next;
        next += layers;
        let ends = index == last;
        Piece { layers: first..next, embeds: index == 0, predicts: predicts && ends, scores: ends }
    };
    sizes.iter().enumerate().map(piece).collect()
}

/// How many layers every piece has.
fn sizes(layers: u64, layout: &Layout, megatron: &Megatron) -> Result<Vec<u64>, EstimateError> {
    let ends = [megatron.decoder_first_pipeline_num_layers, megatron.decoder_last_pipeline_num_layers];
    if layout.pipeline > 1 && ends.iter().any(Option::is_some) {
        return uneven(layers, layout, ends);
    }
    let pieces = layout.pipeline.saturating_mul(layout.virtual_pipeline);
    let [embedding, loss] =
        [megatron.account_for_embedding_in_pipeline_split, megatron.account_for_loss_in_pipeline_split]
            .map(|counts| u64::from(counts && layout.pipeline > 1));
    let slots = layers + embedding + loss;
    if !slots.is_multiple_of(pieces) || slots < pieces {
        return Err(indivisible(slots, pieces, layout, embedding + loss));
    }
    let mut sizes = vec![slots / pieces; usize::try_from(pieces).unwrap_or(usize::MAX)];
    if let [first, .., last] = &mut sizes[..] {
        (*first, *last) = (*first - embedding, *last - loss);
    }
    Ok(sizes)
}

/// The keys of a number of its own for the first stage and for the last.
const KEYS: [&str; 2] = ["megatron.decoder_first_pipeline_num_layers", "megatron.decoder_last_pipeline_num_layers"];

/// The first and the last stage have layers of their own number, the others equal shares of the rest.
fn uneven(layers: u64, layout: &Layout, ends: [Option<u64>; 2]) -> Result<Vec<u64>, EstimateError> {
    let named = KEYS.into_iter().zip(ends).filter_map(|(key, own)| own.map(|own| (key, own)));
    for (key, own) in named.clone() {
        if !own.is_multiple_of(layout.virtual_pipeline) {
            let problem = format!("{own} layers, which {} pieces of a stage do not divide", layout.virtual_pipeline);
            return Err(EstimateError::Invalid { key, problem });
        }
    }
    let key = named.clone().map(|(key, _)| key).next().unwrap_or(KEYS[0]);
    let taken: u64 = named.clone().map(|(_, own)| own).sum();
    let others = layout.pipeline - named.count() as u64;
    let pieces = others.saturating_mul(layout.virtual_pipeline);
    let left = layers.checked_sub(taken).filter(|left| (others == 0) == (*left == 0));
    let Some(left) = left else {
        let beside = if others == 0 { String::new() } else { format!(" and {others} stages that need some") };
        let problem =
            format!("{taken} layers on stages with a number of their own{beside}, but the model has {layers}");
        return Err(EstimateError::Invalid { key, problem });
    };
    if others > 0 && !left.is_multiple_of(pieces) {
        let each = layout.virtual_pipeline;
        let of_each = if each > 1 { format!(" of {each} pieces each") } else { String::new() };
        let problem = format!(
            "{taken} layers on stages with a number of their own leave {left} of {layers}, which {others} stages{of_each} \
             do not divide"
        );
        return Err(EstimateError::Invalid { key, problem });
    }
    let usual = left.checked_div(pieces).unwrap_or(0);
    let of_piece = |index: u64| {
        let stage = index % layout.pipeline;
        let own = if stage == 0 {
            ends[0]
        } else if stage + 1 == layout.pipeline {
            ends[1]
        } else {
            None
        };
        own.map_or(usual, |layers| layers / layout.virtual_pipeline)
    };
    Ok((0..layout.pipeline * layout.virtual_pipeline).map(of_piece).collect())
}

fn indivisible(slots: u64, pieces: u64, layout: &Layout, counted: u64) -> EstimateError {
    let beside = if counted > 0 { format!(" (embedding and loss among them: {counted})") } else { String::new() };
    let (key, nearest) = if layout.virtual_pipeline > 1 {
        ("parallel.virtual_pipeline", nearest_words(slots / layout.pipeline.max(1), layout.virtual_pipeline))
    } else {
        ("parallel.pipeline", nearest_words(slots, layout.pipeline))
    };
    let problem = format!(
        "{} stages of {} pieces do not divide {slots} layers{beside} into {pieces}; {nearest}; or see \
         megatron.pipeline_model_parallel_layout",
        layout.pipeline, layout.virtual_pipeline
    );
    EstimateError::Invalid { key, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(pipeline: u64, virtual_pipeline: u64) -> Layout {
        Layout { pipeline, virtual_pipeline, ..Layout::ONE }
    }

    #[test]
    fn layers_are_divided_as_megatron_divides_them() {
        let usual = Megatron::default();
        assert_eq!(sizes(12, &layout(4, 3), &usual).unwrap(), [1; 12]);
        let ends = Megatron {
            decoder_first_pipeline_num_layers: Some(2),
            decoder_last_pipeline_num_layers: Some(2),
            ..Megatron::default()
        };
        assert_eq!(sizes(12, &layout(4, 1), &ends).unwrap(), [2, 4, 4, 2]);
        let counted = Megatron {
            account_for_embedding_in_pipeline_split: true,
            account_for_loss_in_pipeline_split: true,
            ..Megatron::default()
        };
        assert_eq!(sizes(14, &layout(4, 2), &counted).unwrap(), [1, 2, 2, 2, 2, 2, 2, 1]);
        let said = sizes(12, &layout(5, 1), &usual).unwrap_err().to_string();
        assert!(said.contains("4 and 6"), "{said}");
    }

    #[test]
    fn a_number_of_its_own_is_refused_by_its_key_and_for_what_is_wrong_with_it() {
        let said = |first, last, layout: Layout| uneven(12, &layout, [first, last]).unwrap_err().to_string();
        let last = said(None, Some(3), layout(4, 2));
        assert_eq!(
            last,
            "megatron.decoder_last_pipeline_num_layers: 3 layers, which 2 pieces of a stage do not divide"
        );
        let more = said(Some(13), None, layout(4, 1));
        assert!(more.contains("13 layers") && more.contains("the model has 12"), "{more}");
        let none_left = said(Some(6), Some(6), layout(4, 1));
        assert!(none_left.contains("2 stages that need some"), "{none_left}");
        let unused = said(Some(4), Some(4), layout(2, 1));
        assert!(unused.contains("8 layers") && unused.contains("the model has 12"), "{unused}");
        let rest = said(Some(4), Some(1), layout(4, 1));
        assert!(rest.contains("leave 7 of 12, which 2 stages do not divide"), "{rest}");
    }
}
