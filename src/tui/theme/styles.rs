//! The styles of all roles, read from words.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

use super::colour::Depth;
use crate::scenario::parameter::nearest;

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

/// A style in words; after a bar stands another, for terminals with sixteen colours.
fn style(words: &str, depth: Depth) -> Result<Style, String> {
    let (usual, sixteen) = words.split_once('|').unwrap_or((words, words));
    // Both are read, so that a mistake is found on whatever terminal.
    let (usual, sixteen) = (plain_style(usual, depth)?, plain_style(sixteen, Depth::Sixteen)?);
    Ok(if depth == Depth::Sixteen { sixteen } else { usual })
}

/// A style in words: a colour by name, number or `#rrggbb`, one behind it after `on`, and bold, dim, italic, underlined or
/// reversed.
fn plain_style(words: &str, depth: Depth) -> Result<Style, String> {
    let words = words.to_lowercase();
    let mut style = Style::new();
    let mut words = words.split_whitespace();
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
        let shade = ["light", "bright", "dark"].contains(&word);
        let name =
            if shade { words.next().ok_or_else(|| format!("a colour is missing after `{word}`"))? } else { word };
        let whole = if shade { format!("{word}{name}") } else { name.to_owned() };
        let colour = depth.nearest(Color::from_str(&whole).map_err(|_unnamed| no_colour(word, name))?);
        style = if std::mem::take(&mut behind) { style.bg(colour) } else { style.fg(colour) };
    }
    if behind { Err(String::from("a colour is missing after `on`")) } else { Ok(style) }
}

/// Says what could have stood in place of a name, or of a name with its shade.
fn no_colour(shade: &str, name: &str) -> String {
    let known = Color::from_str(name).is_ok();
    let wrong = if known { format!("{shade} {name}") } else { name.to_owned() };
    format!(
        "`{wrong}` is no colour: blue, light blue, 0 to 255 or #rrggbb, and bold, dim, italic, underlined, reversed"
    )
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
        assert_eq!(read("Red BOLD on Dark Grey"), Style::new().fg(Color::Red).bg(Color::DarkGray).bold());
        assert!(style("light mauve", Depth::True).unwrap_err().starts_with("`mauve` is no colour"));
        assert!(style("dark blue", Depth::True).unwrap_err().starts_with("`dark blue` is no colour"));
    }

    #[test]
    fn a_style_may_have_another_for_sixteen_colours() {
        let words = "#0072b2 bold | blue";
        assert_eq!(style(words, Depth::True).unwrap(), Style::new().fg(Color::Rgb(0, 0x72, 0xb2)).bold());
        assert_eq!(style(words, Depth::Indexed).unwrap(), Style::new().fg(Color::Indexed(25)).bold());
        assert_eq!(style(words, Depth::Sixteen).unwrap(), Style::new().fg(Color::Blue));
        assert!(style("red | blu", Depth::True).unwrap_err().contains("`blu`"));
        assert!(style("rd | blue", Depth::Sixteen).unwrap_err().contains("`rd`"));
    }

    #[test]
    fn mistakes_name_the_nearest_role() {
        let row = [String::from("blue")];
        let error = Styles::PLAIN.with([("paramters", row.as_slice())], Depth::True).unwrap_err();
        assert!(error.1.contains("`parameters`"), "{error:?}");
        assert!(Styles::PLAIN.with([("dim", [].as_slice())], Depth::True).is_err());
    }
}
