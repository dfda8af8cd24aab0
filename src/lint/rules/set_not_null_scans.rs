//! `SET NOT NULL` that has to read the whole table first.

use std::collections::BTreeSet;

use pg_query::protobuf::{AlterTableCmd, AlterTableType, ConstrType, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{added_column, added_constraint, relation, strings};
use crate::lint::{Finding, Rule, Subject};
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "set-not-null-scans",
    severity: Severity::Error,
    page: include_str!("../../../rules/set-not-null-scans.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let commands = subject.commands_in_use();
    // One that the same statement adds is filled as the definition says, which
    // proves nothing, but is looked at in one pass with all else.
    let added: BTreeSet<&str> = commands
        .iter()
        .filter_map(|(_, command)| added_column(command))
        .map(|column| column.colname.as_str())
        .collect();
    let mut findings = Vec::new();
    for (table, command) in &commands {
        for column in demanded(subject, table, command) {
            if !added.contains(column.as_str()) && !is_proven(subject, table, &column) {
                findings.push(finding(subject, table, command, &column));
            }
        }
    }
    findings
}

/// The columns that a command makes not null.
fn demanded(subject: &Subject<'_>, table: &RangeVar, command: &AlterTableCmd) -> Vec<String> {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    if command.subtype() == AlterTableType::AtSetNotNull {
        return vec![command.name.clone()];
    }
    let Some(constraint) = added_constraint(command) else {
        return Vec::new();
    };
    match constraint.contype() {
        ConstrType::ConstrNotnull if !constraint.skip_validation => {
            owned(strings(&constraint.keys))
        }
        // Without USING INDEX the index is what takes long, and another rule's.
        ConstrType::ConstrPrimary if !constraint.indexname.is_empty() => {
            let index = RelationName {
                namespace: relation(table).namespace,
                name: constraint.indexname.clone(),
            };
            let known = subject.state.relation(&index);
            known.map_or_else(Vec::new, |known| known.index_columns.clone())
        }
        _ => Vec::new(),
    }
}

fn is_key(command: &AlterTableCmd) -> bool {
    added_constraint(command)
        .is_some_and(|constraint| constraint.contype() == ConstrType::ConstrPrimary)
}

fn is_proven(subject: &Subject<'_>, table: &RangeVar, column: &str) -> bool {
    let known = subject.state.relation(&relation(table));
    known.is_some_and(|known| {
        known.proves_not_null(column)
            || known
                .columns
                .get(column)
                .is_some_and(|column| column.is_not_null)
    })
}

fn finding(
    subject: &Subject<'_>,
    table: &RangeVar,
    command: &AlterTableCmd,
    column: &str,
) -> Finding {
    let name = relation(table);
    let place = match command.subtype() {
        AlterTableType::AtSetNotNull => subject.keywords_of(column, "SET NOT NULL"),
        _ if is_key(command) => subject.keywords("PRIMARY KEY"),
        _ => subject.keywords("NOT NULL"),
    };
    subject
        .finding(format!(
            "`{name}` can be neither read nor written while all of it is searched for a null in `{column}`"
        ))
        .label(place, "reads the whole table under the strongest lock")
        .help(format!(
            "first `ADD CONSTRAINT … CHECK ({column} IS NOT NULL) NOT VALID`, then `VALIDATE CONSTRAINT` in a concurrent migration; a later file with `-- segue: end-concurrent-migration: FILE` does `SET NOT NULL`, which then reads nothing, and drops the check"
        ))
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::{check, check_files};

    const NAME: &str = "set-not-null-scans";

    #[test]
    fn a_column_of_an_old_table() {
        let expected = |at: &str| {
            format!(
                "{at} `t` can be neither read nor written while all of it is searched for a null in `a`"
            )
        };
        check(
            NAME,
            "ALTER TABLE t ALTER a SET NOT NULL",
            &[&expected("1:23")],
        );
        check(
            NAME,
            "ALTER TABLE t ADD CONSTRAINT n NOT NULL a",
            &[&expected("1:32")],
        );
        check(
            NAME,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;\nALTER TABLE t ALTER a SET NOT NULL",
            &[&expected("2:23")],
        );
        check(
            NAME,
            "ALTER TABLE t ALTER ab DROP NOT NULL, ALTER COLUMN \"a\" SET NOT NULL",
            &[&expected("1:56")],
        );
        check(
            NAME,
            "ALTER TABLE t ADD COLUMN a int;\nALTER TABLE t ALTER a SET NOT NULL",
            &[&expected("2:23")],
        );
        check(
            NAME,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL OR b) NOT VALID, VALIDATE CONSTRAINT c;\nALTER TABLE t ALTER a SET NOT NULL",
            &[&expected("2:23")],
        );
        check(
            NAME,
            "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0;\nALTER TABLE t ALTER a DROP NOT NULL;\nALTER TABLE t ALTER a SET NOT NULL",
            &[&expected("3:23")],
        );
        check(
            NAME,
            "-- segue: no-txn\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\nALTER TABLE t ADD PRIMARY KEY USING INDEX i",
            &[&expected("3:19")],
        );
    }

    #[test]
    fn what_reads_nothing() {
        for sql in [
            "CREATE TABLE t (a int); ALTER TABLE t ALTER a SET NOT NULL",
            "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0; ALTER TABLE t ALTER a SET NOT NULL",
            "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0",
            "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID",
            "ALTER TABLE t ALTER a DROP NOT NULL",
        ] {
            check(NAME, sql, &[]);
        }
    }

    #[test]
    fn what_was_validated_before_is_known() {
        let files = [
            (
                "a.sql",
                "ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0 AND a IS NOT NULL) NOT VALID",
            ),
            (
                "b.sql",
                "-- segue: begin-concurrent-migration-with: a.sql\nALTER TABLE t VALIDATE CONSTRAINT c",
            ),
            (
                "c.sql",
                "-- segue: end-concurrent-migration: b.sql\nALTER TABLE t ALTER a SET NOT NULL, DROP CONSTRAINT c",
            ),
        ];
        check_files(NAME, &files, Release::Apart, &[]);
        check_files(NAME, &files, Release::Together, &[]);
    }
}
