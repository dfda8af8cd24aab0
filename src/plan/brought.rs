//! Migrations that bring a record of what has been applied, as the dump of a
//! whole database does: where they may stand.

use super::{LedgerOf, Step, View};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::{Bringing, Kind, Migration};
use crate::statement::Brings;

/// The record that `migration` brings when it is applied now.
pub(super) fn brings(view: &View<'_>, migration: &Migration) -> Option<LedgerOf> {
    // In another database it is the record of that one.
    if migration.kind != Kind::Batch || migration.connection.is_some() {
        return None;
    }
    // Tables and rows may come from two files; those of an older dump into the
    // tables that are there are only rows.
    if view.history.ledger.is_none()
        && migration.brings(Brings::LedgerRows).is_some()
        && view
            .pending_batch()
            .take_while(|one| one.name <= migration.name)
            .any(|one| one.brings(Brings::LedgerTables).is_some())
    {
        return Some(LedgerOf::Segue);
    }
    migration.brings(Brings::CoddRows).map(|_| LedgerOf::Codd)
}

/// What is wrong with the place of those that bring segue's own ledger.
pub(super) fn misplaced(view: &View<'_>, batch: &[Step]) -> Vec<Diagnostic> {
    let makers = view.graph.migrations().filter_map(|migration| {
        let is_pending = view.progress(&migration.name).is_open() && migration.connection.is_none();
        let tables = migration.brings(Brings::LedgerTables)?;
        is_pending.then_some((migration, tables))
    });
    let mut first: Option<&Migration> = None;
    let mut diagnostics = Vec::new();
    for (migration, tables) in makers {
        let name = &migration.name;
        let problem = if view.history.ledger.is_some() {
            diagnostic(tables, format!("`{name}` brings segue's own tables, which this database has already"))
                .label(tables.span, "would be made a second time")
                .help("leave them out: `pg_dump --exclude-schema=segue`")
                .help(format!("where it is for fresh databases only, `segue adopt --up-to {name} --write` records it, and all before it, as applied here"))
        } else if migration.kind != Kind::Batch {
            diagnostic(
                tables,
                format!("`{name}` brings segue's own tables, and runs outside a transaction block"),
            )
            .label(tables.span, "they have to come with all that they speak of")
            .help("remove `no-txn` from its header: a dump runs inside a transaction")
        } else if let Some(first) = first {
            diagnostic(
                tables,
                format!(
                    "`{name}` brings segue's own tables, as `{}` does",
                    first.name
                ),
            )
            .label(tables.span, "would be made a second time")
            .help("leave them out of one of the two: `pg_dump --exclude-schema=segue`")
        } else if !fills(batch) {
            match view.graph.migrations().find(|one| one.brings(Brings::LedgerRows).is_some()) {
                None => diagnostic(tables, format!("`{name}` brings segue's own tables without their rows"))
                    .label(tables.span, "nobody could tell what has been applied")
                    .help("dump their rows too, or leave the tables out: `pg_dump --exclude-schema=segue`"),
                Some(_) => diagnostic(tables, format!("`{name}` brings segue's own tables after what needs them"))
                    .label(tables.span, "comes too late")
                    .note("each transaction of the batch and each `no-txn` file is recorded there")
                    .help("give it a name before those of the migrations that are committed before it, or leave the tables out: `pg_dump --exclude-schema=segue`"),
            }
        } else {
            first = Some(migration);
            continue;
        };
        diagnostics.push(problem);
    }
    let codd = view.pending_batch().filter_map(|migration| {
        let rows = migration.brings(Brings::CoddRows)?;
        (migration.kind != Kind::Batch && migration.connection.is_none())
            .then_some((&migration.name, rows))
    });
    diagnostics.extend(codd.map(|(name, rows)| {
        diagnostic(
            rows,
            format!("`{name}` brings codd's table, and runs outside a transaction block"),
        )
        .label(
            rows.span,
            "what it says is taken over in the same transaction",
        )
        .help("remove `no-txn` from its header: a dump runs inside a transaction")
    }));
    diagnostics
}

fn diagnostic(bringing: &Bringing, message: String) -> Diagnostic {
    Diagnostic::new(code::BRINGS_LEDGER, message).source(&bringing.source)
}

/// Whether the ledger comes with the first transaction.
fn fills(batch: &[Step]) -> bool {
    matches!(batch.first(), Some(Step::Block(block)) if block.brings == Some(LedgerOf::Segue))
}
