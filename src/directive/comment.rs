//! What one comment says: prose, directives, or something that was clearly
//! meant to be a directive.
//!
//! A migration whose `no-txn` is silently ignored does harm, and so does a
//! tool that trips over prose. So a comment is held to be misspelt only if the
//! name of a directive follows in a directive's own form.

use std::ops::Range;

use super::table::{Argument, Entry, Kind};
use crate::text::Spanned;

use crate::text::Span;

/// What a comment says. All spans count from the start of the text given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comment {
    Prose,
    /// At least one item.
    Directives(Vec<Item>),
    Misspelt {
        span: Span,
        /// The comment as it was meant.
        correction: String,
    },
}

/// A directive's name and what follows it, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: Spanned<String>,
    pub(super) tail: Tail,
    /// Whether it stands behind codd's prefix.
    pub(super) codd: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The line ends, or the next directive follows.
    Nothing,
    /// The text after a colon, trimmed; may be empty.
    Argument(Spanned<String>),
    /// Text without a colon or comma before it.
    Stray(Spanned<String>),
}

/// Reads the line comment at `range` of `text`, its dashes included.
pub(super) fn line_comment(text: &str, range: &Range<usize>) -> Comment {
    let body = trim(text, range.start + "--".len()..range.end);
    if let Some(items) = exact(text, &body) {
        return Comment::Directives(items);
    }
    match misspelt(&text[body.clone()]) {
        Some(correction) => Comment::Misspelt {
            span: span(&body),
            correction,
        },
        None => Comment::Prose,
    }
}

/// Reads the block comment at `range` of `text`: directives have no effect in
/// it, so one that stands there is misspelt.
pub(super) fn block_comment(text: &str, range: &Range<usize>) -> Vec<Comment> {
    let mut start = range.start;
    let lines = text[range.clone()]
        .split_inclusive('\n')
        .filter_map(|line| {
            let range = start..start + line.len();
            start += line.len();
            let decoration =
                |character: char| character.is_whitespace() || "/*".contains(character);
            let content = text[range.clone()].trim_start_matches(decoration);
            let range = range.end - content.len()..range.end;
            let content = content.trim_end_matches(decoration);
            let body = range.start..range.start + content.len();
            let items = exact(text, &body)?;
            let known = Entry::named(&items[0].name.value).is_some();
            known.then(|| Comment::Misspelt {
                span: span(&body),
                correction: format!("-- {content}"),
            })
        });
    lines.collect()
}

/// The directives of a comment in the one right form.
fn exact(text: &str, body: &Range<usize>) -> Option<Vec<Item>> {
    let content = &text[body.clone()];
    let prefix = word(content);
    let after = content[prefix.len()..].strip_prefix(':')?;
    let rest = trim(text, body.end - after.len()..body.end);
    let alias = match prefix {
        "segue" | "codd" => return Some(items(text, rest, prefix == "codd")),
        "codd-connection" => Kind::Connection,
        "codd-env-vars" => Kind::EnvVars,
        _ => return None,
    };
    let name = Entry::of(alias).name.to_owned();
    let prefix = span(&(body.start..body.start + prefix.len()));
    Some(vec![Item {
        name: Spanned::new(name, prefix),
        tail: Tail::Argument(spanned(text, rest)),
        codd: true,
    }])
}

/// `NAME[, NAME …][: ARGUMENT]`; codd lists options with commas, too.
fn items(text: &str, mut rest: Range<usize>, codd: bool) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let name = word(&text[rest.clone()]);
        let name = spanned(text, rest.start..rest.start + name.len());
        rest = trim(text, name.span.end..rest.end);
        let (tail, next) = match text[rest.clone()].chars().next() {
            None => (Tail::Nothing, None),
            Some(',') => (Tail::Nothing, Some(trim(text, rest.start + 1..rest.end))),
            Some(':') => {
                let argument = trim(text, rest.start + 1..rest.end);
                (Tail::Argument(spanned(text, argument)), None)
            }
            Some(_) => (Tail::Stray(spanned(text, rest.clone())), None),
        };
        items.push(Item { name, tail, codd });
        match next {
            Some(next) => rest = next,
            None => return items,
        }
    }
}

