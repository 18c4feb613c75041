//! Views as pictures.

use ratatui::style::{Color, Style};

use super::{COLOUR, app, press, screen};
use crate::memory::{Category, Verdict};
use crate::preset::Library;
use crate::scenario::Scenario;
use crate::tui::Start;
use crate::tui::keymap::Chord;
use crate::tui::picture::{Medium, Picture, ansi};
use crate::tui::screen::View;
use crate::tui::taste::look;
use crate::tui::theme::colour::Depth;

fn picture(view: View, size: (u16, u16), colour: bool) -> Picture {
    themed(view, size, colour, None)
}

fn themed(view: View, size: (u16, u16), colour: bool, theme: Option<&str>) -> Picture {
    let scenario = Scenario { model: String::from("llama-3.1-8b"), ..Scenario::default() };
    let start = Start { scenario, theme: theme.map(String::from), ..Start::default() };
    Picture::draw(&Library::embedded(), start, view, size, (Medium::Page { colour }, &[])).unwrap()
}

#[test]
fn an_svg_is_well_formed_and_says_what_the_text_says() {
    for view in View::ALL {
        for (size, colour) in [((80, 24), true), ((120, 40), false)] {
            let picture = picture(view, size, colour);
            let svg = picture.svg();
            let document = roxmltree::Document::parse(&svg).unwrap();
            let texts = document.descendants().filter(|node| node.has_tag_name("text"));
            let line = |node: roxmltree::Node<'_, '_>| {
                let parts = node.descendants().filter(roxmltree::Node::is_text).filter_map(|text| text.text());
                parts.collect::<String>()
            };
            let lines: Vec<String> = texts.map(|node| line(node).trim_end().to_owned()).collect();
            let text = picture.text();
            let wanted: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines, wanted, "{view:?}");
        }
    }
}

#[test]
fn ansi_shows_the_text_and_leaves_no_style_behind() {
    let picture = picture(View::Fit, (80, 24), true);
    let mut parser = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    let ansi = picture.ansi();
    parser.process(ansi.trim_end().replace('\n', "\r\n").as_bytes());
    let shown: Vec<String> = parser.screen().rows(0, 80).map(|row| row.trim_end().to_owned()).collect();
    assert_eq!(shown, picture.text().lines().collect::<Vec<_>>());
    for line in ansi.lines().filter(|line| line.contains('\u{1b}')) {
        let last = line.rfind("\u{1b}[").unwrap();
        assert!(line[last..].starts_with("\u{1b}[m") || line.ends_with("\u{1b}[m"), "{line:?}");
    }
}

/// The parts of the total have the colours of their bars, and what does not fit keeps them.
#[test]
fn the_total_shows_its_parts() {
    let svg = picture(View::Fit, (120, 40), true).svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let rectangles: Vec<_> = document.descendants().filter(|node| node.has_tag_name("rect")).collect();
    let row = document
        .descendants()
        .find(|node| node.has_tag_name("text") && node.descendants().any(|text| text.text() == Some("Total")))
        .and_then(|node| node.attribute("y")?.parse::<f64>().ok())
        .unwrap();
    let near = |node: &&roxmltree::Node<'_, '_>| {
        node.attribute("y").and_then(|y| y.parse::<f64>().ok()).is_some_and(|y| (row - y - 13.0).abs() < 1.0)
    };
    let mut fills: Vec<&str> = rectangles.iter().filter(near).filter_map(|node| node.attribute("fill")).collect();
    fills.dedup();
    assert!(fills.len() >= 4, "{fills:?}");
}

/// Every theme can be read, and each looks as it did.
#[test]
fn themes() {
    let mut seen: Vec<String> = Vec::new();
    for id in crate::preset::theme::ids() {
        let picture = themed(View::Fit, (80, 24), true, Some(id));
        insta::assert_snapshot!(format!("theme_{id}"), picture.svg());
        assert!(!seen.contains(&picture.svg()), "{id} is another");
        seen.push(picture.svg());
        let initials = picture.text().lines().any(|line| line.contains("Total") && line.contains("MM"));
        assert_eq!(initials, id == "mono", "without colour parts have initials");
    }
    assert_eq!(themed(View::Fit, (80, 24), true, None).svg(), seen[0]);
    let scenario = Scenario { model: String::from("gpt2"), ..Scenario::default() };
    let start = Start { scenario, theme: Some(String::from("ligth")), ..Start::default() };
    let error = Picture::draw(&Library::embedded(), start, View::Fit, (80, 24), (Medium::Page { colour: true }, &[]))
        .unwrap_err();
    assert!(error.to_string().contains("`light`"), "{error}");
}

