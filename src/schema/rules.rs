//! Which part of a database's schema is the project's: `[schema]` in
//! `segue.toml`.

use super::Snapshot;

/// What to leave out of a snapshot. Applied to every snapshot, of a database or
/// from the expected schema, before it is compared or written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The namespaces that the project owns; empty: all.
    pub namespaces: Vec<String>,
    /// Patterns of what is ignored.
    pub ignore: Vec<String>,
    /// Whether owners matter.
    pub owners: bool,
    /// Whether the order of columns matters.
    pub column_order: bool,
    /// Whether privileges matter.
    pub privileges: bool,
    /// Whether roles matter.
    pub roles: bool,
    /// Whether settings of the database matter.
    pub database_settings: bool,
}

impl Rules {
    /// Leaves out what is not the project's; the rules that matched nothing.
    pub fn apply(&self, snapshot: &mut Snapshot) -> Vec<String> {
        todo!("{snapshot:?}")
    }
}