/// The comment `body` as it was meant, if it was clearly meant to be a
/// directive.
fn misspelt(body: &str) -> Option<String> {
    // `--- segue: no-txn`
    let body = body.trim_start_matches(['-', '*', '#', '!', '/', ' ', '\t']);
    let prefix = word(body);
    let after = body[prefix.len()..].trim_start();
    let prefix = prefix.to_ascii_lowercase();
    let colon = after.strip_prefix(':').map(str::trim);
    joined_prefix(&prefix, colon, after)
        .or_else(|| separate_prefix(&prefix, colon, after))
        .or_else(|| without_prefix(&prefix, colon, after))
}

/// `codd-conection: …`, `segue-no-txn`.
fn joined_prefix(prefix: &str, colon: Option<&str>, after: &str) -> Option<String> {
    if !prefix.contains('-') || colon.is_none() && !after.is_empty() {
        return None;
    }
    for canonical in ["codd-connection", "codd-env-vars"] {
        if colon.is_some() && strsim::osa_distance(prefix, canonical) <= 2 {
            return Some(format!("-- {canonical}: …"));
        }
    }
    let (first, name) = prefix.split_once('-')?;
    let entry = Entry::named(name).filter(|_| distance(first) <= 1)?;
    Some(line(first, entry, colon.unwrap_or_default()))
}

/// `seque: no-txn`, `Segue : no-txn`, `segue no-txn`.
fn separate_prefix(prefix: &str, colon: Option<&str>, after: &str) -> Option<String> {
    if prefix.contains('-') {
        return None;
    }
    // Most comments are prose, whose first word is far from a prefix.
    let distance = distance(prefix);
    if distance > 2 {
        return None;
    }
    let rest = colon.unwrap_or(after);
    let name = word(rest);
    let tail = rest[name.len()..].trim_start();
    let listed = tail.starts_with([',', ':']);
    let entry = match colon {
        Some(_) => Entry::named(name).or_else(|| {
            // Both words misspelt: only names that are no English words.
            Entry::near(name).filter(|entry| entry.name.contains('-'))
        }),
        None => Entry::named(name),
    }?;
    // Single words, `allow` for example, are English, and so may be what
    // stands in front of them; too many words are two letters from `codd`.
    let technical = entry.name.contains('-');
    let near_segue = strsim::osa_distance(prefix, "segue") <= 2;
    let near = distance <= 1 || technical && colon.is_some() && near_segue;
    let whole = match entry.argument {
        Argument::None => tail.is_empty() || listed,
        Argument::Needed(_) => tail.starts_with(':') || colon.is_some() && tail.is_empty(),
    };
    if !near || !(whole || technical && names_file(tail)) {
        return None;
    }
    Some(line(prefix, entry, tail))
}

/// `begin-concurrent-migration-with: FILE` alone.
fn without_prefix(name: &str, colon: Option<&str>, after: &str) -> Option<String> {
    let entry = Entry::named(name)?;
    let whole = match entry.kind {
        Kind::BeginWith | Kind::End => colon.is_some() || names_file(after),
        Kind::SchemaDiffBegin | Kind::SchemaDiffEnd => after.is_empty(),
        _ => false,
    };
    whole.then(|| line("segue", entry, colon.unwrap_or(after)))
}

/// How many letters `prefix` is away from the nearer of the two prefixes.
fn distance(prefix: &str) -> usize {
    let distances = ["segue", "codd"].map(|right| strsim::osa_distance(prefix, right));
    distances[0].min(distances[1])
}

fn names_file(tail: &str) -> bool {
    let mut words = tail.split([' ', ',']).filter(|word| !word.is_empty());
    !tail.is_empty() && words.all(|word| word.strip_suffix(".sql").is_some())
}

/// The right form of a directive; an argument that may hold a password is
/// left out.
fn line(prefix: &str, entry: &Entry, tail: &str) -> String {
    let codd = strsim::osa_distance(prefix, "codd") < strsim::osa_distance(prefix, "segue");
    let prefix = if codd { "codd" } else { "segue" };
    let name = entry.name;
    let tail = tail.trim_start_matches(':').trim();
    match (entry.argument, tail) {
        (Argument::None, "") => format!("-- {prefix}: {name}"),
        (Argument::None, more) => format!("-- {prefix}: {name}{more}"),
        (Argument::Needed(form), "") => format!("-- {prefix}: {name}: {form}"),
        (Argument::Needed(_), _) if entry.kind == Kind::Connection => {
            format!("-- {prefix}: {name}: …")
        }
        (Argument::Needed(_), argument) => format!("-- {prefix}: {name}: {argument}"),
    }
}

