//! Where a statement is cut out of a file, and the comments that go with it.

use crate::statement::Statement;
use crate::text::Span;

/// What is cut with a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes of the file.
    pub(super) span: Span,
    /// Comment lines right above it, with their line ends; may be empty.
    pub(super) above: String,
    /// A comment behind it on its last line; may be empty.
    pub(super) behind: String,
}

/// The cut of `statement` out of `text`; `is_first`: what stands above is the
/// file's header.
pub(super) fn of(text: &str, statement: &Statement, is_first: bool) -> Cut {
    let start = statement.span.start;
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    // Behind something else on the line, only itself.
    if !text[line..start]
        .trim_matches([' ', '\t', '\u{feff}'])
        .is_empty()
    {
        let end = semicolon(text, statement);
        return Cut {
            span: Span::new(start, end),
            above: String::new(),
            behind: String::new(),
        };
    }
    let first = if line == 0 && text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        line
    };
    let above = comments_above(text, first, statement.raw.start, is_first);
    let (end, behind) = rest_of_line(text, semicolon(text, statement));
    Cut {
        span: Span::new(above, end),
        above: text[above..first].to_owned(),
        behind,
    }
}

/// What is taken out of `text` with the spans, which are in order: of the blank
/// lines above and below, one set is left.
pub(super) fn without(text: &str, spans: &[Span]) -> Vec<Span> {
    let mut gone: Vec<Span> = Vec::new();
    for span in spans {
        match gone.last_mut() {
            // Nothing but blank lines is between them.
            Some(last) if text[last.end..span.start].trim().is_empty() => last.end = span.end,
            _ => gone.push(*span),
        }
    }
    for span in &mut gone {
        let begins_line = text[..span.end].ends_with('\n');
        let above = text[..span.start].trim_start_matches('\u{feff}');
        if begins_line && (above.is_empty() || ends_blank(above)) {
            span.end += blank_lines(&text[span.end..]);
        }
    }
    gone
}

/// Where the statement's `;` ends.
fn semicolon(text: &str, statement: &Statement) -> usize {
    let end = statement.raw.end;
    if end > statement.span.end && text[..end].ends_with(';') {
        end
    } else {
        statement.span.end
    }
}

/// Where the comment lines begin that stand right above the line at `first`.
fn comments_above(text: &str, first: usize, raw: usize, is_first: bool) -> usize {
    let mark = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let raw = raw.max(mark);
    let mut start = first;
    while start > raw {
        let line = text[..start - 1]
            .rfind('\n')
            .map_or(0, |at| at + 1)
            .max(raw);
        let content = text[line..start].trim();
        if !content.starts_with("--") || is_directive(content) {
            break;
        }
        // What began on the line of the statement before belongs to that.
        if line == raw && raw > mark && !text[..raw].ends_with('\n') {
            break;
        }
        start = line;
    }
    // The first comment of a file speaks of all of it.
    let is_header = is_first
        && text[..start]
            .trim_matches(['\u{feff}', '\n', '\r', ' '])
            .is_empty();
    if is_header { first } else { start }
}

fn is_directive(comment: &str) -> bool {
    let comment = comment.trim_start_matches('-').trim_start();
    comment.starts_with("segue") || comment.starts_with("codd")
}

/// The end of the line with its line end, if nothing but a comment is on it.
fn rest_of_line(text: &str, end: usize) -> (usize, String) {
    let rest = &text[end..];
    let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
    let content = rest[..length].trim();
    if content.is_empty() {
        (end + length, String::new())
    } else if content.starts_with("--") {
        (end + length, content.to_owned())
    } else {
        (end, String::new())
    }
}

fn ends_blank(text: &str) -> bool {
    let mut lines = text.lines().rev();
    lines.next().is_some_and(|line| line.trim().is_empty())
}

/// Length of the blank lines that `text` begins with.
fn blank_lines(text: &str) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() || !line.ends_with('\n') {
            break;
        }
        length += line.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::split;

    /// Cuts the `index`th statement: what stays, and the comments that go.
    #[track_caller]
    fn check(text: &str, index: usize, stays: &str, comments: &str) {
        let statements = split(text).expect("valid");
        let cut = of(text, &statements[index], index == 0);
        let mut left = text.to_owned();
        for gone in without(text, &[cut.span]) {
            left.replace_range(gone.start..gone.end, "");
        }
        assert_eq!(left, stays, "{text}");
        assert_eq!(format!("{}{}", cut.above, cut.behind), comments, "{text}");
    }

    #[test]
    fn a_statement_goes_with_its_comments() {
        check(
            "ALTER TABLE t ADD a int;\n\n-- For look-ups.\nCREATE INDEX i\n  ON t (a); -- small\n\nSELECT 1;\n",
            1,
            "ALTER TABLE t ADD a int;\n\nSELECT 1;\n",
            "-- For look-ups.\n-- small",
        );
        check(
            "SELECT 1; SELECT 2; SELECT 3;\n",
            1,
            "SELECT 1;  SELECT 3;\n",
            "",
        );
        check("SELECT 1; -- one\nSELECT 2;\n", 1, "SELECT 1; -- one\n", "");
        check("SELECT 1;\nSELECT 2", 1, "SELECT 1;\n", "");
    }

    #[test]
    fn a_header_stays() {
        check(
            "-- About it all.\nSELECT 1;\nSELECT 2;\n",
            0,
            "-- About it all.\nSELECT 2;\n",
            "",
        );
        check(
            "-- segue: in-txn\n-- One.\nSELECT 1;\n",
            0,
            "-- segue: in-txn\n",
            "-- One.\n",
        );
        check(
            "-- About it all.\n\n-- One.\nSELECT 1;\n\nSELECT 2;\n",
            0,
            "-- About it all.\n\nSELECT 2;\n",
            "-- One.\n",
        );
        check(
            "\u{feff}SELECT 1;\r\nSELECT 2;\r\n",
            0,
            "\u{feff}SELECT 2;\r\n",
            "",
        );
    }
}
