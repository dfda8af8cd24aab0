//! What is or was taken back, and stands in the way of a run.

use super::View;
use crate::diagnostic::{Diagnostic, code};
use crate::text::Span;

impl View<'_> {
    /// Migrations that are taken back in part: neither what comes before them
    /// nor what comes after them can be run.
    pub(super) fn half_reverted(&self) -> Vec<Diagnostic> {
        let reverting = self.history.reverting.keys();
        reverting
            .map(|name| {
                let revert = name.revert_file();
                let diagnostic = Diagnostic::new(
                    code::HALF_REVERTED,
                    format!("`{name}` is half taken back: `{revert}` has begun and has not ended"),
                );
                let diagnostic = match self.graph.get(name) {
                    Some(migration) => diagnostic.source(&migration.source),
                    None => diagnostic,
                };
                diagnostic.help(
                    "`segue revert`, with the `--to` that it was begun with, goes on where it stopped",
                )
            })
            .collect()
    }

    /// Migrations, by the ledger, whose files take others back by their names
    /// now.
    pub(super) fn once_migrations(&self) -> Vec<Diagnostic> {
        let applied = self.history.records.keys();
        let files = applied.filter_map(|name| {
            let migration = self.graph.get(&name.reverted()?)?;
            Some((name, migration.revert.as_ref()?))
        });
        files
            .map(|(name, file)| {
                Diagnostic::new(
                    code::NOT_REVERTIBLE,
                    format!("`{name}` was applied as a migration by an older segue"),
                )
                .source(&file.source)
                .label(Span::new(0, 0), "takes another one back by its name now")
                .help("give the file another name: the ledger follows it there")
            })
            .collect()
    }
}