/// The letters, digits, hyphens and underscores at the start.
fn word(text: &str) -> &str {
    let other = |character: char| !character.is_ascii_alphanumeric() && !"-_".contains(character);
    &text[..text.find(other).unwrap_or(text.len())]
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let content = text[range.clone()].trim_end();
    let end = range.start + content.len();
    end - content.trim_start().len()..end
}

fn span(range: &Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

fn spanned(text: &str, range: Range<usize>) -> Spanned<String> {
    Spanned::new(text[range.clone()].to_owned(), span(&range))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` for prose, `=` for directives, else the correction.
    #[track_caller]
    fn check(comment: &str, expected: &str) {
        let found = match line_comment(comment, &(0..comment.len())) {
            Comment::Prose => ".".to_owned(),
            Comment::Directives(_) => "=".to_owned(),
            Comment::Misspelt { correction, .. } => correction,
        };
        assert_eq!(found, expected, "{comment}");
    }

    #[test]
    fn the_right_form_is_a_directive() {
        check("-- segue: no-txn", "=");
        check("--segue:no-txn", "=");
        check("--\tcodd: in-txn, no-parse  ", "=");
        check("-- codd-connection: host=a", "=");
        check("-- codd-env-vars: A", "=");
        check("-- segue: whatever", "=");
        check("-- segue:", "=");
    }

    #[test]
    fn prose_is_left_alone() {
        for comment in [
            "--",
            "-- codd is great",
            "-- segue no-txn migrations are dangerous",
            "-- codd-connection strings are secret",
            "-- code: allow nulls here",
            "-- Note: connection pools reset this",
            "-- This was a codd: no-txn migration",
            "-- no-txn",
            "-- segway: a vehicle",
            "-- league: backfill of scores",
            "-- value: connection",
            "-- mode: no-txn",
            "-- end-concurrent-migration is used below",
            "-- Codd: A Relational Model of Data for Large Shared Data Banks",
        ] {
            check(comment, ".");
        }
    }

    #[test]
    fn a_wrong_prefix_is_corrected() {
        check("-- seque: no-txn", "-- segue: no-txn");
        check("-- sgeue: no-tnx", "-- segue: no-txn");
        check("-- Segue: no-txn", "-- segue: no-txn");
        check("-- SEGUE : IN-TXN", "-- segue: in-txn");
        check("--- segue: no-txn", "-- segue: no-txn");
        check("-- cod: no-txn", "-- codd: no-txn");
        check("-- seg: no-txn", "-- segue: no-txn");
        check("-- codd-conection: a:b@c", "-- codd-connection: …");
        check("-- segue-connection: a:b@c", "-- segue: connection: …");
        check("-- segue-no-txn", "-- segue: no-txn");
        check("-- seuge: allow: x, y", "-- segue: allow: x, y");
    }

    #[test]
    fn a_missing_colon_or_prefix_is_corrected() {
        check("--segue no-txn", "-- segue: no-txn");
        check("-- codd no-txn, rerunnable", "-- codd: no-txn, rerunnable");
        check(
            "-- segue begin-concurrent-migration-with: a.sql",
            "-- segue: begin-concurrent-migration-with: a.sql",
        );
        check(
            "-- segue end-concurrent-migration a.sql, b.sql",
            "-- segue: end-concurrent-migration: a.sql, b.sql",
        );
        check(
            "-- end-concurrent-migration: a.sql",
            "-- segue: end-concurrent-migration: a.sql",
        );
        check("-- schema-diff-end", "-- segue: schema-diff-end");
    }

    #[test]
    fn block_comments_hold_no_directives() {
        let text = "/*\n * segue: no-txn\n * segue: a word of musicians */";
        assert_eq!(
            block_comment(text, &(0..text.len())),
            [Comment::Misspelt {
                span: Span::new(6, 19),
                correction: "-- segue: no-txn".to_owned(),
            }]
        );
        assert_eq!(block_comment("/* codd: x */", &(0..13)), []);
    }
}
