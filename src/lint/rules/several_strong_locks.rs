//! One transaction that has to have several tables for itself at once.

use pg_query::NodeEnum;
use pg_query::protobuf::ObjectType;

use crate::diagnostic::Severity;
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::{LockMode, RelationName, locks_of};

pub(super) const RULE: Rule = Rule {
    name: "several-strong-locks",
    severity: Severity::Warning,
    page: include_str!("../../../rules/several-strong-locks.md"),
    halves: &[Kind::Batch],
    check,
};

/// With two tables there is often no other way: a foreign key has two.
const TABLES: usize = 3;

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut before: Vec<RelationName> = Vec::new();
    for node in subject.earlier() {
        add(subject, node, &mut before);
    }
    let mut after = before.clone();
    add(subject, subject.node, &mut after);
    // Once for a file, where the number is reached.
    if before.len() >= TABLES || after.len() < TABLES {
        return Vec::new();
    }
    let names: Vec<String> = after.iter().map(|name| format!("`{name}`")).collect();
    let finding = subject
        .finding(format!(
            "one transaction needs {} for itself, all at the same time",
            crate::text::list(&names)
        ))
        .label(subject.whole(), "the third one")
        .help("one file for each table, deployed one after the other; each lock is held until the last one is there, and until the batch commits");
    vec![finding]
}

/// The tables in use that a statement takes an ACCESS EXCLUSIVE lock on.
fn add(subject: &Subject<'_>, node: &NodeEnum, tables: &mut Vec<RelationName>) {
    if is_about_another_kind(node) {
        return;
    }
    for (name, lock) in locks_of(node).0 {
        if lock == LockMode::AccessExclusive
            && !subject.state.is_new(&name)
            && !tables.iter().any(|one| one.may_be(&name))
        {
            tables.push(name);
        }
    }
}

/// Whether it is indexes or views that a statement locks: who reads those has
/// their tables as well.
fn is_about_another_kind(node: &NodeEnum) -> bool {
    let is_table = |kind| {
        matches!(
            kind,
            ObjectType::ObjectTable | ObjectType::ObjectForeignTable
        )
    };
    match node {
        NodeEnum::DropStmt(drop) => matches!(
            drop.remove_type(),
            ObjectType::ObjectIndex
                | ObjectType::ObjectView
                | ObjectType::ObjectMatview
                | ObjectType::ObjectSequence
        ),
        NodeEnum::RenameStmt(rename) => !matches!(
            rename.rename_type(),
            ObjectType::ObjectTable | ObjectType::ObjectColumn | ObjectType::ObjectTabconstraint
        ),
        NodeEnum::AlterTableStmt(alter) => !is_table(alter.objtype()),
        NodeEnum::ReindexStmt(_) | NodeEnum::RefreshMatViewStmt(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "several-strong-locks";

    #[test]
    fn three_tables() {
        check(
            NAME,
            "ALTER TABLE a ADD x int; ALTER TABLE s.b ADD x int; DROP TABLE a;\nTRUNCATE c; TRUNCATE d",
            &["2:1 one transaction needs `a`, `s.b` and `c` for itself, all at the same time"],
        );
    }

    #[test]
    fn fewer_or_weaker() {
        for sql in [
            "ALTER TABLE a ADD x int; ALTER TABLE b ADD x int; CREATE TABLE c (a int); ALTER TABLE c ADD x int",
            "ALTER TABLE a ADD x int; ALTER TABLE b ADD x int; CREATE INDEX ON c (a)",
            "DROP INDEX a; DROP INDEX b; DROP INDEX c; DROP VIEW v, w; ALTER INDEX i RENAME TO j",
            "-- segue: no-txn\nTRUNCATE a; TRUNCATE b; TRUNCATE c",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
