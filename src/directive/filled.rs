//! A header that takes environment variables (`env-vars`).

use std::sync::Arc;

use super::comment::{Comment, line_comment};
use super::lexer::{Kind as TokenKind, tokens};
use super::table::{Entry, Kind};
use super::{Directives, parser::parse};
use crate::diagnostic::{Diagnostic, code};
use crate::text::{Filled, Source, Span, Spanned, Variables, list};

/// As [`parse`], with the values of the variables that the header lists filled
/// into its other directives; these variables too. Places are those of the
/// text as written, and no value is in a diagnostic.
///
/// A listed variable that is not set is an error.
#[must_use]
pub fn parse_filled(
    source: &Arc<Source>,
    environment: &Variables,
) -> (Directives, Variables, Vec<Diagnostic>) {
    let (written, problems) = parse(source);
    let names = written.env_vars.iter().map(|name| name.value.as_str());
    let listed = environment.only(names);
    let unset = written.env_vars.iter().filter_map(|name| {
        let is_set = listed.get(&name.value).is_some();
        (!is_set).then(|| unset(name).source(source))
    });
    let mut found: Vec<Diagnostic> = unset.collect();
    let filled = fill(source, &listed, &mut found);
    let Some(filled) = filled else {
        found.extend(problems);
        return (written, listed, found);
    };
    let shown = Arc::new(Source::new(source.name(), filled.text.as_str()));
    let (mut directives, problems) = parse(&shown);
    place(&mut directives, &filled);
    for mut problem in problems {
        for label in &mut problem.labels {
            moved(&mut label.span, &filled);
        }
        // Its words may repeat a part of a value, which nobody could tell
        // from other words.
        let of_values = problem.labels.first().map(|label| label.span);
        let of_values = of_values.map_or(Vec::new(), |span| {
            listed.taken(&source.text()[source.range(span)])
        });
        if !of_values.is_empty() {
            let names: Vec<String> = of_values.iter().map(|name| format!("`{name}`")).collect();
            problem = Diagnostic {
                message: format!("this is no directive with the value of {}", list(&names)),
                notes: Vec::new(),
                helps: Vec::new(),
                ..problem
            };
            for label in &mut problem.labels {
                label.text.clear();
            }
        }
        found.push(problem.conceal(&listed).source(source));
    }
    found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    (directives, listed, found)
}

fn unset(name: &Spanned<String>) -> Diagnostic {
    Diagnostic::new(
        code::UNSET_VARIABLE,
        format!("the environment variable `{}` is not set", name.value),
    )
    .label(name.span, "this file takes it")
    .help("set it, to nothing if that is meant")
}

/// The header with values in its directives; prose, the list of variables and
/// a schema diff, which segue itself has written, are left as they are.
fn fill(source: &Arc<Source>, listed: &Variables, found: &mut Vec<Diagnostic>) -> Option<Filled> {
    let text = source.text();
    let mut ranges = Vec::new();
    for token in tokens(text) {
        match token.kind {
            TokenKind::Space | TokenKind::BlockComment => continue,
            TokenKind::LineComment => {}
            _ => break,
        }
        let Comment::Directives(items) = line_comment(text, &token.range) else {
            continue;
        };
        let is_plain = |name: &str| {
            Entry::named(name).is_none_or(|entry| {
                !matches!(
                    entry.kind,
                    Kind::EnvVars | Kind::SchemaDiffBegin | Kind::SchemaDiffEnd
                )
            })
        };
        if !items.iter().all(|item| is_plain(&item.name.value)) {
            continue;
        }
        let taken = listed.taken(&text[token.range.clone()]);
        let is_long = |name: &&&str| {
            let value = listed.get(name).unwrap_or_default();
            value.contains(['\n', '\r'])
        };
        if let Some(name) = taken.iter().find(is_long) {
            found.push(
                Diagnostic::new(
                    code::UNUSABLE_VALUE,
                    format!("the value of `{name}` has more than one line"),
                )
                .source(source)
                .label(
                    Span::new(token.range.start, token.range.end),
                    "a directive ends with its line",
                ),
            );
            continue;
        }
        ranges.push(token.range);
    }
    listed.fill_within(text, &ranges)
}

