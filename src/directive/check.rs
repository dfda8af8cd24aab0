//! Directives of one file that do not go together.

use std::collections::BTreeMap;

use super::table::{Entry, Kind};
use crate::diagnostic::{Diagnostic, code};
use crate::text::Span;

/// Where each directive stands in the file; the first place of a repeated one.
pub(super) type Places = BTreeMap<Kind, Span>;

/// An error for each contradiction among the directives given.
pub(super) fn together(places: &Places) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut contradiction = |one: Kind, other: Kind, help: &str| {
        if let (Some(first), Some(second)) = (places.get(&one), places.get(&other)) {
            let mut pair = [(*first, one), (*second, other)];
            pair.sort_unstable();
            let [(first, earlier), (second, later)] = pair;
            let (earlier, later) = (Entry::of(earlier).name, Entry::of(later).name);
            found.push(
                Diagnostic::new(
                    code::CONTRADICTING_DIRECTIVES,
                    format!("`{later}` contradicts `{earlier}`"),
                )
                .label(second, "cannot hold")
                .label(first, "because of this")
                .help(help),
            );
        }
    };
    contradiction(Kind::InTxn, Kind::NoTxn, "keep the one that is meant");
    contradiction(
        Kind::InTxn,
        Kind::BeginWith,
        "remove `in-txn`: a concurrent migration runs outside a transaction block",
    );
    contradiction(
        Kind::BeginWith,
        Kind::End,
        "split the file in two: one that runs after the deployment, and one that needs the other \
         to be done",
    );
    contradiction(
        Kind::BeginWith,
        Kind::Connection,
        "remove `connection`: a concurrent migration runs in the database of its partner; \
         without `begin-concurrent-migration-with`, `no-txn` runs outside a transaction block on \
         any connection",
    );
    contradiction(
        Kind::Connection,
        Kind::SchemaVersion,
        "give `schema-version` to a migration that runs in the database whose version it is; an \
         empty one will do",
    );
    let mut misplaced = |kind: Kind, needed: &[Kind], reason: &str, help: &str| {
        if let Some(span) = places.get(&kind)
            && !needed.iter().any(|needed| places.contains_key(needed))
        {
            let name = Entry::of(kind).name;
            found.push(
                Diagnostic::new(
                    code::MISPLACED_DIRECTIVE,
                    format!("`{name}` has no meaning here"),
                )
                .label(*span, reason)
                .help(help),
            );
        }
    };
    misplaced(
        Kind::SchemaDiffBegin,
        &[Kind::BeginWith],
        "this is not a concurrent migration",
        "remove the schema diff, or add `-- segue: begin-concurrent-migration-with: FILE`",
    );
    misplaced(
        Kind::Backfill,
        &[Kind::BeginWith],
        "this is not a concurrent migration",
        "add `-- segue: begin-concurrent-migration-with: FILE`: a backfill runs after the deployment \
         that has applied FILE is ready",
    );
    misplaced(
        Kind::Rerunnable,
        &[Kind::NoTxn, Kind::BeginWith, Kind::Connection],
        "this migration runs inside a transaction block",
        "remove the line: what is interrupted inside a transaction block is rolled back, and always \
         runs again",
    );
    found
}
