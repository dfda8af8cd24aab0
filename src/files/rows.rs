//! `NAME.rows.sql`: rows that `segue check` tries the backfill `NAME.sql` on.
//! Such a file is no migration.

use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::text::{Source, nearest};

/// What its name ends in.
pub(super) const ENDING: &str = ".rows.sql";

/// Gives each file to its backfill; what is wrong with those that have none.
pub(super) fn assign(mut paths: Vec<PathBuf>, migrations: &mut [Migration]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    paths.sort();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let owner = format!("{}.sql", file.trim_end_matches(ENDING));
        let is_owner = |one: &&mut Migration| one.name.as_str() == owner;
        let found = migrations.iter_mut().find(is_owner);
        let (label, help) = match found {
            Some(migration) if migration.backfill.is_some() => {
                migration.rows = Some(path);
                continue;
            }
            Some(_) => (
                format!("`{owner}` is no backfill"),
                "remove it, or rename it if it is a migration".to_owned(),
            ),
            None => {
                let backfills = migrations.iter().filter(|one| one.backfill.is_some());
                let names: Vec<&str> = backfills.map(|one| one.name.as_str()).collect();
                let near = nearest(&owner, names);
                let help = near.map_or_else(
                    || "remove it, or rename it if it is a migration".to_owned(),
                    |near| {
                        let stem = near.trim_end_matches(".sql");
                        format!("did you mean `{stem}{ENDING}`?")
                    },
                );
                (format!("there is no `{owner}`"), help)
            }
        };
        diagnostics.push(
            Diagnostic::new(
                code::ROWS_OF_NOTHING,
                format!("`{file}` holds the rows of a backfill by its name"),
            )
            .source(&Arc::new(Source::new(path.display().to_string(), "")))
            .note(label)
            .help(help),
        );
    }
    diagnostics
}
