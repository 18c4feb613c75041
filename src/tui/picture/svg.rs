//! A screen as SVG: signs as text, so that they can be read and searched; blocks and lines as shapes, so that they join
//! whatever the font.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

use super::covered;

/// A cell, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
/// From the top of a cell to the line that signs stand on.
const BASELINE: f64 = 13.0;
/// Around the screen.
const MARGIN: f64 = 10.0;
const FONT: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/// What is drawn on and with, where a theme does not say.
const DARK: Paper = Paper { ink: Color::Rgb(0xd7, 0xda, 0xe0), behind: Color::Rgb(0x16, 0x18, 0x1d) };
/// Black, red, green, yellow, blue, magenta, cyan, grey; then the same, light.
const PALETTE: [&str; 16] = [
    "#30343c", "#e5534b", "#57ab5a", "#d8a93a", "#4f8fe8", "#b07de0", "#39b3b8", "#c3c8d0", "#6b727e", "#ff7b72",
    "#7ee787", "#f2cc60", "#8bbcff", "#d2a8ff", "#76e3ea", "#ffffff",
];

/// What stands for the terminal's own colours.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Paper {
    ink: Color,
    behind: Color,
}

/// Seconds that a frame of several stays, and the last of them.
const STAYS: f64 = 0.45;
const LAST: f64 = 2.5;

/// The whole picture, on a paper and in an ink that a style may name; of several frames of one size a moving one, in which
/// only rows that change are drawn more than once.
pub(super) fn of(frames: &[Buffer], paper: Style) -> String {
    let Some(buffer) = frames.first() else { return String::new() };
    let paper = Paper { ink: paper.fg.unwrap_or(DARK.ink), behind: paper.bg.unwrap_or(DARK.behind) };
    let (ink, behind) = (hex(paper.ink), hex(paper.behind));
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * WIDTH + 2.0 * MARGIN, rows * HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.1} {height:.1}\" font-family=\"{FONT}\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{behind}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\" fill=\"{ink}\" shape-rendering=\"crispEdges\">\n"
    );
    let columns = usize::from(buffer.area.width).max(1);
    for row in 0..buffer.area.height {
        let top = f64::from(row) * HEIGHT;
        let draw = |frame: &Buffer| {
            let cells = frame.content.chunks(columns).nth(usize::from(row)).unwrap_or_default();
            let signs: Vec<Sign<'_>> = covered(cells).map(|(cell, covered)| Sign::of(cell, covered, paper)).collect();
            let mut drawn = String::new();
            shapes(&signs, top, &mut drawn);
            text(&signs, top, &mut drawn);
            drawn
        };
        let drawn: Vec<String> = frames.iter().map(draw).collect();
        moving(&drawn, &mut svg);
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// What is drawn in each frame, once where it stays the same; else in turns, each for as long as it stays.
fn moving(frames: &[String], svg: &mut String) {
    let Some(first) = frames.first() else { return };
    if frames.iter().all(|frame| frame == first) {
        return svg.push_str(first);
    }
    let last = frames.len() - 1;
    let whole = f64::from(u32::try_from(last).unwrap_or(u32::MAX)) * STAYS + LAST;
    let begins = |frame: usize| f64::from(u32::try_from(frame).unwrap_or(u32::MAX)) * STAYS / whole;
    let mut told: Vec<&String> = Vec::new();
    for frame in frames {
        if told.contains(&frame) || frame.is_empty() {
            continue;
        }
        told.push(frame);
        let (mut values, mut times) = (Vec::new(), Vec::new());
        for (index, other) in frames.iter().enumerate() {
            let value = if other == frame { "visible" } else { "hidden" };
            if values.last() != Some(&value) {
                values.push(value);
                times.push(format!("{:.4}", begins(index)));
            }
        }
        // What knows no animation shows the first frame.
        let at_first = if frame == first { "" } else { " visibility=\"hidden\"" };
        let _ = write!(
            svg,
            "<g{at_first}><animate attributeName=\"visibility\" calcMode=\"discrete\" values=\"{}\" keyTimes=\"{}\" \
             dur=\"{whole:.2}s\" repeatCount=\"indefinite\"/>\n{frame}</g>\n",
            values.join(";"),
            times.join(";"),
        );
    }
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sign<'a> {
    symbol: &'a str,
    look: Look,
}

/// How a cell looks, once reversal is undone.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    fill: Color,
    behind: Color,
    bold: bool,
    dim: bool,
}

