//! What the README prints from tables is what the tables say.

#![cfg(feature = "tui")]

use std::path::Path;

use brimful::tui::action::Action;

#[test]
fn the_key_list_is_the_key_table() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table = Action::table_markdown();
    assert!(readme.contains(&table), "README.md should contain this key list:\n{table}");
}