fn moved(span: &mut Span, filled: &Filled) {
    let (start, end) = filled.written_range(span.start, span.end);
    *span = Span::new(start, end);
}

/// Gives everything its place in the text as written.
fn place(directives: &mut Directives, filled: &Filled) {
    let Directives {
        transaction,
        begin_with,
        end,
        schema_diff,
        rerunnable,
        connection,
        env_vars,
        backfill,
        schema_version,
        allow,
    } = directives;
    let texts = [begin_with, connection].into_iter().flatten();
    let texts = texts.chain(end).chain(env_vars).map(|text| &mut text.span);
    let others = transaction
        .iter_mut()
        .map(|mode| &mut mode.span)
        .chain(schema_diff.iter_mut().map(|diff| &mut diff.span))
        .chain(rerunnable)
        .chain(backfill.iter_mut().map(|backfill| &mut backfill.span))
        .chain(schema_version.iter_mut().map(|version| &mut version.span))
        .chain(allow.iter_mut().map(|waiver| &mut waiver.span));
    for span in texts.chain(others) {
        moved(span, filled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Style, render};
    use crate::directive::TransactionMode;

    fn environment() -> Variables {
        let values = [
            ("HOST", "db.example.org"),
            ("PASSWORD", "open sesame"),
            ("MODE", "no-txn"),
            ("LINES", "a\nb"),
        ];
        let owned = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Variables::new(owned.into_iter().collect())
    }

    /// Diagnostics, as they are shown.
    #[track_caller]
    fn check(header: &str, expected: &str) -> Directives {
        let source = Arc::new(Source::new("a.sql", header));
        let (directives, _, found) = parse_filled(&source, &environment());
        let shown: String = found
            .iter()
            .map(|diagnostic| render(diagnostic, Style::Plain))
            .collect();
        assert_eq!(shown.trim(), expected.trim());
        directives
    }

    #[test]
    fn directives_take_values() {
        let directives = check(
            "-- codd: ${MODE}\n-- segue: begin-concurrent-migration-with: ${HOST}.sql\n\
             -- codd-env-vars: PASSWORD ,HOST, MODE\n",
            "",
        );
        let mode = directives.transaction.expect("no-txn");
        assert_eq!(mode.value, TransactionMode::Autocommit);
        assert_eq!(mode.span, Span::new(9, 16));
        let partner = directives.begin_with.expect("a partner");
        assert_eq!(partner.value, "db.example.org.sql");
        assert_eq!(partner.span, Span::new(60, 71));
    }

    #[test]
    fn what_is_not_set_is_told() {
        check(
            "-- segue: env-vars: MODE, NOBODY\n-- segue: ${MODE}\n",
            "
error[unset-variable]: the environment variable `NOBODY` is not set
  --> a.sql:1:27
  |
1 | -- segue: env-vars: MODE, NOBODY
  |                           ^^^^^^ this file takes it
  = help: set it, to nothing if that is meant
",
        );
    }

    #[test]
    fn problems_show_no_values() {
        check(
            "-- segue: env-vars: HOST, PASSWORD\n-- segue: ${HOST}, no-txn: ${PASSWORD}\n",
            "
error[unknown-directive]: this is no directive with the value of `HOST`
  --> a.sql:2:11
  |
2 | -- segue: ${HOST}, no-txn: ${PASSWORD}
  |           ^^^^^^^
",
        );
    }

    #[test]
    fn a_directive_is_one_line() {
        check(
            "-- segue: env-vars: LINES\n-- segue: end-concurrent-migration: ${LINES}.sql\n",
            "
error[unusable-value]: the value of `LINES` has more than one line
  --> a.sql:2:1
  |
2 | -- segue: end-concurrent-migration: ${LINES}.sql
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a directive ends with its line
",
        );
    }
}
