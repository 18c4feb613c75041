//! The sides that processors give images, and the grids of tiles that they cut them into.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "sides of images are below 2^14, and the rules are written in floating point"
)]

/// What becomes of an image with a side that is shorter than a token's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// That side alone is made as long (Qwen).
    Widened,
    /// All of it is made larger, in whole pixels (GLM-4.1V).
    Enlarged,
    /// All of it is made larger, to the nearest pixels (PaddleOCR-VL).
    EnlargedToNearest,
}

impl Narrow {
    /// The sides of an image before they are made multiples of a token's.
    pub(super) fn of(self, [height, width]: [u64; 2], cell: u64) -> [u64; 2] {
        match self {
            Self::Enlarged if height < cell || width < cell => {
                let scale = (cell as f64 / height as f64).max(cell as f64 / width as f64);
                [height, width].map(|side| (side as f64 * scale) as u64)
            }
            Self::Widened | Self::Enlarged => [height, width],
            Self::EnlargedToNearest => {
                let [height, width] =
                    if height < cell { [cell, nearest(width * cell, height)] } else { [height, width] };
                if width < cell { [nearest(height * cell, width), cell] } else { [height, width] }
            }
        }
    }
}

/// A quotient to the nearest whole number; halves to the even one, as Python rounds.
const fn nearest(number: u64, divisor: u64) -> u64 {
    let (whole, rest) = (number / divisor, number % divisor);
    if 2 * rest > divisor || 2 * rest == divisor && whole % 2 == 1 { whole + 1 } else { whole }
}

/// Sides in whole cells, within so many pixels.
pub(super) fn resized([height, width]: [u64; 2], cell: u64, [fewest, most]: [u64; 2]) -> [u64; 2] {
    let near = [height, width].map(|side| nearest(side, cell).max(1) * cell);
    let pixels = near[0] * near[1];
    let scaled = |limit: u64, up: bool| {
        let factor = (limit as f64 / (height * width) as f64).sqrt();
        [height, width].map(|side| {
            let cells = side as f64 * factor / cell as f64;
            let cells = if up { cells.ceil() } else { cells.floor() };
            (cells as u64).max(1) * cell
        })
    };
    if pixels > most {
        scaled(most, false)
    } else if pixels < fewest {
        scaled(fewest, true)
    } else {
        near
    }
}

/// Sides of which the longer is made no longer than the one length, and none is left shorter than the other.
pub(super) fn between([height, width]: [u64; 2], [least, most]: [u64; 2]) -> [u64; 2] {
    let shape = width as f64 / height as f64;
    let sides = if width >= height && width > most {
        [(most as f64 / shape) as u64, most]
    } else if height > width && height > most {
        [most, (most as f64 * shape) as u64]
    } else {
        [height, width]
    };
    sides.map(|side| side.max(least))
}

/// The grid of at most so many tiles whose shape is nearest to the image's; of equal ones the last that the image fills.
pub(super) fn nearest_shape([height, width]: [u64; 2], most: u64, side: u64) -> [u64; 2] {
    let mut grids: Vec<[u64; 2]> =
        (1..=most).flat_map(|rows| (1..=most / rows).map(move |columns| [rows, columns])).collect();
    grids.sort_by_key(|[rows, columns]| rows * columns);
    let shape = width as f64 / height as f64;
    let mut best = ([1, 1], f64::INFINITY);
    for [rows, columns] in grids {
        let apart = (shape - columns as f64 / rows as f64).abs();
        let fills = height * width * 2 > side * side * rows * columns;
        if apart < best.1 || apart == best.1 && fills {
            best = ([rows, columns], apart);
        }
    }
    best.0
}

/// The grid that holds the image with the least enlargement, else the one that shrinks it least.
pub(super) fn smallest_holding([height, width]: [u64; 2], most: u64, side: u64) -> [u64; 2] {
    let grids = (1..=most).flat_map(|rows| (1..=most / rows).map(move |columns| [rows, columns]));
    let scale = |[rows, columns]: [u64; 2]| {
        (rows as f64 * side as f64 / height as f64).min(columns as f64 * side as f64 / width as f64)
    };
    let better = |one: [u64; 2], other: [u64; 2]| {
        let [a, b] = [scale(one), scale(other)];
        let closer = match (a >= 1.0, b >= 1.0) {
            (true, true) => a < b,
            (holds, held) if holds != held => holds,
            _ => a > b,
        };
        closer || a == b && one[0] * one[1] < other[0] * other[1]
    };
    grids.reduce(|best, next| if better(next, best) { next } else { best }).unwrap_or([1, 1])
}

/// Of these grids the one in which most of the image's pixels are kept, and of those the smallest.
pub(super) fn best_fit([height, width]: [u64; 2], grids: &[[u64; 2]], side: u64) -> [u64; 2] {
    let kept = |[rows, columns]: [u64; 2]| {
        let [tall, wide] = [rows * side, columns * side];
        let scale = (tall as f64 / height as f64).min(wide as f64 / width as f64);
        let [shown_tall, shown_wide] = [height, width].map(|length| (length as f64 * scale) as u64);
        (shown_tall * shown_wide).min(height * width)
    };
    let mut best = [1, 1];
    let mut most = (0, u64::MAX);
    for grid in grids {
        let (seen, area) = (kept(*grid), grid[0] * grid[1]);
        if seen > most.0 || seen == most.0 && area < most.1 {
            (best, most) = (*grid, (seen, area));
        }
    }
    best
}
