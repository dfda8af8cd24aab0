//! The forms of directives' arguments.

use super::table::{Entry, Kind};
use crate::backfill::{Backfill, Malformed, parse};
use crate::diagnostic::{Diagnostic, code};
use crate::text::{Span, Spanned};
use crate::version::Version;

/// The argument of `allow`: a lint rule that need not hold in this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Name of the rule.
    pub rule: String,
    /// Why it may be waived; not empty.
    pub reason: String,
}

type Checked<T> = Result<Spanned<T>, Diagnostic>;

/// The non-empty parts between commas, or an error where one is missing.
pub(super) fn list(argument: &Spanned<String>) -> Vec<Checked<String>> {
    let mut start = argument.span.start;
    let parts = argument.value.split(',').map(|part| {
        let leading = part.len() - part.trim_start().len();
        let at = start + leading;
        start += part.len() + 1;
        let part = part.trim();
        let span = Span::new(at, at + part.len());
        if part.is_empty() {
            Err(Diagnostic::new(code::MISSING_ARGUMENT, "a name is missing")
                .label(span, "expected a name here")
                .help("remove the comma that is too many"))
        } else {
            Ok(Spanned::new(part.to_owned(), span))
        }
    });
    parts.collect()
}

/// The one FILE of `begin-concurrent-migration-with`.
pub(super) fn file(argument: &Spanned<String>) -> Checked<String> {
    if let Some(comma) = argument.value.find(',') {
        let rest = Span::new(argument.span.start + comma, argument.span.end);
        return Err(Diagnostic::new(
            code::UNEXPECTED_ARGUMENT,
            "`begin-concurrent-migration-with` takes one file",
        )
        .label(rest, "not expected")
        .help("name the one that comes last: the others are applied by then"));
    }
    file_name(argument.clone())
}

/// A migration's name: no folder, no quotes, ending in `.sql`.
pub(super) fn file_name(file: Spanned<String>) -> Checked<String> {
    let name = file.value.as_str();
    let unquoted = name.trim_matches(['\'', '"', '`']);
    let base = unquoted.rsplit(['/', '\\']).next().unwrap_or(unquoted);
    let stem = base.strip_suffix(".sql");
    let has_ending = stem.is_some_and(|stem| !stem.is_empty());
    let ending = if has_ending { "" } else { ".sql" };
    let reason = if unquoted != name {
        "quotes are not needed"
    } else if base != unquoted {
        "a folder is not part of the name"
    } else if !has_ending {
        "does not end in `.sql`"
    } else {
        return Ok(file);
    };
    let help = (!base.is_empty() && base != ".sql").then(|| format!("write `{base}{ending}`"));
    Err(
        Diagnostic::new(code::INVALID_FILE_NAME, "this is no migration's file name")
            .label(file.span, reason)
            .help_if(help, |help| help),
    )
}

/// The name of an environment variable, as codd accepts them.
pub(super) fn variable(name: Spanned<String>) -> Checked<String> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.value.bytes().all(valid) {
        return Ok(name);
    }
    let reason = "a variable's name has letters, digits and underscores";
    Err(malformed(Kind::EnvVars, name.span, reason))
}

/// A connection string in either of libpq's forms. The error does not repeat
/// it, because it may hold a password.
pub(super) fn connection(argument: Spanned<String>) -> Checked<String> {
    let text = argument.value.as_str();
    let lower = text.to_ascii_lowercase();
    let uri = ["postgres://", "postgresql://"];
    let valid = if uri.iter().any(|scheme| lower.starts_with(scheme)) {
        !text.contains(char::is_whitespace)
    } else {
        are_keywords(text)
    };
    if valid {
        return Ok(argument);
    }
    let reason = "neither `postgres://…` nor `keyword=value …`";
    Err(malformed(Kind::Connection, argument.span, reason))
}

/// Whether `text` is `keyword = value …` by the rules of libpq: values in
/// single quotes or without spaces, `\` escapes.
fn are_keywords(mut text: &str) -> bool {
    let keyword = |character: char| !character.is_ascii_alphabetic() && character != '_';
    while !text.is_empty() {
        let Some(end) = text.find(keyword).filter(|end| *end > 0) else {
            return false;
        };
        let Some(value) = text[end..].trim_start().strip_prefix('=') else {
            return false;
        };
        let value = value.trim_start();
        let quoted = value.starts_with('\'');
        let mut escaped = false;
        let mut end = value.len();
        let mut closed = !quoted;
        for (at, character) in value.char_indices().skip(usize::from(quoted)) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if quoted && character == '\'' {
                end = at + 1;
                closed = true;
                break;
            } else if !quoted && character.is_whitespace() {
                end = at;
                break;
            }
        }
        if !closed {
            return false;
        }
        text = value[end..].trim_start();
    }
    true
}

