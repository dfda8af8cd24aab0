//! `NAME.check.sql`: queries that must return no row wherever `NAME.sql` is
//! applied. Such a file is no migration.

use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::text::{Source, nearest};

/// What its name ends in.
pub(super) const ENDING: &str = ".check.sql";

/// Gives each file to its migration; what is wrong with those that have none.
pub(super) fn assign(mut paths: Vec<PathBuf>, migrations: &mut [Migration]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    paths.sort();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let owner = format!("{}.sql", file.strip_suffix(ENDING).unwrap_or(&file));
        let is_owner = |one: &&mut Migration| one.name.as_str() == owner;
        if let Some(migration) = migrations.iter_mut().find(is_owner) {
            migration.check = Some(path);
            continue;
        }
        let names = migrations.iter().map(|one| one.name.as_str());
        let help = nearest(&owner, names).map_or_else(
            || "remove it, or rename it if it is a migration".to_owned(),
            |near| {
                format!(
                    "did you mean `{}{ENDING}`?",
                    near.strip_suffix(".sql").unwrap_or(near)
                )
            },
        );
        diagnostics.push(
            Diagnostic::new(
                code::CHECK_OF_NOTHING,
                format!("`{file}` holds the checks of a migration by its name"),
            )
            .source(&Arc::new(Source::new(path.display().to_string(), "")))
            .note(format!("there is no `{owner}`"))
            .help(help),
        );
    }
    diagnostics
}
