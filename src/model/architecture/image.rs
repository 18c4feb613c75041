//! Models whose tokens are patches of an image: what is before and behind their layers.

use super::ArchitectureKeys;
use super::checks::{ArchitectureError, class_of, dimension};
use crate::model::family::Family;
use crate::model::keys::Sides;

/// What a model of images has outside its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Height and width of an image, in pixels.
    pub pixels: [u64; 2],
    /// Height and width of a patch, in pixels.
    pub patch: [u64; 2],
    /// Numbers for each pixel.
    pub channels: u64,
    /// Classes that an image can be of.
    pub labels: u64,
    /// Width of the bare model's pooler.
    pub pooler: u64,
    /// Whether a classifier stands on top, and no pooler.
    pub classifies: bool,
}

impl Image {
    /// Patches of an image; what is left over at its edges is not read.
    pub const fn patches(&self) -> u64 {
        (self.pixels[0] / self.patch[0]) * (self.pixels[1] / self.patch[1])
    }

    /// Tokens of an image: its patches, and one before them for the whole.
    pub const fn tokens(&self) -> u64 {
        self.patches() + 1
    }
}

/// What a model of images of these keys has outside its layers.
pub(super) fn resolve(
    family: &Family,
    keys: &ArchitectureKeys,
    hidden_size: u64,
) -> Result<Option<Image>, ArchitectureError> {
    let Some(defaults) = &family.image else { return Ok(None) };
    let own = &keys.image;
    let [_, with_classifier] = defaults.classes;
    let pixels = sides("image_size", own.image_size.unwrap_or(Sides::Square(defaults.image_size)))?;
    let patch = sides("patch_size", own.patch_size.unwrap_or(Sides::Square(defaults.patch_size)))?;
    let labels = keys.num_labels.unwrap_or(defaults.labels);
    let image = Image {
        pixels,
        patch,
        channels: dimension("num_channels", own.num_channels.unwrap_or(defaults.channels))?,
        labels: if labels == 0 { 0 } else { dimension("num_labels", labels)? },
        // The class has zero stand for nothing said.
        pooler: match own.pooler_output_size {
            None | Some(0) => hidden_size,
            Some(size) => dimension("pooler_output_size", size)?,
        },
        classifies: class_of(&defaults.classes, keys.architectures.as_deref())? == Some(with_classifier),
    };
    if image.patches() == 0 {
        let problem = format!("{} × {} pixels, less than a patch of {} × {}", pixels[0], pixels[1], patch[0], patch[1]);
        return Err(ArchitectureError::new("image_size", problem));
    }
    dimension("image_size", image.tokens())?;
    Ok(Some(image))
}

/// No image has more pixels on a side.
const LONGEST_SIDE: u64 = 1 << 16;

pub(in crate::model) fn sides(key: &'static str, sides: Sides) -> Result<[u64; 2], ArchitectureError> {
    let both = sides.both();
    match both.into_iter().find(|side| !(1..=LONGEST_SIDE).contains(side)) {
        None => Ok(both),
        Some(side) => Err(ArchitectureError::new(key, format!("{side} is not between 1 and 2^16"))),
    }
}
