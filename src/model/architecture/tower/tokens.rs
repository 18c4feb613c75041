//! How many tokens images and sounds become, by each class's own rule: in the tower, and in the decoder's sequence.

use super::composite::{Composite, Projector};
use super::kinds::Kind;
use super::layers::{Sizes, few, small};
use super::sides::{Narrow, best_fit, between, nearest_shape, resized, smallest_holding};
use crate::model::architecture::ArchitectureError;
use crate::model::keys::TowerKeys;

/// What one image or sound becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageTokens {
    /// Sequences that the tower sees: an image as a whole, or the tiles that it is cut into.
    pub tiles: u64,
    /// Tokens of each in the tower.
    pub each: u64,
    /// Tokens that the projector makes of each.
    pub given: u64,
    /// Tokens in the decoder's sequence.
    pub text: u64,
    /// Numbers that are fed for it.
    pub inputs: u64,
}

/// How many tokens an image becomes, from its sides.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenRule {
    /// As many for every image or sound: it is made this large.
    Fixed {
        /// What it becomes.
        tokens: ImageTokens,
    },
    /// Patches of an image in its own shape, several of which become one (Qwen).
    Patches {
        /// Pixels of a side of a patch.
        patch: u64,
        /// Patches of a side that become one token.
        merge: u64,
        /// The fewest and the most pixels that an image is given.
        pixels: [u64; 2],
        /// Numbers of a patch.
        inputs: u64,
        /// What is done first to an image with a side that is shorter than a token's.
        narrow: Narrow,
    },
    /// The same, with a token behind each row (Pixtral).
    Rows {
        /// The most pixels of a side.
        longest: u64,
        /// Pixels of a side of a patch.
        patch: u64,
        /// Patches of a side that become one token.
        merge: u64,
        /// Numbers of a patch.
        inputs: u64,
    },
    /// An image in its own shape within two lengths, which becomes as many tokens whatever that is (Idefics 2).
    Resampled {
        /// The least and the most pixels of a side.
        lengths: [u64; 2],
        /// Pixels of a side of a patch.
        patch: u64,
        /// Tokens that it becomes.
        text: u64,
        /// Numbers of a patch.
        inputs: u64,
    },
    /// Square tiles, with the image as a whole beside them.
    Tiles {
        /// Pixels of a side of a tile.
        side: u64,
        /// What one tile becomes.
        tile: ImageTokens,
        /// How the number of tiles follows from the sides.
        grid: Grid,
    },
}

/// How an image is cut into tiles.
#[derive(Debug, Clone, PartialEq)]
pub enum Grid {
    /// Made this large along its longer side, cut, and its whole added (Idefics 3, `SmolVLM`).
    Longest(u64),
    /// The grid of at most so many tiles whose shape is nearest, and its whole (`InternVL`).
    Nearest(u64),
    /// The smallest of the grids of at most so many tiles that holds it, and its whole (Llama 4).
    Holding(u64),
    /// One of these grids of rows and columns, a token behind each row of patches, and its whole (LLaVA-NeXT).
    Pinned(Vec<[u64; 2]>),
}

/// Sides beyond these are nobody's image.
const LONGEST_SIDE: u64 = 1 << 14;

