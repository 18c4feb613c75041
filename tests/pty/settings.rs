//! What is wrong with a user's own files, in the explorer and after it.

use std::fs;

use super::session::Session;

#[test]
fn problems_are_told_in_the_explorer_and_all_of_them_after_it() {
    let folder = std::env::temp_dir().join(format!("brimful-problems-{}", std::process::id()));
    let own = folder.join("brimful");
    fs::create_dir_all(own.join("models")).expect("a folder");
    fs::write(own.join("models/bad.toml"), "id = 3\n").expect("a file");
    fs::write(own.join("config.toml"), "theme = \"nope\"\nkeys = \"nokeys.toml\"\ngpu = \"zz\"\n").expect("a file");
    let script =
        format!("cd {}; XDG_CONFIG_HOME=$PWD \"$BRIMFUL\"; echo \"ended $?\"; stty -a; echo done", folder.display());
    let mut session = Session::shell(&script, (100, 40));
    session.wait_for("the first of 4 that are told when you leave");
    assert!(session.screen().contains("1 × H100 SXM 80GB"), "{}", session.screen());
    session.press("jq");
    session.assert_restored("ended 0");
    let screen = session.screen();
    for says in ["bad.toml:1:1: ", "no theme `nope`", "nokeys.toml: No such file", "no GPU `zz`"] {
        assert!(screen.contains(says), "{says}: {screen}");
    }
    // A file that cannot be read as a whole is told of too.
    fs::remove_dir_all(own.join("models")).expect("it is there");
    fs::write(own.join("config.toml"), "theme\n").expect("a file");
    let mut session = Session::shell(&script, (100, 40));
    session.wait_for("skipped: ");
    session.wait_for("config.toml:1:");
    session.press("q");
    session.assert_restored("ended 0");
    fs::remove_dir_all(folder).expect("the folder is there");
}
