//! `NAME.revert.sql`: the file that takes `NAME.sql` back. Such a file is no
//! migration, and runs by `segue revert` alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Error, Found, header, in_parallel};
use crate::diagnostic::{Diagnostic, code};
use crate::directive;
use crate::migration::{Migration, Name};
use crate::text::{Source, Span, Variables, nearest};

/// Reads each file and gives it to its migration; what is wrong with those
/// that have none. What is wrong with a file itself is kept in it.
///
/// # Errors
/// The first file that cannot be read.
pub(super) fn assign(
    mut found: Vec<Found>,
    migrations: &mut [Migration],
    environment: &Variables,
) -> Result<Vec<Diagnostic>, Error> {
    let mut diagnostics = Vec::new();
    let mut reverts: BTreeMap<Name, Found> = BTreeMap::new();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    for one in found {
        let file = one.path.file_name().unwrap_or_default().to_string_lossy();
        let name = Name::new(&file);
        let owner = name.reverted();
        if owner.is_none_or(|owner| !migrations.iter().any(|one| one.name == owner)) {
            diagnostics.push(of_nothing(&one, &name, migrations));
            continue;
        }
        if let Some(first) = reverts.get(&name) {
            diagnostics.push(
                Diagnostic::new(code::DUPLICATE_NAME, format!("`{name}` is in two folders"))
                    .note(format!("`{}`", first.path.display()))
                    .note(format!("`{}`", one.path.display()))
                    .help("remove the one that does not take the migration back"),
            );
        }
        reverts.insert(name, one);
    }
    let reverts: Vec<(Name, Found)> = reverts.into_iter().collect();
    for result in in_parallel(&reverts, |(name, found)| {
        header::read(name, &found.path, found.embedded, environment)
    }) {
        let mut revert = match result? {
            Ok(revert) => revert,
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                continue;
            }
        };
        let is_owner = |one: &&mut Migration| Some(&one.name) == revert.name.reverted().as_ref();
        if let Some(migration) = migrations.iter_mut().find(is_owner) {
            revert.problems.extend(misplaced(&revert, migration));
            migration.revert = Some(Arc::new(revert));
        }
    }
    Ok(diagnostics)
}

/// The file at `path` as the one that takes `migration` back.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read(
    migration: &Migration,
    path: &Path,
    environment: &Variables,
) -> Result<Result<Migration, Box<Diagnostic>>, Error> {
    let name = migration.name.revert_file();
    let read = header::read(&name, path, None, environment)?;
    Ok(read.map(|mut revert| {
        revert.problems.extend(misplaced(&revert, migration));
        revert
    }))
}

/// A file without its migration.
fn of_nothing(found: &Found, name: &Name, migrations: &[Migration]) -> Diagnostic {
    let shown = name.as_str();
    let owner = name.reverted().unwrap_or_else(|| name.clone());
    let names = migrations.iter().map(|one| one.name.as_str());
    let help = nearest(owner.as_str(), names).map_or_else(
        || "remove it, or rename it if it is a migration".to_owned(),
        |near| format!("did you mean `{}`?", Name::new(near).revert_file()),
    );
    Diagnostic::new(
        code::REVERTS_NOTHING,
        format!("`{shown}` takes a migration back by its name"),
    )
    .source(&Arc::new(Source::new(found.path.display().to_string(), "")))
    .note(format!("there is no `{owner}`"))
    .help(help)
}

/// What only a migration can say.
fn misplaced(revert: &Migration, migration: &Migration) -> Vec<Diagnostic> {
    let (directives, _) = directive::parse(&revert.source);
    let mut found: Vec<(Span, &str)> = Vec::new();
    found.extend(
        directives
            .begin_with
            .iter()
            .map(|one| (one.span, "`begin-concurrent-migration-with`")),
    );
    found.extend(
        directives
            .end
            .iter()
            .take(1)
            .map(|one| (one.span, "`end-concurrent-migration`")),
    );
    found.extend(
        directives
            .backfill
            .iter()
            .map(|one| (one.span, "`backfill`")),
    );
    found.extend(
        directives
            .schema_diff
            .iter()
            .map(|one| (one.span, "a schema diff")),
    );
    found.extend(
        directives
            .schema_version
            .iter()
            .map(|one| (one.span, "`schema-version`")),
    );
    found.extend(
        directives
            .connection
            .iter()
            .map(|one| (one.span, "`connection`")),
    );
    let misplaced = |(span, what): (Span, &str)| {
        Diagnostic::new(
            code::REVERT_DIRECTIVE,
            format!("{what} is for migrations, and `{}` is none", revert.name),
        )
        .source(&revert.source)
        .label(
            span,
            format!("of a file that takes `{}` back", migration.name),
        )
        .help(
            "remove it: such a file runs in a transaction, or statement by statement with `no-txn`",
        )
    };
    found.into_iter().map(misplaced).collect()
}
