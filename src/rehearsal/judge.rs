//! Snapshots of a rehearsal → [`Finding`]s.

use std::collections::BTreeMap;

use super::{Finding, Split, Step};
use crate::diagnostic::{Diagnostic, code};
use crate::directive;
use crate::migration::{Kind, Migration, Name};
use crate::schema::{Change, Conflict, Diff, Snapshot};
use crate::text::{Span, list};

/// Names of migrations as people list them.
fn quoted<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    list(names.into_iter().map(|name| format!("`{name}`")))
}

/// Where a concurrent migration says what it is: the first line of its schema
/// diff, else the directive that names its partner.
fn place(migration: &Migration, diagnostic: Diagnostic, why: &str) -> Diagnostic {
    let (directives, _) = directive::parse(&migration.source);
    let text = migration.source.text();
    let span = match (&directives.schema_diff, &migration.partner) {
        (Some(diff), _) => {
            let block = &text[diff.span.start..diff.span.end];
            let line = block.lines().next().unwrap_or_default();
            Span::new(diff.span.start, diff.span.start + line.len())
        }
        (None, Some(partner)) => partner.span,
        (None, None) => Span::new(0, 0),
    };
    diagnostic.source(&migration.source).label(span, why)
}

/// The parts of a migration's stored diff, by major version.
fn parts(migration: &Migration) -> &BTreeMap<u32, Diff> {
    static NONE: BTreeMap<u32, Diff> = BTreeMap::new();
    migration.schema_diff.as_deref().unwrap_or(&NONE)
}

/// What to do about what is stored and not true.
const WRITE: &str = "if what it does is what was meant, `segue check --write` writes that down";

/// Whether a concurrent migration's stored diff is what it does on `major`.
#[must_use]
pub fn stored(migration: &Migration, major: u32, actual: &Diff) -> Option<Finding> {
    let name = &migration.name;
    let finding = |diagnostic: Diagnostic| {
        let diagnostic = diagnostic.note("what it really does:").help(WRITE);
        let finding = Finding::new(Step::Diffs, diagnostic);
        Some(finding.with_difference(actual.clone(), ["before it", "after it"]))
    };
    let parts = parts(migration);
    let Some(stored) = parts.get(&major) else {
        let message = if parts.is_empty() {
            format!("`{name}` has no stored schema diff")
        } else {
            format!("the stored schema diff of `{name}` has no part for PostgreSQL {major}")
        };
        let why = if parts.is_empty() {
            "a concurrent migration, whose diff tells what is legal before it is done".to_owned()
        } else {
            format!("it has {}", list(parts.keys()))
        };
        let diagnostic = Diagnostic::new(code::MISSING_SCHEMA_DIFF, message);
        return finding(place(migration, diagnostic, &why));
    };
    let wrong = |message: String| {
        let diagnostic = Diagnostic::new(code::WRONG_SCHEMA_DIFF, message);
        place(migration, diagnostic, &format!("for PostgreSQL {major}"))
    };
    if stored == actual {
        return None;
    }
    let only_in = |one: &Diff, other: &Diff| -> Vec<String> {
        let changes = one.changes().iter();
        changes
            .filter(|change| !other.changes().contains(change))
            .map(path)
            .collect()
    };
    let mut diagnostic = wrong(format!(
        "the stored schema diff of `{name}` is not what the migration does"
    ));
    for (what, changes) in [
        ("stored, but not done", only_in(stored, actual)),
        ("done, but not stored", only_in(actual, stored)),
    ] {
        if !changes.is_empty() {
            diagnostic = diagnostic.note(format!("{what}: {}", changes.join("; ")));
        }
    }
    finding(diagnostic)
}

/// `table public.t: indexes.i`
fn path(change: &Change) -> String {
    if change.path.is_empty() {
        change.object.to_string()
    } else {
        format!("{}: {}", change.object, change.path.join("."))
    }
}

/// Whether a fresh database has the expected schema.
#[must_use]
pub fn expected(expected: &Snapshot, live: &Snapshot, folder: &str) -> Option<Finding> {
    let difference = Diff::between(expected, live);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::UNEXPECTED_SCHEMA,
            format!("the migrations do not make the schema that `{folder}` expects"),
        )
        .help("if what they make is what was meant, `segue check --write` writes that down");
        Finding::new(Step::Expected, diagnostic)
            .with_difference(difference, ["expected", "made by the migrations"])
            .about(folder)
    })
}

/// There is an expected schema, but not for this major version.
#[must_use]
pub fn no_expected(major: u32, there: &[u32], folder: &str) -> Finding {
    let diagnostic = Diagnostic::new(
        code::MISSING_EXPECTED_SCHEMA,
        format!("`{folder}` has nothing for PostgreSQL {major}"),
    );
    let diagnostic = match there {
        [] => diagnostic,
        there => diagnostic.note(format!("it has {}", list(there))),
    };
    let diagnostic = diagnostic.help("`segue check --write` writes it");
    Finding::new(Step::Expected, diagnostic).about(folder)
}

