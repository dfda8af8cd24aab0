//! Comparing whole texts.

use std::fs;
use std::path::Path;

use similar::TextDiff;

/// Compares text with what is expected, which may be indented as the test is;
/// what all lines of either have in front does not count.
///
/// # Panics
///
/// With a line diff if they differ.
#[track_caller]
pub fn assert_text(what: &str, actual: &str, expected: &str) {
    let expected = dedent(expected);
    // Both, since verbs that end in one column indent a whole text.
    let actual = dedent(actual);
    if actual != expected {
        let diff = TextDiff::from_lines(&expected, &actual);
        let diff = diff.unified_diff().header("expected", "actual").to_string();
        panic!("{what} differs:\n{diff}\nactual {what}:\n{actual}\n");
    }
}

/// Compares text with a file of the repository, for example
/// `tests/database/plan/two-blocks.json`; with `UPDATE_EXPECTED=1` it is
/// rewritten instead.
///
/// # Panics
///
/// With a line diff if they differ.
#[track_caller]
pub fn assert_file(path: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().expect("below the repository")).expect("a folder");
        fs::write(&file, format!("{}\n", actual.trim_end())).expect("a file");
    }
    let expected = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{path}: {error} (UPDATE_EXPECTED=1 writes it)"));
    assert_text(path, actual, &expected);
}

/// Removes a first line that is empty, the indentation that all lines have, and
/// space at the end.
pub fn dedent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let lines = || text.lines();
    let indentation = lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let dedented: Vec<_> = lines()
        .map(|line| line.get(indentation..).unwrap_or(""))
        .collect();
    dedented.join("\n").trim_end().to_owned()
}
