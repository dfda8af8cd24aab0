//! `EXCLUDE` on a table that is in use: its index cannot be built concurrently.

use pg_query::protobuf::ConstrType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{added_constraint, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "exclusion-constraint",
    severity: Severity::Error,
    page: include_str!("../../../rules/exclusion-constraint.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let commands = subject.commands_in_use().into_iter();
    let found = commands.filter_map(|(table, command)| {
        let constraint = added_constraint(command)?;
        (constraint.contype() == ConstrType::ConstrExclusion).then(|| {
            subject
                .finding(format!(
                    "nobody can read or write `{}` while the index of the constraint is built",
                    relation(table)
                ))
                .label(subject.keywords("EXCLUDE"), "takes an ACCESS EXCLUSIVE lock")
                .note("PostgreSQL cannot take an index that was built before for an exclusion constraint")
                .help("make a new table with the constraint and move the rows over, or do it when nobody uses the table")
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "exclusion-constraint";

    #[test]
    fn a_table_in_use() {
        check(
            NAME,
            "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&)",
            &["1:32 nobody can read or write `t` while the index of the constraint is built"],
        );
    }

    #[test]
    fn a_new_table() {
        for sql in [
            "CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&))",
            "CREATE TABLE t (r int4range); ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&)",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
