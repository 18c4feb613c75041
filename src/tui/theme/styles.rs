//! The styles of all roles, read from words.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

use crate::scenario::parameter::nearest;

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
}

/// A style for each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Styles {
    single: [Style; ROLES.len()],
    series: Vec<Style>,
}

/// The roles that have one style, by the names that files use.
const ROLES: [&str; 21] = [
    "parameters",
    "gradients",
    "optimizer",
    "activations",
    "logits",
    "kv_cache",
    "workspace",
    "runtime",
    "fits",
    "tight",
    "over",
    "strong",
    "dim",
    "selected",
    "border",
    "title",
    "key",
    "notice",
    "refusal",
    "error",
    "paper",
];

impl Styles {
    /// No style at all.
    pub(crate) const PLAIN: Self = Self { single: [Style::new(); ROLES.len()], series: Vec::new() };

    /// Styles by role: each in words, in place of those of `others`, in the colours that a terminal has.
    ///
    /// # Errors
    /// The index of the row at fault, and why.
    pub(crate) fn with<'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, &'a [String])>,
        depth: Depth,
    ) -> Result<Self, (usize, String)> {
        let mut styles = self.clone();
        for (index, (role, words)) in rows.into_iter().enumerate() {
            let read = words.iter().map(|words| style(words, depth)).collect::<Result<Vec<Style>, String>>();
            let read = read.map_err(|message| (index, message))?;
            match (role, ROLES.iter().position(|known| *known == role), read.as_slice()) {
                ("series", _, [_, ..]) => styles.series = read,
                (_, Some(place), [one]) => styles.single[place] = *one,
                (_, Some(_), _) | ("series", _, _) => {
                    return Err((index, String::from("expected one style; only a series has several")));
                }
                _ => {
                    let near = nearest(role, ROLES.iter().copied().chain(["series"]));
                    let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
                    return Err((index, format!("there is no such role{hint}")));
                }
            }
        }
        Ok(styles)
    }

    /// The style of a role; without colours only what else it has.
    pub(crate) fn role(&self, role: &str, colour: bool) -> Style {
        let style = ROLES.iter().position(|known| *known == role).map_or_else(Style::new, |place| self.single[place]);
        if colour { style } else { without_colour(style) }
    }

    /// The style of a line among others.
    pub(crate) fn series(&self, index: usize, colour: bool) -> Style {
        let style = self.series.get(index % self.series.len().max(1)).copied().unwrap_or_default();
        if colour { style } else { without_colour(style) }
    }

    /// Whether anything that is drawn has a colour; what pictures are drawn on is not.
    pub(crate) fn has_colour(&self) -> bool {
        let drawn = self.single.iter().zip(ROLES).filter(|(_, role)| *role != "paper").map(|(style, _)| style);
        drawn.chain(&self.series).any(|style| style.fg.is_some() || style.bg.is_some())
    }
}

const fn without_colour(style: Style) -> Style {
    Style { fg: None, bg: None, ..style }
}

/// A style in words: a colour by name, number or `#rrggbb`, one behind it after `on`, and bold, dim, italic, underlined or
/// reversed.
fn style(words: &str, depth: Depth) -> Result<Style, String> {
    let mut style = Style::new();
    let mut words = words.split_whitespace().peekable();
    let mut behind = false;
    while let Some(word) = words.next() {
        let mode = match word {
            "on" => {
                behind = true;
                continue;
            }
            "bold" => Some(Modifier::BOLD),
            "dim" => Some(Modifier::DIM),
            "italic" => Some(Modifier::ITALIC),
            "underlined" => Some(Modifier::UNDERLINED),
            "reversed" => Some(Modifier::REVERSED),
            _ => None,
        };
        if let Some(mode) = mode {
            style = style.add_modifier(mode);
            continue;
        }
        // `light blue` is one colour.
        let name = if word == "light" { format!("light{}", words.next().unwrap_or_default()) } else { word.to_owned() };
        let colour = Color::from_str(&name).map_err(|_unnamed| {
            format!("`{word}` is no colour: blue, light blue, 0 to 255 or #rrggbb, and bold, dim, italic, underlined, reversed")
        })?;
        let colour = within(colour, depth);
        style = if std::mem::take(&mut behind) { style.bg(colour) } else { style.fg(colour) };
    }
    if behind { Err(String::from("a colour is missing after `on`")) } else { Ok(style) }
}

/// The nearest colour that a terminal has.
fn within(colour: Color, depth: Depth) -> Color {
    match (colour, depth) {
        (Color::Rgb(red, green, blue), Depth::Indexed) => Color::Indexed(in_cube([red, green, blue])),
        (Color::Rgb(red, green, blue), Depth::Sixteen) => sixteen([red, green, blue]),
        (Color::Indexed(index @ 16..), Depth::Sixteen) => sixteen(of_index(index)),
        (colour, _) => colour,
    }
}

/// Steps of the cube of xterm's 216 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn in_cube(rgb: [u8; 3]) -> u8 {
    let step = |part: u8| (0..6_u8).min_by_key(|step| STEPS[usize::from(*step)].abs_diff(part)).unwrap_or(0);
    let [red, green, blue] = rgb.map(step);
    16 + 36 * red + 6 * green + blue
}

fn of_index(index: u8) -> [u8; 3] {
    match index {
        16..=231 => {
            let cube = index - 16;
            [cube / 36, cube / 6 % 6, cube % 6].map(|step| STEPS[usize::from(step)])
        }
        _ => [8 + 10 * index.saturating_sub(232); 3],
    }
}

/// The nearest of the sixteen, as xterm shows them by default.
fn sixteen(rgb: [u8; 3]) -> Color {
    const KNOWN: [(Color, [u8; 3]); 14] = [
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
    ];
    let distance =
        |other: [u8; 3]| rgb.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum::<u32>();
    KNOWN.iter().min_by_key(|(_, other)| distance(*other)).map_or(Color::Reset, |(colour, _)| *colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_read_from_words() {
        let read = |words| style(words, Depth::True).unwrap();
        assert_eq!(read(""), Style::new());
        assert_eq!(read("light blue bold"), Style::new().fg(Color::LightBlue).bold());
        assert_eq!(
            read("#102030 on 200 underlined"),
            Style::new().fg(Color::Rgb(16, 32, 48)).bg(Color::Indexed(200)).underlined()
        );
        assert!(style("blu", Depth::True).unwrap_err().contains("`blu`"));
        assert!(style("blue on", Depth::True).is_err() && style("light", Depth::True).is_err());
    }

    #[test]
    fn colours_fit_the_terminal() {
        assert_eq!(within(Color::Rgb(255, 0, 0), Depth::Indexed), Color::Indexed(196));
        assert_eq!(within(Color::Rgb(31, 95, 191), Depth::Sixteen), Color::LightBlue);
        assert_eq!(within(Color::Indexed(196), Depth::Sixteen), Color::LightRed);
        assert_eq!(within(Color::Indexed(9), Depth::Sixteen), Color::Indexed(9));
        assert_eq!(within(Color::Blue, Depth::Sixteen), Color::Blue);
        let depth = |pairs: &[(&str, &str)]| {
            Depth::from_env(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "screen-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
    }

    #[test]
    fn mistakes_name_the_nearest_role() {
        let row = [String::from("blue")];
        let error = Styles::PLAIN.with([("paramters", row.as_slice())], Depth::True).unwrap_err();
        assert!(error.1.contains("`parameters`"), "{error:?}");
        assert!(Styles::PLAIN.with([("dim", [].as_slice())], Depth::True).is_err());
    }
}