/// `TABLE by KEY …`.
pub(super) fn backfill(argument: &Spanned<String>) -> Checked<Backfill> {
    match parse(&argument.value) {
        Ok(backfill) => Ok(Spanned::new(backfill, argument.span)),
        Err(Malformed { range, reason }) => {
            let start = argument.span.start;
            let span = Span::new(start + range.start, start + range.end);
            Err(malformed(Kind::Backfill, span, &reason))
        }
    }
}

/// `X.Y.Z`, three numbers.
pub(super) fn version(argument: &Spanned<String>) -> Checked<Version> {
    match Version::parse(&argument.value) {
        Ok(version) => Ok(Spanned::new(version, argument.span)),
        Err(error) => {
            let start = argument.span.start;
            let span = Span::new(start + error.range.start, start + error.range.end);
            Err(malformed(Kind::SchemaVersion, span, &error.reason))
        }
    }
}

/// `RULE, REASON`.
pub(super) fn waiver(argument: &Spanned<String>) -> Checked<Waiver> {
    let (rule, reason) = argument
        .value
        .split_once(',')
        .unwrap_or((&argument.value, ""));
    let (rule, reason) = (rule.trim(), reason.trim());
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let problem = if rule.is_empty() || !rule.bytes().all(kebab) {
        "does not begin with a rule's name and a comma"
    } else if reason.is_empty() {
        "gives no reason"
    } else {
        let (rule, reason) = (rule.to_owned(), reason.to_owned());
        return Ok(Spanned::new(Waiver { rule, reason }, argument.span));
    };
    Err(malformed(Kind::Allow, argument.span, problem))
}

fn malformed(kind: Kind, span: Span, reason: &str) -> Diagnostic {
    let entry = Entry::of(kind);
    let name = entry.name;
    Diagnostic::new(
        code::MALFORMED_ARGUMENT,
        format!("the argument of `{name}` is malformed"),
    )
    .label(span, reason)
    .help(format!("write `-- segue: {name}: {}`", entry.form()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spanned(text: &str) -> Spanned<String> {
        Spanned::new(text.to_owned(), Span::new(10, 10 + text.len()))
    }

    #[track_caller]
    fn check<T>(found: Result<Spanned<T>, Diagnostic>, expected: Option<&str>) {
        let reason = found.err().map(|error| error.labels[0].text.clone());
        assert_eq!(reason.as_deref(), expected);
    }

    #[test]
    fn a_list_has_the_places_of_its_parts() {
        let found = list(&spanned("a.sql ,  b.sql,"));
        let spans: Vec<_> = found
            .iter()
            .map(|part| part.as_ref().map(|part| part.span))
            .map(|span| span.unwrap_or_else(|error| error.labels[0].span))
            .collect();
        assert_eq!(
            spans,
            [Span::new(10, 15), Span::new(19, 24), Span::new(25, 25)]
        );
        assert_eq!(found.iter().filter(|part| part.is_err()).count(), 1);
    }

    #[test]
    fn file_names_have_no_folder_and_no_quotes() {
        check(file_name(spanned("a b.sql")), None);
        check(file_name(spanned("'a.sql'")), Some("quotes are not needed"));
        check(
            file_name(spanned("m/a.sql")),
            Some("a folder is not part of the name"),
        );
        check(file_name(spanned("a.SQL")), Some("does not end in `.sql`"));
        check(file_name(spanned(".sql")), Some("does not end in `.sql`"));
        check(file(&spanned("a.sql, b.sql")), Some("not expected"));
    }

    #[test]
    fn both_forms_of_connection_strings_are_accepted() {
        let wrong = Some("neither `postgres://…` nor `keyword=value …`");
        check(
            connection(spanned("postgresql://u:p@[::1]:5432/db?sslmode=require")),
            None,
        );
        check(connection(spanned("POSTGRES://h")), None);
        check(
            connection(spanned("host=a dbname = 'it\\'s b' password=")),
            None,
        );
        check(connection(spanned("password='x")), wrong);
        check(connection(spanned("mysql://h")), wrong);
        check(connection(spanned("host a")), wrong);
        check(connection(spanned("postgres://h and more")), wrong);
    }

    #[test]
    fn other_arguments_have_their_forms() {
        check(variable(spanned("PGHOST_2")), None);
        check(
            variable(spanned("${A}")),
            Some("a variable's name has letters, digits and underscores"),
        );
        check(backfill(&spanned("users by id within 7d")), None);
        check(
            backfill(&spanned("users id")),
            Some("does not say by which key"),
        );
        check(version(&spanned("1.20.3")), None);
        check(version(&spanned("1.2")), Some("three numbers are needed"));
        check(version(&spanned("1.2.3-rc1")), Some("not a number"));
        let place = version(&spanned("1.2.x"))
            .err()
            .map(|error| error.labels[0].span);
        assert_eq!(place, Some(Span::new(14, 15)));
        check(
            waiver(&spanned("add-column, empty, in all databases")),
            None,
        );
        check(waiver(&spanned("add-column")), Some("gives no reason"));
        check(
            waiver(&spanned("it is fine")),
            Some("does not begin with a rule's name and a comma"),
        );
    }
}
