//! A foreign key that checks all rows under its lock.

use pg_query::protobuf::{AlterTableType, ConstrType, Constraint, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::{ConstraintKind, RelationKind};
use crate::lint::tree::{added_column, added_constraint, of_kind, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "foreign-key-not-valid",
    severity: Severity::Error,
    page: include_str!("../../../rules/foreign-key-not-valid.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, command) in subject.commands_in_use() {
        if let Some(constraint) = added_constraint(command)
            && constraint.contype() == ConstrType::ConstrForeign
            && !constraint.skip_validation
            && !constraint_is_unenforced(constraint)
        {
            findings.push(added(subject, table, constraint));
        }
        // A column of nulls refers to nothing, which the server knows.
        if let Some(column) = added_column(command)
            && of_kind(column, ConstrType::ConstrDefault).any(has_value)
        {
            findings.extend(
                of_kind(column, ConstrType::ConstrForeign)
                    .map(|constraint| added(subject, table, constraint)),
            );
        }
        if command.subtype() == AlterTableType::AtValidateConstraint
            && let Some(known) = subject.state.relation(&relation(table))
            && let Some(constraint) = known.constraints.get(&command.name)
            && let ConstraintKind::Foreign { target } = &constraint.kind
            && !constraint.is_valid
            && subject.state.is_same_transaction(constraint.made)
        {
            findings.push(
                subject
                    .finding(format!(
                        "`{}` and `{target}` cannot be written while `{}` is validated",
                        relation(table),
                        command.name
                    ))
                    .label(subject.keywords("VALIDATE"), "still holds the locks of `ADD CONSTRAINT`")
                    .help("validate it in a concurrent migration, which begins with `-- segue: begin-concurrent-migration-with: FILE`"),
            );
        }
    }
    findings
}

/// `NOT ENFORCED`, from PostgreSQL 18 on: nothing is checked.
fn constraint_is_unenforced(constraint: &Constraint) -> bool {
    !constraint.is_enforced && !constraint.initially_valid
}

/// Whether a default is anything but null.
fn has_value(default: &Constraint) -> bool {
    use pg_query::NodeEnum;
    let node = default
        .raw_expr
        .as_deref()
        .and_then(|node| node.node.as_ref());
    !matches!(node, Some(NodeEnum::AConst(constant)) if constant.isnull)
}

fn added(subject: &Subject<'_>, table: &RangeVar, constraint: &Constraint) -> Finding {
    let name = relation(table);
    let target = constraint.pktable.as_ref().map(relation);
    let target = target.map_or_else(|| "the other table".to_owned(), |one| format!("`{one}`"));
    let finding = subject
        .finding(format!(
            "`{name}` and {target} cannot be written while each row is looked up"
        ))
        .label(
            subject.word(constraint.location),
            "locks both tables and reads all of this one",
        );
    let known = subject.state.relation(&name);
    if known.is_some_and(|known| known.kind == RelationKind::Partitioned) {
        return finding
            .note("before PostgreSQL 18 a partitioned table takes no `NOT VALID` foreign key; its partitions do, one by one");
    }
    finding.help("add it with `NOT VALID`, in a constraint of its own, and `VALIDATE CONSTRAINT` in a concurrent migration")
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::{check, check_files};

    const NAME: &str = "foreign-key-not-valid";

    #[test]
    fn all_rows_are_looked_up() {
        for (sql, at) in [
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u", "1:19"),
            (
                "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id)",
                "1:19",
            ),
            (
                "ALTER TABLE t ADD COLUMN a int DEFAULT 1 REFERENCES u",
                "1:42",
            ),
        ] {
            check(
                NAME,
                sql,
                &[&format!(
                    "{at} `t` and `u` cannot be written while each row is looked up"
                )],
            );
        }
    }

    #[test]
    fn no_row_is_looked_up() {
        for sql in [
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID",
            "ALTER TABLE t ADD COLUMN a int REFERENCES u",
            "ALTER TABLE t ADD COLUMN a int DEFAULT NULL REFERENCES u",
            "CREATE TABLE t (a int REFERENCES u)",
            "CREATE TABLE t (a int); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u",
            "ALTER TABLE t VALIDATE CONSTRAINT f",
            "-- segue: no-txn\nALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT f",
        ] {
            check(NAME, sql, &[]);
        }
    }

    #[test]
    fn what_validates_in_the_same_transaction_gains_nothing() {
        let added = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID";
        let validated = "ALTER TABLE t VALIDATE CONSTRAINT f";
        let expected = "`t` and `u` cannot be written while `f` is validated";
        check(
            NAME,
            &format!("{added};\n{validated}"),
            &[&format!("2:15 {expected}")],
        );
        let files = [("a.sql", added), ("b.sql", validated)];
        check_files(
            NAME,
            &files,
            Release::Together,
            &[&format!("1:15 {expected}")],
        );
        check_files(NAME, &files, Release::Apart, &[]);
        let concurrent = format!("-- segue: begin-concurrent-migration-with: a.sql\n{validated}");
        check_files(
            NAME,
            &[("a.sql", added), ("b.sql", &concurrent)],
            Release::Together,
            &[],
        );
    }
}
