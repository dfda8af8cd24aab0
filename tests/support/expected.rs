//! Comparing whole texts.

use similar::TextDiff;

/// Compares text with what is expected, which may be indented as the test is.
///
/// # Panics
///
/// With a line diff if they differ.
#[track_caller]
pub fn assert_text(what: &str, actual: &str, expected: &str) {
    let expected = dedent(expected);
    let actual = actual.trim_end();
    if actual != expected {
        let diff = TextDiff::from_lines(&expected, actual);
        let diff = diff.unified_diff().header("expected", "actual").to_string();
        panic!("{what} differs:\n{diff}\nactual {what}:\n{actual}\n");
    }
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