/// What lies over the view, in each theme: the codes that a terminal gets.
#[test]
fn themes_of_what_lies_over_the_view() {
    for id in crate::preset::theme::ids() {
        let theme = look(id, &[], COLOUR, Depth::True).unwrap();
        let mut app = app();
        press(&mut app, "right f down");
        let terminal = screen(&app, theme, (80, 24));
        let rows = terminal.backend().buffer().content.chunks(80);
        let codes: String = rows.map(ansi).collect();
        insta::assert_snapshot!(format!("theme_{id}_fixes"), codes.replace('\u{1b}', "^"));
    }
}

/// Contrast of two colours, 1 to 21 (Web Content Accessibility Guidelines 2.1, relative luminance).
fn contrast(one: Color, other: Color) -> f64 {
    let luminance = |colour| {
        let Color::Rgb(red, green, blue) = colour else { panic!("{colour:?} is the terminal's to choose") };
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    };
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// Words in colours of a theme's own can be read where the theme is meant for.
#[test]
fn words_can_be_read() {
    const WHITE: Color = Color::Rgb(255, 255, 255);
    const DARK: Color = Color::Rgb(22, 24, 29);
    for (id, backgrounds, least) in [("light", &[WHITE][..], 4.5), ("colour-blind", &[WHITE, DARK], 3.0)] {
        let theme = look(id, &[], COLOUR, Depth::True).unwrap();
        let verdicts = [Verdict::Fits, Verdict::Tight, Verdict::Over].map(|verdict| theme.verdict(verdict));
        let words = [theme.key(), theme.notice(), theme.refusal(), theme.error(), theme.dim()];
        for style in verdicts.into_iter().chain(words) {
            let Some(ink) = style.fg else { continue };
            for background in backgrounds {
                let found = contrast(ink, *background);
                assert!(found >= least, "{id}: {ink:?} on {background:?} is {found:.2}");
            }
        }
    }
}

/// On no terminal do two parts of a bar, two verdicts or two compared lines look alike.
#[test]
fn colours_stay_apart_at_every_depth() {
    let training = Category::ALL.into_iter().filter(|category| *category != Category::KvCache).collect::<Vec<_>>();
    let serving = Category::ALL.into_iter().filter(|category| *category != Category::Gradients).collect::<Vec<_>>();
    let apart = |what: &str, styles: Vec<Style>| {
        for (index, style) in styles.iter().enumerate() {
            assert!(style.fg.is_some(), "{what}: {style:?}");
            assert!(styles[..index].iter().all(|other| other.fg != style.fg), "{what}: two are {:?}", style.fg);
        }
    };
    for id in crate::preset::theme::ids().filter(|id| *id != "mono") {
        for depth in [Depth::Sixteen, Depth::Indexed, Depth::True] {
            let theme = look(id, &[], COLOUR, depth).unwrap();
            let what = format!("{id} on {depth:?}");
            for bar in [&training, &serving] {
                apart(&what, bar.iter().map(|category| theme.category(*category)).collect());
            }
            apart(&what, [Verdict::Fits, Verdict::Tight, Verdict::Over].map(|verdict| theme.verdict(verdict)).to_vec());
            apart(&what, (0..7).map(|index| theme.series(index)).collect());
        }
    }
}

/// A picture in dark inks is on light paper; its own inks are those of the theme.
#[test]
fn paper_is_the_themes() {
    let light = themed(View::Fit, (80, 24), true, Some("light")).svg();
    assert!(light.contains("rx=\"6\" fill=\"#ffffff\"") && light.contains("fill=\"#24292f\""));
    assert!(themed(View::Fit, (80, 24), true, None).svg().contains("rx=\"6\" fill=\"#16181d\""));
    let plain = themed(View::Fit, (80, 24), false, Some("light")).svg();
    assert!(plain.contains("fill=\"#ffffff\"") && !plain.contains("#1f5fbf"));
}

/// Rows that change are drawn once for each of their states, all others once; each moment shows one of them.
#[test]
fn keys_make_a_picture_move() {
    let scenario = Scenario { gpu: Some(String::from("h100-sxm-80")), ..Scenario::default() };
    let draw = |keys: &[Chord]| {
        let start = Start { scenario: scenario.clone(), ..Start::default() };
        let medium = Medium::Page { colour: true };
        Picture::draw(&Library::embedded(), start, View::Fit, (80, 24), (medium, keys)).unwrap()
    };
    let still = draw(&[]);
    assert!(!still.svg().contains("<animate"));
    let moving = draw(&[Chord::parse("right").unwrap(), Chord::parse("left").unwrap()]);
    let svg = moving.svg();
    assert!(
        svg.contains("values=\"visible;hidden;visible\"") && svg.contains("values=\"hidden;visible;hidden\""),
        "{svg}"
    );
    assert!(svg.len() < still.svg().len() * 2);
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
    assert_eq!(moving.text().lines().next(), still.text().lines().next());
}
