//! The colours that a terminal has, and which of them is nearest to one that it has not.

use ratatui::style::Color;

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Sixteen, which its user chose.
    Sixteen,
    /// These, and a cube of 216 and 24 greys.
    Indexed,
    /// All.
    True,
}

impl Depth {
    /// What an environment says of its terminal.
    pub(crate) fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let says =
            |name: &str, words: &[&str]| get(name).is_some_and(|value| words.iter().any(|word| value.contains(word)));
        if says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["direct"]) {
            Self::True
        } else if says("TERM", &["256color"]) {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// The nearest colour that a terminal of this depth has.
    pub(super) fn nearest(self, colour: Color) -> Color {
        match (colour, self) {
            (Color::Rgb(red, green, blue), Self::Indexed) => {
                let rgb = [red, green, blue];
                let nearest = (16..=u8::MAX).min_by_key(|index| distance(of_index(*index), rgb));
                Color::Indexed(nearest.unwrap_or_default())
            }
            (Color::Rgb(red, green, blue), Self::Sixteen) => sixteen([red, green, blue]),
            (Color::Indexed(index @ 16..), Self::Sixteen) => sixteen(of_index(index)),
            (colour, _) => colour,
        }
    }
}

/// Steps of the cube of xterm's 216 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// What xterm shows for an index beyond the first sixteen: a cube, then greys.
fn of_index(index: u8) -> [u8; 3] {
    match index {
        16..=231 => {
            let cube = index - 16;
            [cube / 36, cube / 6 % 6, cube % 6].map(|step| STEPS[usize::from(step)])
        }
        _ => [8 + 10 * index.saturating_sub(232); 3],
    }
}

/// The sixteen, as xterm shows them by default.
const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

fn sixteen(rgb: [u8; 3]) -> Color {
    let nearest = SIXTEEN.iter().min_by_key(|(_, other)| distance(*other, rgb));
    nearest.map_or(Color::Reset, |(colour, _)| *colour)
}

/// How far apart two colours look, in no unit: squares weighted by how well an eye tells red, green and blue apart there
/// (the "redmean" of Thiadmer Riemersma, times 512).
fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let red = u32::from(one[0]) + u32::from(other[0]);
    let weights = [1024 + red, 2048, 1024 + 510 - red];
    let squares = one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2));
    squares.zip(weights).map(|(square, weight)| square * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_fit_the_terminal() {
        let (indexed, sixteen) = (Depth::Indexed, Depth::Sixteen);
        assert_eq!(indexed.nearest(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(indexed.nearest(Color::Rgb(0x6b, 0x6b, 0x6b)), Color::Indexed(242), "greys have a ramp");
        assert_eq!(sixteen.nearest(Color::Rgb(0, 0, 0)), Color::Black);
        assert_eq!(sixteen.nearest(Color::Rgb(250, 250, 250)), Color::White);
        assert_eq!(sixteen.nearest(Color::Rgb(0, 160, 0)), Color::Green);
        assert_eq!(sixteen.nearest(Color::Indexed(196)), Color::LightRed);
        assert_eq!(sixteen.nearest(Color::Indexed(9)), Color::Indexed(9));
        assert_eq!(sixteen.nearest(Color::Blue), Color::Blue);
        for (colour, [red, green, blue]) in SIXTEEN {
            assert_eq!(sixteen.nearest(Color::Rgb(red, green, blue)), colour);
        }
    }

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        let depth = |pairs: &[(&str, &str)]| {
            Depth::from_env(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "screen-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
    }
}
