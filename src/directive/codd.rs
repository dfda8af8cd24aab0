//! Calls of codd's own SQL functions, which segue does not install.

use std::ops::Range;

use super::lexer::{Kind, Token, dollar_body, tokens};
use crate::diagnostic::{Diagnostic, code};
use crate::text::Span;

/// Namespaces that codd keeps its functions in, and once kept them in.
const NAMESPACES: [&str; 2] = ["codd", "codd_schema"];

/// Functions that codd's versions have offered to migrations, from its
/// `InternalSchema` modules and drafts of them. Other functions of a namespace
/// that merely has the same name are the user's own.
const FUNCTIONS: [&str; 11] = [
    "abort_background_job",
    "background_job_begin",
    "background_migration_begin",
    "delete_background_job",
    "populate_column_gradually",
    "populate_table_gradually",
    "remove_job_completely",
    "setup_background_worker",
    "synchronously_finalize_background_job",
    "unschedule_job_from_pg_cron",
    "update_table_gradually",
];

/// What to do instead.
pub(super) const WAY_ON: &str = "move the slow work to a file with `-- segue: \
    begin-concurrent-migration-with: FILE`, which runs after the deployment is ready";

/// The first call of one of codd's functions in a statement: its bytes in
/// `statement`, and its name, `codd.setup_background_worker` for example.
///
/// Bodies in dollar quotes are searched, too. A statement that makes such a
/// function is not a call: a dump of a database that codd had migrated holds
/// its functions.
#[must_use]
pub fn codd_function_call(statement: &str) -> Option<(Range<usize>, String)> {
    // Cheaper than cutting each statement into tokens.
    let bytes = statement.as_bytes();
    let named = |at: usize| {
        let name = bytes[at..].get(..4);
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"codd"))
    };
    if memchr::memchr2_iter(b'c', b'C', bytes).any(named) {
        call(statement, 0)
    } else {
        None
    }
}

/// Bodies within bodies are searched to this depth; a text of many opening
/// tags must not exhaust the stack.
const DEPTH_MAX: usize = 4;

fn call(statement: &str, depth: usize) -> Option<(Range<usize>, String)> {
    let tokens: Vec<Token> = tokens(statement)
        .filter(|token| {
            let Token { kind, .. } = token;
            !matches!(kind, Kind::Space | Kind::LineComment | Kind::BlockComment)
        })
        .collect();
    let text = |token: &Token| &statement[token.range.clone()];
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::DollarString {
            if depth == DEPTH_MAX {
                continue;
            }
            let body = dollar_body(text(token));
            let start = token.range.start + body.start;
            if let Some((range, name)) = call(&text(token)[body], depth + 1) {
                return Some((range.start + start..range.end + start, name));
            }
            continue;
        }
        let [namespace, dot, function, parenthesis, ..] = &tokens[index..] else {
            continue;
        };
        if text(dot) != "." || text(parenthesis) != "(" {
            continue;
        }
        let before = index.checked_sub(1).map(|before| text(&tokens[before]));
        let (namespace, name) = (identifier(text(namespace)), identifier(text(function)));
        if !NAMESPACES.contains(&&*namespace) || !FUNCTIONS.contains(&&*name) || before == Some(".")
        {
            continue;
        }
        if before.is_some_and(|word| {
            ["function", "procedure"]
                .iter()
                .any(|object| word.eq_ignore_ascii_case(object))
        }) {
            return None;
        }
        let range = token.range.start..function.range.end;
        return Some((range, format!("{namespace}.{name}")));
    }
    None
}

/// The error for a call that [`codd_function_call`] has found; `span` counts
/// from the start of the file.
#[must_use]
pub fn codd_function_diagnostic(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        code::CODD_FUNCTION,
        format!("`{name}` is one of codd's own functions"),
    )
    .label(span, "not there for segue")
    .help(WAY_ON)
}

/// The name as PostgreSQL understands it.
fn identifier(token: &str) -> String {
    match token.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').to_owned(),
        None => token.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &str, expected: Option<(&str, &str)>) {
        let found = codd_function_call(statement);
        let found = found.map(|(range, name)| (&statement[range], name));
        let expected = expected.map(|(text, name)| (text, name.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn calls_are_found() {
        check(
            "SELECT codd.setup_background_worker('pg_cron')",
            Some((
                "codd.setup_background_worker",
                "codd.setup_background_worker",
            )),
        );
        check(
            "SELECT \"codd\" . Populate_Column_Gradually ('x')",
            Some((
                "\"codd\" . Populate_Column_Gradually",
                "codd.populate_column_gradually",
            )),
        );
        check(
            "DO $do$ BEGIN PERFORM codd_schema.background_migration_begin(); END $do$",
            Some((
                "codd_schema.background_migration_begin",
                "codd_schema.background_migration_begin",
            )),
        );
    }

    #[test]
    fn deeply_nested_bodies_are_no_danger() {
        let tags: Vec<_> = (0..100_000).map(|tag| format!("$a{tag}$")).collect();
        check(&format!("{} codd", tags.join(" ")), None);
    }

    #[test]
    fn what_is_no_call_of_codds_functions_is_left_alone() {
        check("SELECT codd.relational(1)", None);
        check("SELECT 'codd.setup_background_worker()'", None);
        check("SELECT a.codd.setup_background_worker(1)", None);
        check("SELECT 1 -- codd.setup_background_worker()", None);
        check("SELECT codd.setup_background_worker FROM codd", None);
        check("SELECT \"CODD\".setup_background_worker()", None);
        check(
            "CREATE FUNCTION codd.update_table_gradually() RETURNS void AS $$
             SELECT codd.background_job_begin() $$ LANGUAGE sql",
            None,
        );
    }
}
