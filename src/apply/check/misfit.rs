//! A stored schema diff that does not fit the expected schema, in words.

use crate::diagnostic::{Diagnostic, code};
use crate::graph::Graph;
use crate::history::{History, State};
use crate::verify::{Misfit, interference};

/// What does not fit where, and who may be the reason.
pub(super) fn diagnostic(misfit: &Misfit, graph: &Graph, history: &History) -> Diagnostic {
    let Misfit { name, conflict } = misfit;
    let mut diagnostic = Diagnostic::new(
        code::SCHEMA_DIFF_MISFIT,
        format!("the schema diff of `{name}` does not fit the expected schema: {conflict}"),
    );
    if let Some(migration) = graph.get(name) {
        diagnostic = diagnostic.source(&migration.source);
    }
    let suspects = interference::suspects(graph, history, name);
    let is_pending = suspects.iter().any(|suspect| {
        let record = history.records.get(suspect);
        record.is_none_or(|record| record.state != State::Applied)
    });
    let named: Vec<String> = suspects
        .iter()
        .take(3)
        .map(|one| format!("`{one}`"))
        .collect();
    if !named.is_empty() {
        let state = if is_pending {
            "pending"
        } else {
            "applied last"
        };
        diagnostic = diagnostic.note(format!(
            "a migration with an earlier name may interfere; {state}, with an earlier name: {}",
            named.join(", ")
        ));
    }
    diagnostic.help(format!(
        "give the migration that interferes a later name than `{name}`, or write the diff and the expected schema anew with `segue add`"
    ))
}