impl TokenRule {
    /// What an image of this height and width becomes; a sound has none.
    pub fn of(&self, [height, width]: [u64; 2]) -> ImageTokens {
        let [height, width] = [height, width].map(|side| side.clamp(1, LONGEST_SIDE));
        match self {
            Self::Fixed { tokens } => *tokens,
            Self::Patches { patch, merge, pixels, inputs, narrow } => {
                let sides = narrow.of([height, width], patch * merge);
                let [height, width] = resized(sides, patch * merge, *pixels);
                let patches = (height / patch) * (width / patch);
                let text = patches / (merge * merge);
                ImageTokens { tiles: 1, each: patches, given: text, text, inputs: patches * inputs }
            }
            Self::Rows { longest, patch, merge, inputs } => {
                let cell = patch * merge;
                let shrunk =
                    |side: u64| if height.max(width) > *longest { side * longest / height.max(width) } else { side };
                let [rows, columns] = [height, width].map(|side| shrunk(side).div_ceil(cell).max(1));
                let patches = rows * columns * merge * merge;
                ImageTokens {
                    tiles: 1,
                    each: patches,
                    given: rows * columns,
                    text: rows * (columns + 1),
                    inputs: patches * inputs,
                }
            }
            Self::Resampled { lengths, patch, text, inputs } => {
                let [rows, columns] = between([height, width], *lengths).map(|side| (side / patch).max(1));
                let patches = rows * columns;
                ImageTokens { tiles: 1, each: patches, given: *text, text: *text, inputs: patches * inputs }
            }
            Self::Tiles { side, tile, grid } => grid.of([height, width], *side, *tile),
        }
    }
}

impl Grid {
    fn of(&self, [height, width]: [u64; 2], side: u64, tile: ImageTokens) -> ImageTokens {
        let several = |tiles: u64| ImageTokens { tiles, text: tiles * tile.text, inputs: tiles * tile.inputs, ..tile };
        match self {
            Self::Longest(longest) => {
                // Small images are made larger too.
                let longer = height.max(width);
                let [rows, columns] = [height, width].map(|length| (length * longest / longer).div_ceil(side).max(1));
                let tiles = if rows * columns > 1 { rows * columns + 1 } else { 1 };
                several(tiles)
            }
            Self::Nearest(most) => {
                let [rows, columns] = nearest_shape([height, width], *most, side);
                let tiles = if rows * columns > 1 { rows * columns + 1 } else { 1 };
                several(tiles)
            }
            Self::Holding(most) => {
                let [rows, columns] = smallest_holding([height, width], *most, side);
                let tiles = if rows * columns > 1 { rows * columns + 1 } else { 1 };
                several(tiles)
            }
            Self::Pinned(grids) => {
                let [rows, columns] = best_fit([height, width], grids, side);
                let whole = several(rows * columns + 1);
                // Tiles are put together to one image again, with a token behind each of its rows.
                let row = tile.text.isqrt();
                ImageTokens { text: whole.text + rows * row, ..whole }
            }
        }
    }
}

/// Tokens of one square tile, and of images of one size.
fn square(each: u64, text: u64, inputs: u64) -> ImageTokens {
    ImageTokens { tiles: 1, each, given: text, text, inputs }
}