/// An expected schema for a major version that is not listed.
#[must_use]
pub fn unlisted_schema(major: u32, folder: &str) -> Finding {
    let diagnostic = Diagnostic::new(
        code::UNLISTED_MAJOR,
        format!("`{folder}` is for PostgreSQL {major}, which `majors` in segue.toml does not list"),
    );
    let diagnostic = diagnostic.help("list it, or remove the folder");
    Finding::new(Step::Files, diagnostic).about(folder)
}

/// Parts of stored diffs for major versions that are not listed.
pub fn unlisted_diffs(migrations: &[Migration], listed: &[u32]) -> impl Iterator<Item = Finding> {
    migrations.iter().filter_map(|migration| {
        let parts = parts(migration);
        let unlisted: Vec<&u32> = parts.keys().filter(|one| !listed.contains(one)).collect();
        if unlisted.is_empty() {
            return None;
        }
        let diagnostic = Diagnostic::new(
            code::UNLISTED_MAJOR,
            format!(
                "the stored schema diff of `{}` has a part for PostgreSQL {}, which `majors` in segue.toml does not list",
                migration.name,
                list(unlisted)
            ),
        );
        let diagnostic = place(migration, diagnostic, "not proved for that version");
        Some(Finding::new(Step::Files, diagnostic))
    })
}

/// What a second run may not do: change the schema.
#[must_use]
pub fn again(before: &Snapshot, after: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(before, after);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::SECOND_UP,
            "a second `segue up` had nothing to do, and the schema is another one after it",
        )
        .note("something in the database changes the schema by itself: an event trigger, or a job");
        Finding::new(Step::Again, diagnostic).with_difference(difference, ["before it", "after it"])
    })
}

/// What a second run may not have: something to do.
#[must_use]
pub fn again_has(left: &[Name]) -> Option<Finding> {
    (!left.is_empty()).then(|| {
        Finding::new(
            Step::Again,
            Diagnostic::new(
                code::SECOND_UP,
                format!("a second `segue up` runs {} again", quoted(left)),
            )
            .note("a migration may have changed segue's own tables"),
        )
    })
}

/// Whether a fresh database is the same without folding.
#[must_use]
pub fn folded(folded: &Snapshot, unfolded: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(folded, unfolded);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::ORDER_MATTERS,
            "a fresh database has another schema where concurrent migrations run by themselves",
        )
        .note("folded into the transaction, each runs in its place by name; by themselves they run after migrations with later names, unless those end them");
        Finding::new(Step::Fresh, diagnostic).with_difference(difference, ["folded", "unfolded"])
    })
}

/// Whether deploying step by step ends where deploying at once does.
#[must_use]
pub fn line(fresh: &Snapshot, line: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(fresh, line);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::ORDER_MATTERS,
            "a database that was deployed step by step has another schema than a fresh one",
        )
        .note("deployed at once, concurrent migrations that are not folded run after migrations with later names, unless those end them");
        Finding::new(Step::Splits, diagnostic).with_difference(difference, ["deployed at once", "deployed step by step"])
    })
}

/// The schema in which `split` is ready: all that its files make, without what
/// the open migrations change.
///
/// # Errors
/// The finding that a diff cannot be taken away any more, because a later
/// migration has changed what it made.
pub fn ready(
    split: &Split,
    settled: &Snapshot,
    diffs: &BTreeMap<Name, Diff>,
    migrations: &[Migration],
) -> Result<Snapshot, Box<Finding>> {
    let mut snapshot = settled.clone();
    for name in split.open.iter().rev() {
        let Some(diff) = diffs.get(name) else {
            continue;
        };
        if let Err(conflict) = diff.inverse().apply(&mut snapshot) {
            return Err(Box::new(misfit(split, name, &conflict, migrations)));
        }
    }
    Ok(snapshot)
}

fn misfit(split: &Split, name: &Name, conflict: &Conflict, migrations: &[Migration]) -> Finding {
    let what = path(&Change {
        object: conflict.object.clone(),
        path: conflict.path.clone(),
        before: None,
        after: None,
    });
    let diagnostic = Diagnostic::new(
        code::NEEDS_CONCURRENT_MIGRATION,
        format!("a later migration changes what `{name}` makes, and does not wait for it"),
    );
    let diagnostic = with_place_of(name, diagnostic, migrations)
        .note(format!("changed by both: {what}"))
        .note("while the concurrent migration runs, no schema is known to be right");
    Finding::new(
        Step::Splits,
        with_suspects(diagnostic, split, name, migrations),
    )
}