impl<'a> Sign<'a> {
    /// One that the sign before covers shows nothing.
    fn of(cell: &'a Cell, covered: bool, paper: Paper) -> Self {
        let reversed = cell.modifier.contains(Modifier::REVERSED);
        let bold = cell.modifier.contains(Modifier::BOLD);
        let dim = cell.modifier.contains(Modifier::DIM);
        let (fill, behind) = if reversed { (cell.bg, cell.fg) } else { (cell.fg, cell.bg) };
        let plain = |colour, other| if reversed && colour == Color::Reset { other } else { colour };
        let look = Look { fill: plain(fill, paper.behind), behind: plain(behind, paper.ink), bold, dim };
        Self { symbol: if covered { "" } else { cell.symbol() }, look }
    }

    /// Whether it is drawn as a shape.
    fn drawn(self) -> bool {
        block(self.symbol).is_some() || arms(self.symbol).is_some()
    }
}

impl Look {
    /// Attributes of a shape or a text; what is inherited is left out.
    fn attributes(self) -> String {
        let mut attributes = String::new();
        if self.fill != Color::Reset {
            let _ = write!(attributes, " fill=\"{}\"", hex(self.fill));
        }
        if self.dim {
            attributes.push_str(" fill-opacity=\".6\"");
        }
        attributes
    }
}

