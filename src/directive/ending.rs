//! Writes `end-concurrent-migration` into a header, for `segue add`.

use std::sync::Arc;

use super::Directives;
use super::comment::{Comment, line_comment};
use super::lexer::{Kind, tokens};
use crate::text::Source;

/// `header` with `names` named in its `end-concurrent-migration`: appended to
/// the one that is there, else in a line of its own after the last directive,
/// else as the first line. All other bytes stay as they are.
///
/// `line_end` is what ends the new line: that of the file's own lines.
#[must_use]
pub fn end_in_header(header: &Arc<Source>, names: &[&str], line_end: &str) -> String {
    let text = header.text();
    if names.is_empty() {
        return text.to_owned();
    }
    let names = names.join(", ");
    let (Directives { end, .. }, _) = super::parse(header);
    if let Some(last) = end.last() {
        let (before, after) = text.split_at(last.span.end);
        return format!("{before}, {names}{after}");
    }
    let line = format!("-- segue: end-concurrent-migration: {names}");
    let Some(after) = after_directives(text) else {
        let (mark, rest) = match text.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", text),
        };
        return format!("{mark}{line}{line_end}{rest}");
    };
    let (before, after) = text.split_at(after);
    if before.ends_with(['\n', '\r']) {
        format!("{before}{line}{line_end}{after}")
    } else {
        // The file ends in its last directive.
        format!("{before}{line_end}{line}{after}")
    }
}

/// Where the line after the last directive begins.
fn after_directives(text: &str) -> Option<usize> {
    let header = tokens(text).take_while(|token| {
        matches!(
            token.kind,
            Kind::Space | Kind::LineComment | Kind::BlockComment
        )
    });
    let directives = header.filter(|token| {
        token.kind == Kind::LineComment
            && matches!(line_comment(text, &token.range), Comment::Directives(_))
    });
    let last = directives.last()?.range.end;
    let rest = &text[last..];
    let line_end = ["\r\n", "\n", "\r"]
        .into_iter()
        .find(|line_end| rest.starts_with(line_end));
    Some(last + line_end.map_or(0, str::len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, line_end: &str, expected: &str) {
        let source = Arc::new(Source::new("a.sql", header));
        let written = end_in_header(&source, &["c.sql", "d.sql"], line_end);
        assert_eq!(written, expected);
        // Once written, it is read as written.
        let (directives, problems) = super::super::parse(&Arc::new(Source::new("a.sql", written)));
        assert_eq!(problems, []);
        let named: Vec<_> = directives.end.iter().map(|end| &*end.value).collect();
        assert!(named.ends_with(&["c.sql", "d.sql"]), "{named:?}");
    }

    const LINE: &str = "-- segue: end-concurrent-migration: c.sql, d.sql";

    #[test]
    fn without_directives_it_is_the_first_line() {
        check("", "\n", &format!("{LINE}\n"));
        check("-- why\n\n", "\n", &format!("{LINE}\n-- why\n\n"));
        check(
            "\u{feff}-- why\r\n",
            "\r\n",
            &format!("\u{feff}{LINE}\r\n-- why\r\n"),
        );
    }

    #[test]
    fn it_follows_the_last_directive() {
        check(
            "-- segue: no-txn\n-- why\n",
            "\n",
            &format!("-- segue: no-txn\n{LINE}\n-- why\n"),
        );
        check(
            "/* a */ -- codd: no-txn\r\n\r\n",
            "\r\n",
            &format!("/* a */ -- codd: no-txn\r\n{LINE}\r\n\r\n"),
        );
        check(
            "-- segue: no-txn",
            "\n",
            &format!("-- segue: no-txn\n{LINE}"),
        );
    }

    #[test]
    fn names_are_appended_to_those_that_are_there() {
        check(
            "-- segue: end-concurrent-migration: a.sql, b.sql  \n-- why\n",
            "\n",
            "-- segue: end-concurrent-migration: a.sql, b.sql, c.sql, d.sql  \n-- why\n",
        );
        check(
            "-- codd: end-concurrent-migration: a.sql\r\n",
            "\r\n",
            "-- codd: end-concurrent-migration: a.sql, c.sql, d.sql\r\n",
        );
    }

    #[test]
    fn nothing_to_write_changes_nothing() {
        let header = Arc::new(Source::new("a.sql", "-- segue: no-txn\n"));
        assert_eq!(end_in_header(&header, &[], "\n"), "-- segue: no-txn\n");
    }
}