/// The rule of a class.
pub(super) fn rule(
    composite: &Composite,
    kind: Kind,
    sizes: &Sizes,
    keys: &TowerKeys,
) -> Result<TokenRule, ArchitectureError> {
    let patches = sizes.patches();
    if patches == 0 {
        let problem = format!("{:?} pixels, less than a patch of {:?}", sizes.image, sizes.patch);
        return Err(ArchitectureError::new("image_size", problem));
    }
    let inputs = small("image_size", patches)? * sizes.patch_inputs;
    let (merge, side) = (sizes.merge, sizes.image[0]);
    let merged = patches / (merge * merge);
    let fixed = |each, text| TokenRule::Fixed { tokens: square(each, text, inputs) };
    let (patch, of_patch) = (sizes.patch[0], sizes.patch_inputs);
    let of_any_shape = |pixels, narrow| TokenRule::Patches { patch, merge, pixels, inputs: of_patch, narrow };
    Ok(match composite.projector {
        Projector::Gemma3 => fixed(patches, small("mm_tokens_per_image", keys.mm_tokens_per_image.unwrap_or(256))?),
        Projector::Gemma4 => {
            // As many patches as become this many tokens, whatever the image.
            let text = small("mm_tokens_per_image", keys.mm_tokens_per_image.unwrap_or(280))?;
            let each = text * merge * merge;
            TokenRule::Fixed { tokens: square(each, text, each * sizes.patch_inputs) }
        }
        Projector::Linear if kind != Kind::Whisper => fixed(patches, patches),
        Projector::Linear | Projector::Voxtral => {
            let frames = sizes.rows.unwrap_or(1500);
            let text = if composite.projector == Projector::Voxtral { frames / 4 } else { frames / 2 };
            // Two frames of the spectrogram become one token.
            TokenRule::Fixed { tokens: square(frames, text, 2 * frames * (sizes.patch_inputs / 3)) }
        }
        Projector::Merger => {
            let most = if kind == Kind::Qwen3Vl { 16_777_216 } else { 12_845_056 };
            let fewest = if kind == Kind::Qwen3Vl { 65_536 } else { 3136 };
            of_any_shape([fewest, most], Narrow::Widened)
        }
        // Its processor counts the pixels of both frames that an image is made.
        Projector::Glm => of_any_shape([112 * 112 / 2, 28 * 28 * 15_000 / 2], Narrow::Enlarged),
        Projector::Apart => of_any_shape([384 * 384, 1536 * 1536], Narrow::EnlargedToNearest),
        Projector::Mistral3 => {
            TokenRule::Rows { longest: side, patch: sizes.patch[0], merge, inputs: sizes.patch_inputs }
        }
        Projector::Llava { .. } if kind == Kind::Pixtral => {
            TokenRule::Rows { longest: side, patch: sizes.patch[0], merge: 1, inputs: sizes.patch_inputs }
        }
        Projector::Llava { newline } => {
            let class_token = u64::from(kind == Kind::Clip);
            let keeps = class_token * u64::from(keys.vision_feature_select_strategy.as_deref() == Some("full"));
            let tile = square(patches + class_token, patches + keeps, inputs);
            let pinned = keys.image_grid_pinpoints.as_deref().unwrap_or_default();
            let grids: Vec<[u64; 2]> = pinned.chunks_exact(2).map(|pair| [pair[0] / side, pair[1] / side]).collect();
            let most = grids.iter().flatten().copied().max().unwrap_or(1);
            few("image_grid_pinpoints", most.max(1))?;
            if newline && !grids.is_empty() {
                TokenRule::Tiles { side, tile, grid: Grid::Pinned(grids) }
            } else {
                TokenRule::Fixed { tokens: tile }
            }
        }
        Projector::Shuffled => {
            let tile = square(patches, merged, inputs);
            TokenRule::Tiles { side, tile, grid: Grid::Longest(4 * side) }
        }
        Projector::InternVl => {
            let tile = square(patches + 1, merged, inputs);
            TokenRule::Tiles { side, tile, grid: Grid::Nearest(12) }
        }
        Projector::Llama4 => {
            let tile = square(patches + 1, merged, inputs);
            TokenRule::Tiles { side, tile, grid: Grid::Holding(16) }
        }
        Projector::Lfm2 => {
            let text = 256;
            let each = text * merge * merge;
            TokenRule::Fixed { tokens: square(each, text, each * sizes.patch_inputs) }
        }
        Projector::Perceiver => {
            let text = small("resampler_n_latents", keys.resampler_n_latents.unwrap_or(64))?;
            TokenRule::Resampled { lengths: [378, 980], patch, text, inputs: of_patch }
        }
        Projector::Convolved => {
            let halved = |side: u64| (side / patch).div_ceil(2).div_ceil(2);
            fixed(patches, halved(sizes.image[0]) * halved(sizes.image[1]))
        }
        Projector::Mllama => {
            // All tiles, used or not, each with its patches and class token in whole eights; the decoder attends to them
            // without what fills the eights, and its sequence has one token.
            let tiles = few("max_num_tiles", super::tiles(keys))?;
            let each = tiles * (patches + 1).next_multiple_of(8);
            TokenRule::Fixed { tokens: ImageTokens { given: tiles * (patches + 1), ..square(each, 1, tiles * inputs) } }
        }
    })
}