fn with_place_of(name: &Name, diagnostic: Diagnostic, migrations: &[Migration]) -> Diagnostic {
    match migrations.iter().find(|one| one.name == *name) {
        Some(migration) => place(migration, diagnostic, "this one's diff"),
        None => diagnostic,
    }
}

/// Adds which of the later migrations of `split` touch what `name` does.
fn with_suspects(
    diagnostic: Diagnostic,
    split: &Split,
    name: &Name,
    migrations: &[Migration],
) -> Diagnostic {
    let Some(concurrent) = migrations.iter().find(|one| one.name == *name) else {
        return diagnostic;
    };
    let later = migrations[..split.files]
        .iter()
        .filter(|one| one.kind != Kind::Concurrent && one.name > *name && one.meets(concurrent));
    let suspects: Vec<&Name> = later.map(|one| &one.name).collect();
    let which = match suspects.as_slice() {
        [] => "the migration that does".to_owned(),
        [one] => format!("`{one}`"),
        _ => format!("the one of {} that does", quoted(suspects)),
    };
    diagnostic.help(format!(
        "write `-- segue: end-concurrent-migration: {name}` at the top of {which}"
    ))
}

/// Whether the database, ready but without the open migrations, is as the
/// diffs say.
#[must_use]
pub fn at_ready(split: &Split, wanted: &Snapshot, live: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(wanted, live);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::NEEDS_CONCURRENT_MIGRATION,
            format!(
                "deployed before {} has run, later migrations make another schema than the stored diffs tell",
                quoted(&split.open)
            ),
        )
        .note("the deployment would be rolled back, or told as drift")
        .help(format!(
            "a migration that does one thing or another, depending on what it finds, needs `-- segue: end-concurrent-migration: {}`",
            names(&split.open)
        ));
        Finding::new(Step::Splits, diagnostic).with_difference(difference, ["as the stored diffs tell", "as deployed"])
    })
}

/// Whether the schema is the same whether the open migrations ran early or
/// late.
#[must_use]
pub fn at_settled(split: &Split, early: &Snapshot, late: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(early, late);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::ORDER_MATTERS,
            format!(
                "the schema depends on when {} runs, before later migrations or after them",
                quoted(&split.open)
            ),
        )
        .help(format!(
            "the later migration that is the reason needs `-- segue: end-concurrent-migration: {}`",
            names(&split.open)
        ));
        Finding::new(Step::Splits, diagnostic)
            .with_difference(difference, ["run early", "run late"])
    })
}

/// `a.sql, b.sql` as the directive wants it.
fn names(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

/// A migration that failed while the open ones had not run.
///
/// `failed` is the error at its statement; it is in the file `path`.
#[must_use]
pub fn failed_without(split: &Split, failed: &Diagnostic, migrations: &[Migration]) -> Finding {
    let path = failed.source.as_ref().map(|source| source.name());
    let migration = migrations
        .iter()
        .find(|one| Some(one.source.name()) == path);
    let Some(migration) = migration else {
        return Finding::new(Step::Splits, failed.clone());
    };
    let before = |name: &&Name| **name < migration.name;
    let open: Vec<&Name> = split.open.iter().filter(before).collect();
    let meets = |name: &&&Name| {
        let concurrent = migrations.iter().find(|one| one.name == ***name);
        concurrent.is_some_and(|concurrent| migration.meets(concurrent))
    };
    let mut near: Vec<&Name> = open.iter().filter(meets).copied().collect();
    if near.is_empty() {
        near.clone_from(&open);
    }
    if near.is_empty() {
        return Finding::new(Step::Splits, failed.clone());
    }
    let mut diagnostic = failed.clone();
    diagnostic.code = code::NEEDS_CONCURRENT_MIGRATION;
    diagnostic.message = format!(
        "`{}` fails while {} has not run: {}",
        migration.name,
        quoted(near.iter().copied()),
        failed.message
    );
    // Said here, and better: there it is a guess.
    diagnostic
        .helps
        .retain(|help| !help.contains("end-concurrent-migration"));
    let ends = near.iter().map(|name| name.as_str()).collect::<Vec<_>>();
    Finding::new(
        Step::Splits,
        diagnostic.help(format!(
            "write `-- segue: end-concurrent-migration: {}` at the top of the file: it then waits until that is done",
            ends.join(", ")
        )),
    )
}

/// A concurrent migration that failed after later migrations, and did not
/// before them.
#[must_use]
pub fn failed_late(
    split: &Split,
    name: &Name,
    failed: &Diagnostic,
    migrations: &[Migration],
) -> Finding {
    let mut diagnostic = failed.clone();
    diagnostic.code = code::NEEDS_CONCURRENT_MIGRATION;
    diagnostic.message = format!(
        "`{name}` fails if later migrations are deployed before it has run: {}",
        failed.message
    );
    Finding::new(
        Step::Splits,
        with_suspects(diagnostic, split, name, migrations),
    )
}
