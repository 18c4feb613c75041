//! Families whose tokens are patches of an image.

/// What a family whose tokens are patches has, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageDefaults {
    /// The class of the bare model and the one that classifies, as `architectures` names them.
    pub classes: [&'static str; 2],
    /// `image_size`: pixels on each side.
    pub image_size: u64,
    /// `patch_size`: pixels on each side of a patch.
    pub patch_size: u64,
    /// `num_channels`: numbers for each pixel.
    pub channels: u64,
    /// `num_labels`: classes that an image can be of.
    pub labels: u64,
}
