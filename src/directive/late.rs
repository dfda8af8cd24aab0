//! Directives behind the first statement, where they would have no effect.

use std::sync::Arc;

use super::comment::{Comment, Item, block_comment, line_comment};
use super::lexer::{Kind, tokens};
use super::table::{Entry, Kind as Name};
use crate::diagnostic::{Diagnostic, code};
use crate::text::{Source, Span};

/// An error for each directive among the comments of `text`, a part of a file
/// behind its header.
///
/// `text` begins at byte `at` of the file, outside of strings and comments: a
/// statement with the comments before it, for example. Strings in it are
/// looked through as such, so function bodies may say what they like. `source`
/// is asked for only if there is something to report.
#[must_use]
pub fn late_directives(
    text: &str,
    at: usize,
    source: impl FnOnce() -> Arc<Source>,
) -> Vec<Diagnostic> {
    // Most statements have no comment, and looking twice is cheap.
    if !text.contains("--") && !text.contains("/*") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut in_diff = false;
    for token in tokens(text) {
        let comments = match token.kind {
            Kind::LineComment => vec![line_comment(text, &token.range)],
            Kind::BlockComment => block_comment(text, &token.range),
            _ => continue,
        };
        for comment in comments {
            match comment {
                Comment::Prose => {}
                Comment::Directives(items) => {
                    let kind = Entry::named(&items[0].name.value).map(|entry| entry.kind);
                    let ends = kind == Some(Name::SchemaDiffEnd);
                    // One error for a block is enough.
                    if !(in_diff && ends) {
                        found.push(late(&items[0]));
                    }
                    in_diff = kind == Some(Name::SchemaDiffBegin) || in_diff && !ends;
                }
                Comment::Misspelt { span, correction } => found.push(
                    Diagnostic::new(
                        code::LATE_DIRECTIVE,
                        "a directive stands behind a statement",
                    )
                    .label(span, "has no effect here")
                    .help(format!("write `{correction}` before the first statement")),
                ),
            }
        }
    }
    if found.is_empty() {
        return found;
    }
    let source = source();
    let place = |mut diagnostic: Diagnostic| {
        for label in &mut diagnostic.labels {
            label.span = Span::new(label.span.start + at, label.span.end + at);
        }
        diagnostic.source(&source)
    };
    found.into_iter().map(place).collect()
}

fn late(item: &Item) -> Diagnostic {
    let name = &item.name.value;
    let message = format!("the directive `{name}` stands behind a statement");
    Diagnostic::new(code::LATE_DIRECTIVE, message)
        .label(item.name.span, "has no effect here")
        .help("move this line up, before the first statement")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Style, render};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let file = format!("SELECT 1;{text}");
        let source = || Arc::new(Source::new("m/a.sql", file.as_str()));
        let found = late_directives(text, "SELECT 1;".len(), source);
        let found: Vec<_> = found
            .iter()
            .map(|diagnostic| render(diagnostic, Style::Plain))
            .collect();
        assert_eq!(found.concat(), expected);
    }

    #[test]
    fn a_directive_behind_a_statement_is_reported() {
        check(
            "\n-- segue: no-txn\nSELECT 2",
            "\
error[late-directive]: the directive `no-txn` stands behind a statement
  --> m/a.sql:2:11
  |
2 | -- segue: no-txn
  |           ^^^^^^ has no effect here
  = help: move this line up, before the first statement
",
        );
        check(
            " -- seque: no-txn",
            "\
error[late-directive]: a directive stands behind a statement
  --> m/a.sql:1:14
  |
1 | SELECT 1; -- seque: no-txn
  |              ^^^^^^^^^^^^^ has no effect here
  = help: write `-- segue: no-txn` before the first statement
",
        );
    }

    #[test]
    fn a_schema_diff_is_reported_once() {
        check(
            "\n-- segue: schema-diff-begin\n-- {}\n-- segue: schema-diff-end\n",
            "\
error[late-directive]: the directive `schema-diff-begin` stands behind a statement
  --> m/a.sql:2:11
  |
2 | -- segue: schema-diff-begin
  |           ^^^^^^^^^^^^^^^^^ has no effect here
  = help: move this line up, before the first statement
",
        );
    }

    #[test]
    fn strings_and_prose_are_not_reported() {
        check("DO $$ BEGIN -- segue: no-txn\n END $$", "");
        check("SELECT '-- segue: no-txn\n' -- codd was here", "");
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in "(-- |/\\*|\\*/|segue|codd|:|no-txn|'|\\$\\$|\n|\\PC)*") {
            let source = Arc::new(Source::new("a.sql", text.as_str()));
            for diagnostic in late_directives(&text, 0, || Arc::clone(&source)) {
                prop_assert!(diagnostic.labels[0].span.end <= text.len());
            }
        }
    }
}
