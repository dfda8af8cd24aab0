//! Files that add an enum value and use it: no cut can help, so they are
//! refused before anything runs, where that is certain.

use super::View;
use crate::diagnostic::Diagnostic;
use crate::migration::Kind;

/// What is wrong with pending migrations that use a value of their own.
///
/// From 17 on a value may be used in the transaction that has made its very
/// type, so that after a statement which may have made one nothing is certain:
/// the server tells then.
pub(super) fn own_values(view: &View<'_>) -> Vec<Diagnostic> {
    view.pending_batch()
        .take_while(|migration| {
            let outline = migration.outline.as_ref();
            outline.is_some_and(|outline| !outline.may_make_types)
        })
        .filter(|migration| migration.kind == Kind::Batch)
        .filter_map(|migration| Some((**migration.outline.as_ref()?.own_value.as_ref()?).clone()))
        .collect()
}