/// The code of a colour; the terminal's own is never asked for, since it is inherited.
fn hex(colour: Color) -> String {
    let index = match colour {
        Color::Reset => return String::from("inherit"),
        Color::Rgb(red, green, blue) => return format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Indexed(index) => return indexed(index),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    PALETTE[index].to_owned()
}

/// One of 256 colours: the palette, a cube of six steps a side, and 24 greys, as xterm has them.
fn indexed(index: u8) -> String {
    let step = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
    match index {
        0..=15 => PALETTE[usize::from(index)].to_owned(),
        16..=231 => {
            let cube = index - 16;
            format!("#{:02x}{:02x}{:02x}", step(cube / 36), step(cube / 6 % 6), step(cube % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

/// What a sign fills of its cell, where it is a block: `(x, y, width, height)` as parts of one, and how opaque it is.
fn block(symbol: &str) -> Option<((f64, f64, f64, f64), f64)> {
    const FROM_LEFT: &str = "▏▎▍▌▋▊▉█";
    const FROM_BELOW: &str = "▁▂▃▄▅▆▇";
    let mut letters = symbol.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else { return None };
    let eighth = |signs: &str| {
        let position = signs.chars().position(|sign| sign == letter)?;
        u8::try_from(position + 1).ok().map(|eighths| f64::from(eighths) / 8.0)
    };
    if let Some(width) = eighth(FROM_LEFT) {
        return Some(((0.0, 0.0, width, 1.0), 1.0));
    }
    if let Some(height) = eighth(FROM_BELOW) {
        return Some(((0.0, 1.0 - height, 1.0, height), 1.0));
    }
    let opaque = match letter {
        '░' => 0.25,
        '▒' => 0.5,
        '▓' => 0.75,
        _ => return None,
    };
    Some(((0.0, 0.0, 1.0, 1.0), opaque))
}

/// Which arms a line has from the middle of its cell: left, right, up, down.
fn arms(symbol: &str) -> Option<[bool; 4]> {
    Some(match symbol {
        "─" => [true, true, false, false],
        "│" => [false, false, true, true],
        "┌" => [false, true, false, true],
        "┐" => [true, false, false, true],
        "└" => [false, true, true, false],
        "┘" => [true, false, true, false],
        _ => return None,
    })
}

/// Neighbours that are alike, with where they begin.
fn runs<'a>(
    cells: &'a [Sign<'a>],
    alike: impl FnMut(&Sign<'_>, &Sign<'_>) -> bool + 'a,
) -> impl Iterator<Item = (f64, &'a [Sign<'a>])> {
    cells.chunk_by(alike).scan(0.0, |left, run| {
        let begin = *left;
        *left += wide(run);
        Some((begin, run))
    })
}

/// How wide some cells are.
fn wide(cells: &[Sign<'_>]) -> f64 {
    f64::from(u16::try_from(cells.len()).unwrap_or(u16::MAX)) * WIDTH
}

/// Backgrounds, blocks and lines of a row; equal neighbours are one shape.
fn shapes(cells: &[Sign<'_>], top: f64, svg: &mut String) {
    for (left, run) in runs(cells, |one, other| one.look.behind == other.look.behind) {
        let behind = run[0].look.behind;
        if behind != Color::Reset {
            rectangle(svg, (left, top, wide(run), HEIGHT), &format!(" fill=\"{}\"", hex(behind)));
        }
    }
    for (left, run) in runs(cells, |one, other| one == other) {
        let (Sign { look, symbol }, wide) = (run[0], wide(run));
        let count = u16::try_from(run.len()).unwrap_or(u16::MAX);
        if let Some(((x, y, width, height), opaque)) = block(symbol) {
            let opaque = if look.dim { opaque * 0.6 } else { opaque };
            let faint = if opaque < 1.0 { format!(" fill-opacity=\"{opaque:.2}\"") } else { String::new() };
            let colour = Look { dim: false, ..look }.attributes() + &faint;
            // Whole cells join; parts of cells stand apart.
            if (width - 1.0).abs() < f64::EPSILON {
                rectangle(svg, (left, top + y * HEIGHT, wide, height * HEIGHT), &colour);
            } else {
                for index in 0..count {
                    let left = left + (f64::from(index) + x) * WIDTH;
                    rectangle(svg, (left, top + y * HEIGHT, width * WIDTH, height * HEIGHT), &colour);
                }
            }
        }
        if let Some([to_left, to_right, up, down]) = arms(symbol) {
            let colour = look.attributes();
            let (middle_x, middle_y) = (WIDTH / 2.0 - 0.5, HEIGHT / 2.0 - 0.5);
            for index in 0..count {
                let left = left + f64::from(index) * WIDTH;
                let horizontal = (if to_left { 0.0 } else { middle_x }, if to_right { WIDTH } else { middle_x + 1.0 });
                let vertical = (if up { 0.0 } else { middle_y }, if down { HEIGHT } else { middle_y + 1.0 });
                if to_left || to_right {
                    rectangle(svg, (left + horizontal.0, top + middle_y, horizontal.1 - horizontal.0, 1.0), &colour);
                }
                if up || down {
                    rectangle(svg, (left + middle_x, top + vertical.0, 1.0, vertical.1 - vertical.0), &colour);
                }
            }
        }
    }
}

fn rectangle(svg: &mut String, (x, y, width, height): (f64, f64, f64, f64), attributes: &str) {
    let _ = writeln!(svg, "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"{attributes}/>");
}

/// The signs of a row as one text; those that are drawn as shapes are there, unseen.
fn text(cells: &[Sign<'_>], top: f64, svg: &mut String) {
    let end = cells.iter().rposition(|cell| cell.symbol != " ").map_or(0, |last| last + 1);
    if end == 0 {
        return;
    }
    let _ = write!(svg, "<text y=\"{:.2}\" xml:space=\"preserve\">", top + BASELINE);
    for (x, run) in runs(&cells[..end], |one, other| one.look == other.look && one.drawn() == other.drawn()) {
        let (look, length) = (run[0].look, wide(run));
        let style = match (run[0].drawn(), look.bold) {
            (true, _) => String::from(" fill=\"none\""),
            (false, true) => look.attributes() + " font-weight=\"bold\"",
            (false, false) => look.attributes(),
        };
        let _ = write!(svg, "<tspan x=\"{x:.2}\" textLength=\"{length:.2}\"{style}>");
        for cell in run {
            match cell.symbol {
                "&" => svg.push_str("&amp;"),
                "<" => svg.push_str("&lt;"),
                ">" => svg.push_str("&gt;"),
                symbol => svg.push_str(symbol),
            }
        }
        svg.push_str("</tspan>");
    }
    svg.push_str("</text>\n");
}
