//! A table that becomes a partition, and is read from end to end for it.

use pg_query::NodeEnum;
use pg_query::protobuf::AlterTableType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::ConstraintKind;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "attach-partition-scans",
    severity: Severity::Warning,
    page: include_str!("../../../rules/attach-partition-scans.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::AlterTableStmt(alter) = subject.node else {
        return Vec::new();
    };
    let commands = alter.cmds.iter().filter_map(crate::lint::tree::command);
    let attached = commands
        .filter(|command| command.subtype() == AlterTableType::AtAttachPartition)
        .filter_map(|command| match &command.def.as_deref()?.node {
            // Of an index: nothing is read.
            Some(NodeEnum::PartitionCmd(partition)) => {
                partition.bound.as_ref()?;
                partition.name.as_ref()
            }
            _ => None,
        });
    let found = attached.filter_map(|table| {
        if !subject.is_in_use(Some(table)) {
            return None;
        }
        let name = relation(table);
        // One that says what the bounds say spares the scan; whether it does is
        // for the server to prove.
        let has_check = subject.state.relation(&name).is_some_and(|known| {
            known.constraints.values().any(|constraint| {
                constraint.is_valid && matches!(constraint.kind, ConstraintKind::Check { .. })
            })
        });
        (!has_check).then(|| {
            subject
                .finding(format!(
                    "nobody can read or write `{name}` while all of it is checked against the bounds"
                ))
                .label(subject.word(table.location), "takes an ACCESS EXCLUSIVE lock")
                .help("add a CHECK that says what the bounds say, `NOT VALID`, let a concurrent migration validate it, and attach the table in one that ends that")
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::{check, check_files};

    const NAME: &str = "attach-partition-scans";

    #[test]
    fn an_older_table() {
        check(
            NAME,
            "ALTER TABLE p ATTACH PARTITION app.t FOR VALUES IN (1)",
            &[
                "1:32 nobody can read or write `app.t` while all of it is checked against the bounds",
            ],
        );
        check(
            NAME,
            "ALTER TABLE p ATTACH PARTITION t DEFAULT",
            &["1:32 nobody can read or write `t` while all of it is checked against the bounds"],
        );
    }

    #[test]
    fn a_new_table_or_a_proof() {
        for sql in [
            "CREATE TABLE t (LIKE p); ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)",
            "ALTER INDEX i ATTACH PARTITION j",
            "ALTER TABLE p DETACH PARTITION t",
        ] {
            check(NAME, sql, &[]);
        }
        check_files(
            NAME,
            &[
                (
                    "a.sql",
                    "CREATE TABLE t (a int, CHECK (a IS NOT NULL AND a = 1))",
                ),
                (
                    "b.sql",
                    "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)",
                ),
            ],
            Release::Apart,
            &[],
        );
    }
}
