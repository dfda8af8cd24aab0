//! The list of directives: the parser, `segue explain` and the tests read it.

use crate::text::nearest;

/// A directive as the user knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What stands after `-- segue: `, for example `no-txn`.
    pub name: &'static str,
    /// Reference in Markdown: syntax, meaning, examples.
    pub page: &'static str,
    pub(super) kind: Kind,
    pub(super) argument: Argument,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    NoTxn,
    InTxn,
    BeginWith,
    End,
    SchemaDiffBegin,
    SchemaDiffEnd,
    Rerunnable,
    Connection,
    EnvVars,
    Backfill,
    SchemaVersion,
    Allow,
}

/// What follows the name; the text shows its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Needed(&'static str),
}

/// All directives.
pub const TABLE: &[Entry] = &[
    Entry {
        name: "no-txn",
        page: include_str!("../../directives/no-txn.md"),
        kind: Kind::NoTxn,
        argument: Argument::None,
    },
    Entry {
        name: "in-txn",
        page: include_str!("../../directives/in-txn.md"),
        kind: Kind::InTxn,
        argument: Argument::None,
    },
    Entry {
        name: "begin-concurrent-migration-with",
        page: include_str!("../../directives/begin-concurrent-migration-with.md"),
        kind: Kind::BeginWith,
        argument: Argument::Needed("FILE"),
    },
    Entry {
        name: "end-concurrent-migration",
        page: include_str!("../../directives/end-concurrent-migration.md"),
        kind: Kind::End,
        argument: Argument::Needed("FILE[, FILE]"),
    },
    Entry {
        name: "schema-diff-begin",
        page: include_str!("../../directives/schema-diff-begin.md"),
        kind: Kind::SchemaDiffBegin,
        argument: Argument::None,
    },
    Entry {
        name: "schema-diff-end",
        page: include_str!("../../directives/schema-diff-end.md"),
        kind: Kind::SchemaDiffEnd,
        argument: Argument::None,
    },
    Entry {
        name: "rerunnable",
        page: include_str!("../../directives/rerunnable.md"),
        kind: Kind::Rerunnable,
        argument: Argument::None,
    },
    Entry {
        name: "connection",
        page: include_str!("../../directives/connection.md"),
        kind: Kind::Connection,
        argument: Argument::Needed("URL"),
    },
    Entry {
        name: "env-vars",
        page: include_str!("../../directives/env-vars.md"),
        kind: Kind::EnvVars,
        argument: Argument::Needed("NAME[, NAME]"),
    },
    Entry {
        name: "backfill",
        page: include_str!("../../directives/backfill.md"),
        kind: Kind::Backfill,
        argument: Argument::Needed("TABLE by KEY"),
    },
    Entry {
        name: "schema-version",
        page: include_str!("../../directives/schema-version.md"),
        kind: Kind::SchemaVersion,
        argument: Argument::Needed("X.Y.Z"),
    },
    Entry {
        name: "allow",
        page: include_str!("../../directives/allow.md"),
        kind: Kind::Allow,
        argument: Argument::Needed("RULE, REASON"),
    },
];

impl Entry {
    /// The directive of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|entry| entry.name == name)
    }

    /// What stands behind its colon, `FILE` for example; empty if nothing does.
    pub(super) fn form(&self) -> &'static str {
        match self.argument {
            Argument::None => "",
            Argument::Needed(form) => form,
        }
    }

    /// The directive that `name` was probably meant to be.
    pub(super) fn near(name: &str) -> Option<&'static Self> {
        // What other tools call it is too far away by letters.
        let name = name.to_ascii_lowercase().replace("transaction", "txn");
        nearest(&name, TABLE.iter().map(|entry| entry.name)).and_then(Self::named)
    }

    pub(super) fn of(kind: Kind) -> &'static Self {
        let entry = TABLE.iter().find(|entry| entry.kind == kind);
        entry.expect("each kind has its entry, which a test shows")
    }
}

/// The page of a directive, in Markdown.
#[must_use]
pub fn page(name: &str) -> Option<&'static str> {
    Entry::named(name).map(|entry| entry.page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_entry() {
        use Kind::{
            Allow, Backfill, BeginWith, Connection, End, EnvVars, InTxn, NoTxn, Rerunnable,
            SchemaDiffBegin, SchemaDiffEnd, SchemaVersion,
        };
        let kinds = [
            NoTxn,
            InTxn,
            BeginWith,
            End,
            SchemaDiffBegin,
            SchemaDiffEnd,
            Rerunnable,
            Connection,
            EnvVars,
            Backfill,
            SchemaVersion,
            Allow,
        ];
        for kind in kinds {
            assert_eq!(Entry::of(kind).kind, kind);
        }
        assert_eq!(TABLE.len(), kinds.len());
    }
}
