//! A `CHECK` that is checked of all rows under its lock.

use pg_query::protobuf::{AlterTableType, ConstrType, Constraint, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::ConstraintKind;
use crate::lint::tree::{added_column, added_constraint, of_kind, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "check-not-valid",
    severity: Severity::Error,
    page: include_str!("../../../rules/check-not-valid.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, command) in subject.commands_in_use() {
        let added = added_constraint(command)
            .into_iter()
            .filter(|constraint| constraint.contype() == ConstrType::ConstrCheck);
        let of_column = added_column(command).into_iter();
        let of_column = of_column.flat_map(|column| of_kind(column, ConstrType::ConstrCheck));
        findings.extend(
            added
                .chain(of_column)
                .filter(|constraint| !constraint.skip_validation && constraint.initially_valid)
                .map(|constraint| self::added(subject, table, constraint)),
        );
        if command.subtype() == AlterTableType::AtValidateConstraint
            && let Some(known) = subject.state.relation(&relation(table))
            && let Some(constraint) = known.constraints.get(&command.name)
            && matches!(constraint.kind, ConstraintKind::Check { .. })
            && !constraint.is_valid
            && subject.state.is_same_transaction(constraint.made)
        {
            findings.push(
                subject
                    .finding(format!(
                        "`{}` can be neither read nor written while `{}` is validated",
                        relation(table),
                        command.name
                    ))
                    .label(subject.keywords("VALIDATE"), "still holds the lock of `ADD CONSTRAINT`")
                    .help("validate it in a concurrent migration, which begins with `-- segue: begin-concurrent-migration-with: FILE`"),
            );
        }
    }
    findings
}

fn added(subject: &Subject<'_>, table: &RangeVar, constraint: &Constraint) -> Finding {
    subject
        .finding(format!(
            "`{}` can be neither read nor written while each row is checked",
            relation(table)
        ))
        .label(subject.word(constraint.location), "reads the whole table under the strongest lock")
        .help("add it with `NOT VALID`, in a constraint of its own, and `VALIDATE CONSTRAINT` in a concurrent migration")
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "check-not-valid";

    #[test]
    fn all_rows_are_checked() {
        for (sql, at) in [
            ("ALTER TABLE t ADD CHECK (a > 0)", "1:19"),
            ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "1:19"),
            ("ALTER TABLE t ADD COLUMN a int CHECK (a > 0)", "1:32"),
        ] {
            check(
                NAME,
                sql,
                &[&format!(
                    "{at} `t` can be neither read nor written while each row is checked"
                )],
            );
        }
        check(
            NAME,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE t VALIDATE CONSTRAINT c",
            &["2:15 `t` can be neither read nor written while `c` is validated"],
        );
    }

    #[test]
    fn no_row_is_checked() {
        for sql in [
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED",
            "CREATE TABLE t (a int CHECK (a > 0)); ALTER TABLE t ADD CHECK (a < 9)",
            "-- segue: begin-concurrent-migration-with: a.sql\nALTER TABLE t VALIDATE CONSTRAINT c",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
