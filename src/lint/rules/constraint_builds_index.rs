//! `ADD PRIMARY KEY` or `UNIQUE` that builds its index itself.

use pg_query::protobuf::{ConstrType, Constraint, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{added_column, added_constraint, constraint, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "constraint-builds-index",
    severity: Severity::Error,
    page: include_str!("../../../rules/constraint-builds-index.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, command) in subject.commands_in_use() {
        let added = added_constraint(command).into_iter();
        let of_column = added_column(command).map(|column| column.constraints.as_slice());
        let of_column = of_column.unwrap_or_default().iter().filter_map(constraint);
        for constraint in added.chain(of_column) {
            findings.extend(builds(subject, table, constraint));
        }
    }
    findings
}

fn builds(subject: &Subject<'_>, table: &RangeVar, constraint: &Constraint) -> Option<Finding> {
    let (words, help) = match constraint.contype() {
        _ if !constraint.indexname.is_empty() => return None,
        ConstrType::ConstrPrimary => (
            "primary key",
            "build a unique index with `CREATE UNIQUE INDEX CONCURRENTLY` in a concurrent migration; a later file with `-- segue: end-concurrent-migration: FILE` makes it the key by `ADD PRIMARY KEY USING INDEX`",
        ),
        ConstrType::ConstrUnique => (
            "unique constraint",
            "build a unique index with `CREATE UNIQUE INDEX CONCURRENTLY` in a concurrent migration; it rejects duplicates as the constraint does, and `ADD CONSTRAINT … UNIQUE USING INDEX` can make it one later",
        ),
        _ => return None,
    };
    let table = relation(table);
    let finding = subject
        .finding(format!(
            "`{table}` can be neither read nor written while the index of this {words} is built"
        ))
        .label(
            subject.word(constraint.location),
            "builds an index under the strongest lock",
        );
    Some(finding.help(help))
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "constraint-builds-index";

    #[test]
    fn an_index_under_a_lock() {
        for (sql, expected) in [
            (
                "ALTER TABLE t ADD PRIMARY KEY (a)",
                "1:19 `t` can be neither read nor written while the index of this primary key is built",
            ),
            (
                "ALTER TABLE app.t ADD COLUMN b int, ADD CONSTRAINT u UNIQUE (a)",
                "1:41 `app.t` can be neither read nor written while the index of this unique constraint is built",
            ),
            (
                "ALTER TABLE t ADD COLUMN b int UNIQUE",
                "1:32 `t` can be neither read nor written while the index of this unique constraint is built",
            ),
        ] {
            check(NAME, sql, &[expected]);
        }
    }

    #[test]
    fn an_index_that_is_there_or_costs_nothing() {
        for sql in [
            "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i",
            "ALTER TABLE t ADD CONSTRAINT u PRIMARY KEY USING INDEX i",
            "CREATE TABLE t (a int); ALTER TABLE t ADD PRIMARY KEY (a)",
            "CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE)",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
            "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
