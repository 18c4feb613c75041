//! Views as pictures.

use crate::preset::Library;
use crate::scenario::Scenario;
use crate::tui::Start;
use crate::tui::picture::Picture;
use crate::tui::screen::View;

fn picture(view: View, size: (u16, u16), colour: bool) -> Picture {
    themed(view, size, colour, None)
}

fn themed(view: View, size: (u16, u16), colour: bool, theme: Option<&str>) -> Picture {
    let scenario = Scenario { model: String::from("llama-3.1-8b"), ..Scenario::default() };
    let start = Start { scenario, theme: theme.map(String::from), ..Start::default() };
    Picture::draw(&Library::embedded(), start, view, size, colour).unwrap()
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
    let error = Picture::draw(&Library::embedded(), start, View::Fit, (80, 24), true).unwrap_err();
    assert!(error.to_string().contains("`light`"), "{error}");
}
