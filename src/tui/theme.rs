//! How things look: roles, not colours, on the terminal's own background. What style a role has is a theme's to say.

pub(crate) mod colour;
pub(crate) mod styles;

use ratatui::style::{Color, Modifier, Style};

use styles::Styles;

use crate::memory::{Category, Verdict};

/// The look of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The signs that things are drawn with.
    pub(crate) glyphs: &'static Glyphs,
    /// The styles of roles; everybody's where none were chosen.
    styles: Option<&'static Styles>,
}

/// The signs that things are drawn with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// Whether they go beyond what any console has.
    pub(crate) unicode: bool,
    /// Signs beyond ASCII that are there all the same.
    pub(crate) has: &'static str,
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
    /// What is held and cannot be used.
    pub(crate) unusable: &'static str,
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
    has: "",
    full: "█",
    eighths: &["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
    rises: &["▁", "▂", "▃", "▄", "▅", "▆", "▇"],
    level: "▄",
    absent: "░",
    unusable: "▚",
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

/// What the fonts of the Linux console have as a rule: the signs of the PC's first character set.
static CONSOLE: Glyphs = Glyphs {
    unicode: false,
    has: "█▄░▓▒│─┌┐└┘·√≈²±°",
    full: "█",
    eighths: &[],
    rises: &[],
    level: "▄",
    absent: "░",
    unusable: "▓",
    over: "▒",
    further: ">",
    tick: "│",
    cursor: ">",
    adjust: "<>",
    yes: "√",
    no: "x",
    maybe: "≈",
    dot: "·",
    times: "x",
    more: "~",
};

static ASCII: Glyphs = Glyphs {
    unicode: false,
    has: "",
    full: "#",
    eighths: &[],
    rises: &[],
    level: "#",
    absent: ".",
    unusable: "%",
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

impl Theme {
    /// The look for an environment: `NO_COLOR` takes colours away, a locale without UTF-8 all but ASCII, and the console of
    /// Linux what its fonts lack.
    pub(crate) fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let colour = set("NO_COLOR").is_none() && get("TERM").as_deref() != Some("dumb");
        let theme = Self::new(colour, utf8);
        if utf8 && get("TERM").as_deref() == Some("linux") { Self { glyphs: &CONSOLE, ..theme } } else { theme }
    }

    /// With or without colours, with or without signs beyond ASCII, in everybody's styles.
    pub(crate) const fn new(colour: bool, unicode: bool) -> Self {
        Self { colour, glyphs: if unicode { &UNICODE } else { &ASCII }, styles: None }
    }

    /// The same in other styles, which live as long as the program.
    pub(crate) fn in_styles(self, styles: &'static Styles) -> Self {
        Self { colour: self.colour && styles.has_colour(), styles: Some(styles), ..self }
    }

    fn role(self, role: &str) -> Style {
        self.styles.unwrap_or_else(|| super::standard_styles()).role(role, self.colour)
    }

    /// The bar of a category.
    pub(crate) fn category(self, category: Category) -> Style {
        self.role(category.id())
    }

    /// The sign that a category's cells are filled with among others: its initial, where no colour tells it apart.
    pub(crate) const fn fill(self, category: Category) -> &'static str {
        if self.colour && (self.glyphs.unicode || !self.glyphs.has.is_empty()) {
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
    pub(crate) fn series(self, index: usize) -> Style {
        self.styles.unwrap_or_else(|| super::standard_styles()).series(index, self.colour)
    }

    /// Words of a verdict.
    pub(crate) fn verdict(self, verdict: Verdict) -> Style {
        self.role(verdict.id())
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
    pub(crate) fn strong(self) -> Style {
        self.role("strong")
    }

    /// The title of a panel, on its frame, whose style is none of the title's.
    pub(crate) fn title(self) -> Style {
        let style = self.role("title");
        let fg = style.fg.or(self.colour.then_some(Color::Reset));
        Style { fg, sub_modifier: Modifier::DIM, ..style }
    }

    /// What matters less.
    pub(crate) fn dim(self) -> Style {
        self.role("dim")
    }

    /// The row under the cursor.
    pub(crate) fn selected(self) -> Style {
        self.role("selected")
    }

    /// Frames of panels.
    pub(crate) fn border(self) -> Style {
        self.role("border")
    }

    /// Keys in the footer and in help.
    pub(crate) fn key(self) -> Style {
        self.role("key")
    }

    /// Answers to keys.
    pub(crate) fn notice(self) -> Style {
        self.role("notice")
    }

    /// Why something was not done.
    pub(crate) fn refusal(self) -> Style {
        self.role("refusal")
    }

    /// What pictures are drawn on, and with; the terminal's own stay as they are. It is there without colours too.
    pub(crate) fn paper(self) -> Style {
        self.styles.unwrap_or_else(|| super::standard_styles()).role("paper", true)
    }

    /// What went wrong.
    pub(crate) fn error(self) -> Style {
        self.role("error")
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
        let console = theme(&[("LANG", "C.UTF-8"), ("TERM", "linux")]);
        assert!(!console.glyphs.unicode && console.glyphs.full == "█" && console.glyphs.eighths.is_empty());
        let signs = [console.glyphs.yes, console.glyphs.maybe, console.glyphs.over, console.glyphs.unusable];
        assert!(signs.iter().all(|sign| console.glyphs.has.contains(sign)));
        assert_eq!(theme(&[("LANG", "C"), ("TERM", "linux")]), Theme::new(true, false));
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
