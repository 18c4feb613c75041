//! How things look: roles, not colours. ANSI names on the terminal's own background, or no colour at all.

use ratatui::style::{Color, Modifier, Style};

use crate::memory::{Category, Verdict};

/// The look of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The signs that things are drawn with.
    pub(crate) glyphs: &'static Glyphs,
}

/// The signs that things are drawn with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// Whether they go beyond ASCII.
    pub(crate) unicode: bool,
    /// A full cell.
    pub(crate) full: &'static str,
    /// A cell filled by so many eighths from the left; empty where only whole cells can be drawn.
    pub(crate) eighths: &'static [&'static str],
    /// A cell filled by so many eighths from below; empty where only whole cells can be drawn.
    pub(crate) rises: &'static [&'static str],
    /// A cell of a gauge: lower than others, so that gauges below each other stay apart.
    pub(crate) level: &'static str,
    /// What is not there at the peak.
    pub(crate) absent: &'static str,
    /// What lies beyond capacity.
    pub(crate) over: &'static str,
    /// That there is more beyond than is drawn.
    pub(crate) further: &'static str,
    /// The capacity line.
    pub(crate) tick: &'static str,
    /// Marks the row under the cursor.
    pub(crate) cursor: &'static str,
    /// Says that ← and → change the row.
    pub(crate) adjust: &'static str,
    /// It fits.
    pub(crate) yes: &'static str,
    /// It does not.
    pub(crate) no: &'static str,
    /// It may.
    pub(crate) maybe: &'static str,
    /// Between words.
    pub(crate) dot: &'static str,
    /// Times.
    pub(crate) times: &'static str,
    /// What was cut off.
    pub(crate) more: &'static str,
}

static UNICODE: Glyphs = Glyphs {
    unicode: true,
    full: "█",
    eighths: &["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
    rises: &["▁", "▂", "▃", "▄", "▅", "▆", "▇"],
    level: "▄",
    absent: "░",
    over: "▒",
    further: "»",
    tick: "│",
    cursor: "▸",
    adjust: "◂▸",
    yes: "✔",
    no: "✘",
    maybe: "≈",
    dot: "·",
    times: "×",
    more: "…",
};

static ASCII: Glyphs = Glyphs {
    unicode: false,
    full: "#",
    eighths: &[],
    rises: &[],
    level: "#",
    absent: ".",
    over: "x",
    further: ">",
    tick: "|",
    cursor: ">",
    adjust: "<>",
    yes: "+",
    no: "x",
    maybe: "~",
    dot: "-",
    times: "x",
    more: "~",
};

#[expect(clippy::unused_self, reason = "roles are the theme's to decide, whether or not it tints them")]
impl Theme {
    /// The look for an environment: `NO_COLOR` takes colours away, a locale without UTF-8 all but ASCII.
    pub(crate) fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let colour = set("NO_COLOR").is_none() && get("TERM").as_deref() != Some("dumb");
        Self::new(colour, utf8)
    }

    /// With or without colours, with or without signs beyond ASCII.
    pub(crate) const fn new(colour: bool, unicode: bool) -> Self {
        Self { colour, glyphs: if unicode { &UNICODE } else { &ASCII } }
    }

    const fn tinted(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// The bar of a category.
    pub(crate) const fn category(self, category: Category) -> Style {
        self.tinted(match category {
            Category::Parameters => Color::Blue,
            Category::Gradients => Color::Green,
            Category::Optimizer => Color::Magenta,
            Category::Activations => Color::Cyan,
            Category::Logits => Color::Yellow,
            Category::KvCache => Color::LightGreen,
            Category::Workspace => Color::LightBlue,
            Category::Runtime => Color::LightMagenta,
        })
    }

    /// The sign that a category's cells are filled with among others: its initial, where no colour tells it apart.
    pub(crate) const fn fill(self, category: Category) -> &'static str {
        if self.colour && self.glyphs.unicode {
            return self.glyphs.full;
        }
        match category {
            Category::Parameters => "M",
            Category::Gradients => "G",
            Category::Optimizer => "O",
            Category::Activations => "A",
            Category::Logits => "L",
            Category::KvCache => "K",
            Category::Workspace => "W",
            Category::Runtime => "R",
        }
    }

    /// The line of a compared scenario.
    pub(crate) const fn series(self, index: usize) -> Style {
        self.tinted(match index % 7 {
            0 => Color::Cyan,
            1 => Color::Yellow,
            2 => Color::Magenta,
            3 => Color::Green,
            4 => Color::Blue,
            5 => Color::LightRed,
            _ => Color::LightCyan,
        })
    }

    /// Words of a verdict.
    pub(crate) const fn verdict(self, verdict: Verdict) -> Style {
        let style = self.tinted(match verdict {
            Verdict::Fits => Color::Green,
            Verdict::Tight => Color::Yellow,
            Verdict::Over => Color::Red,
        });
        style.add_modifier(Modifier::BOLD)
    }

    /// The sign of a verdict.
    pub(crate) const fn verdict_sign(self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Fits => self.glyphs.yes,
            Verdict::Tight => self.glyphs.maybe,
            Verdict::Over => self.glyphs.no,
        }
    }

    /// Titles and totals.
    pub(crate) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The title of a panel, on its frame.
    pub(crate) const fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD).remove_modifier(Modifier::DIM)
    }

    /// What matters less.
    pub(crate) const fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The row under the cursor.
    pub(crate) const fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Frames of panels.
    pub(crate) const fn border(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Keys in the footer and in help.
    pub(crate) const fn key(self) -> Style {
        self.tinted(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Answers to keys.
    pub(crate) const fn notice(self) -> Style {
        self.tinted(Color::Cyan)
    }

    /// Why something was not done.
    pub(crate) const fn refusal(self) -> Style {
        self.tinted(Color::Yellow)
    }

    /// What went wrong.
    pub(crate) const fn error(self) -> Style {
        self.tinted(Color::Red)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(pairs: &[(&str, &str)]) -> Theme {
        Theme::from_env(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_decides() {
        assert_eq!(theme(&[("LANG", "en_US.UTF-8")]), Theme::new(true, true));
        assert_eq!(theme(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")]), Theme::new(true, false));
        assert_eq!(theme(&[("LANG", "C.utf8"), ("NO_COLOR", "1")]), Theme::new(false, true));
        assert_eq!(theme(&[("LANG", "C.UTF-8"), ("NO_COLOR", "")]), Theme::new(true, true));
        assert_eq!(theme(&[]), Theme::new(true, false));
    }

    #[test]
    fn without_colour_a_category_is_filled_with_its_initial() {
        for category in Category::ALL {
            assert!(category.label().starts_with(Theme::new(false, true).fill(category)), "{category:?}");
            assert_eq!(Theme::new(true, true).fill(category), "█");
        }
    }

    /// Under `NO_COLOR` crossterm prints an empty colour as a full reset, so no colour may reach it.
    #[test]
    fn without_colour_no_role_has_one() {
        let theme = Theme::new(false, true);
        let mut styles = vec![theme.strong(), theme.dim(), theme.selected(), theme.border(), theme.key()];
        styles.extend([theme.notice(), theme.refusal(), theme.error()]);
        styles.extend(Category::ALL.map(|category| theme.category(category)));
        styles.extend([Verdict::Fits, Verdict::Tight, Verdict::Over].map(|verdict| theme.verdict(verdict)));
        assert!(styles.iter().all(|style| style.fg.is_none() && style.bg.is_none()));
    }
}
