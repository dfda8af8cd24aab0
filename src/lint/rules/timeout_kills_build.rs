//! A timeout that the file sets, and that would end a concurrent build.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, ObjectType};

use crate::diagnostic::Severity;
use crate::lint::tree::{command, flag};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "timeout-kills-build",
    severity: Severity::Error,
    page: include_str!("../../../rules/timeout-kills-build.md"),
    halves: &[Kind::Standalone, Kind::Concurrent],
    check,
};

/// Settings by which the server ends a statement or its session.
const TIMEOUTS: [&str; 3] = ["lock_timeout", "statement_timeout", "transaction_timeout"];

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(left) = left_half_way(subject.node) else {
        return Vec::new();
    };
    let set = TIMEOUTS.iter().filter_map(|name| {
        let value = subject.state.setting(name)?;
        is_on(value).then_some((name, value))
    });
    set.map(|(name, value)| {
        subject
            .finding(format!("`{name}` of {value}, which the file sets, may end this half-way"))
            .label(subject.keywords("CONCURRENTLY"), left)
            .help(format!("remove it, or `SET {name} = 0` before this statement: segue watches over how long it waits, and for whom"))
    })
    .collect()
}

/// What a concurrent statement leaves that was ended.
fn left_half_way(node: &NodeEnum) -> Option<&'static str> {
    match node {
        NodeEnum::IndexStmt(create) => create.concurrent.then_some("would leave an invalid index"),
        NodeEnum::DropStmt(drop) => (drop.concurrent
            && drop.remove_type() == ObjectType::ObjectIndex)
            .then_some("would leave an invalid index"),
        NodeEnum::ReindexStmt(reindex) => flag(&reindex.params, "concurrently", false)
            .then_some("would leave a second, invalid index"),
        NodeEnum::AlterTableStmt(alter) => alter
            .cmds
            .iter()
            .filter_map(command)
            .any(|command| {
                command.subtype() == AlterTableType::AtDetachPartition
                    && matches!(
                        command.def.as_deref().and_then(|def| def.node.as_ref()),
                        Some(NodeEnum::PartitionCmd(partition)) if partition.concurrent
                    )
            })
            .then_some("would leave the partition half detached"),
        _ => None,
    }
}

/// Whether a timeout is not zero.
fn is_on(value: &str) -> bool {
    let number = value.trim().trim_start_matches(['0', '.']);
    number.starts_with(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "timeout-kills-build";

    #[test]
    fn a_build_that_would_be_ended() {
        let file = |sql: &str| format!("-- segue: begin-concurrent-migration-with: a.sql\n{sql}");
        check(
            NAME,
            &file("SET lock_timeout = '5s';\nCREATE INDEX CONCURRENTLY i ON t (a)"),
            &["3:14 `lock_timeout` of 5s, which the file sets, may end this half-way"],
        );
        check(
            NAME,
            &file(
                "SELECT set_config('statement_timeout', '1000', false);\nREINDEX INDEX CONCURRENTLY i",
            ),
            &["3:15 `statement_timeout` of 1000, which the file sets, may end this half-way"],
        );
        check(
            NAME,
            &file(
                "SET transaction_timeout = 60000;\nALTER TABLE t DETACH PARTITION p CONCURRENTLY",
            ),
            &["3:34 `transaction_timeout` of 60000, which the file sets, may end this half-way"],
        );
    }

    #[test]
    fn a_build_that_is_left_alone() {
        for sql in [
            "SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a)",
            "SET lock_timeout = '5s'; ALTER TABLE t VALIDATE CONSTRAINT c; RESET lock_timeout; CREATE INDEX CONCURRENTLY i ON t (a)",
            "SET lock_timeout = '5s'; SET lock_timeout = '0ms'; DROP INDEX CONCURRENTLY i",
            "SET LOCAL lock_timeout = '5s'; DROP INDEX CONCURRENTLY i",
            "SET lock_timeout = '5s'; ALTER TABLE t VALIDATE CONSTRAINT c",
            "SET work_mem = '1GB'; CREATE INDEX CONCURRENTLY i ON t (a)",
        ] {
            check(NAME, &format!("-- segue: no-txn\n{sql}"), &[]);
        }
    }
}
