//! `docs/cli.md` is the program's own help.

use std::fs;
use std::path::Path;

use similar::TextDiff;

#[test]
fn the_reference_is_that_of_this_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let actual = segue::cli::reference();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &actual).expect("docs/cli.md is written");
    }
    let expected = fs::read_to_string(&path).expect("docs/cli.md");
    let diff = TextDiff::from_lines(&expected, &actual);
    assert!(
        expected == actual,
        "docs/cli.md is out of date; UPDATE_EXPECTED=1 writes it\n{}",
        diff.unified_diff().header("docs/cli.md", "segue help")
    );
}
