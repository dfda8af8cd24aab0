//! A backfill of a column that new code writes already.

use pg_query::protobuf::{CmdType, RangeVar};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::tree::{assigned, columns, relation, with_queries};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "backfill-overwrites",
    severity: Severity::Warning,
    page: include_str!("../../../rules/backfill-overwrites.md"),
    halves: &[Kind::Concurrent],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.file.backfill.is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for node in with_queries(subject.node) {
        match node {
            NodeEnum::UpdateStmt(update) => {
                if let Some(table) = &update.relation {
                    found.extend(overwritten(subject, table, &update.target_list));
                }
            }
            NodeEnum::MergeStmt(merge) => {
                for clause in &merge.merge_when_clauses {
                    if let (Some(table), Some(NodeEnum::MergeWhenClause(clause))) =
                        (&merge.relation, &clause.node)
                        && clause.command_type() == CmdType::CmdUpdate
                    {
                        found.extend(overwritten(subject, table, &clause.target_list));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Columns kept in sync both ways that are set whatever they hold.
fn overwritten(subject: &Subject<'_>, table: &RangeVar, sets: &[Node]) -> Vec<Finding> {
    let name = relation(table);
    let synced: Vec<_> = subject.state.syncs(&name).collect();
    let sets = assigned(sets).filter(|set| {
        let mut synced = synced.iter();
        synced.any(|one| one.is_both_ways && one.fills(&set.name))
    });
    sets.filter(|set| !is_asked(subject.node, &set.name))
        .map(|set| {
            subject
                .finding(format!(
                    "column `{}` of `{name}` is kept in sync both ways, and what new code writes there is replaced",
                    set.name
                ))
                .label(
                    subject.word(set.location),
                    "from the old column, whatever it holds",
                )
                .help(format!(
                    "add `AND {} IS NULL`, or compare it with its default: a row that has a value is filled",
                    set.name
                ))
        })
        .collect()
}

/// Whether any condition of the statement, or of a query in it, reads a column
/// of this name.
fn is_asked(node: &NodeEnum, column: &str) -> bool {
    fn asks(tree: &Value, column: &str) -> bool {
        match tree {
            Value::Array(trees) => trees.iter().any(|tree| asks(tree, column)),
            Value::Object(fields) => fields.iter().any(|(name, tree)| {
                let is_condition = matches!(
                    name.as_str(),
                    "where_clause" | "join_condition" | "quals" | "condition"
                );
                (is_condition && reads(tree, column)) || asks(tree, column)
            }),
            _ => false,
        }
    }
    fn reads(tree: &Value, column: &str) -> bool {
        let mut found = Vec::new();
        columns(tree, None, &mut found);
        found.iter().any(|one| one == column)
    }
    let tree = serde_json::to_value(node).unwrap_or_default();
    asks(&tree, column)
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::check_files;

    const NAME: &str = "backfill-overwrites";

    #[track_caller]
    fn check(sync: &str, sql: &str, expected: &[&str]) {
        let partner = format!("ALTER TABLE t ADD b int; SELECT segue.keep_in_sync({sync})");
        let fill = format!(
            "-- segue: begin-concurrent-migration-with: a.sql\n-- segue: backfill: t by id\n{sql}"
        );
        let files = [("a.sql", partner.as_str()), ("b.sql", fill.as_str())];
        check_files(NAME, &files, Release::Together, expected);
    }

    const BOTH: &str = "'t', 'b', 'a', 'a', 'b'";
    const SAID: &str =
        "column `b` of `t` is kept in sync both ways, and what new code writes there is replaced";

    #[test]
    fn what_new_code_has_written() {
        for (at, sql) in [
            (
                "3:14",
                "UPDATE t SET b = a WHERE id > :lower AND id <= :upper",
            ),
            (
                "3:21",
                "UPDATE t SET n = 1, b = coalesce(b, a) WHERE id > :lower AND id <= :upper",
            ),
            (
                "3:120",
                "MERGE INTO t USING (SELECT id FROM t WHERE id > :lower AND id <= :upper) s ON s.id = t.id WHEN MATCHED THEN UPDATE SET b = a",
            ),
        ] {
            check(BOTH, sql, &[&format!("{at} {SAID}")]);
        }
    }

    #[test]
    fn what_leaves_it_as_it_is() {
        for sql in [
            "UPDATE t SET b = a WHERE id > :lower AND id <= :upper AND b IS NULL",
            "UPDATE t x SET b = a WHERE id > :lower AND id <= :upper AND (x.b = 0 OR a > 1)",
            "UPDATE t SET n = a WHERE id > :lower AND id <= :upper",
            "WITH s AS (SELECT id FROM t WHERE b IS NULL AND id > :lower AND id <= :upper) UPDATE t SET b = a FROM s WHERE s.id = t.id",
            "UPDATE t SET b = a FROM (SELECT id FROM t o WHERE o.b IS NULL AND id > :lower AND id <= :upper) s WHERE s.id = t.id",
            "MERGE INTO t USING (SELECT id FROM t WHERE id > :lower AND id <= :upper) s ON s.id = t.id WHEN MATCHED AND t.b IS NULL THEN UPDATE SET b = a",
        ] {
            check(BOTH, sql, &[]);
        }
        let plain = "UPDATE t SET b = a WHERE id > :lower AND id <= :upper";
        check("'t', 'b', 'a'", plain, &[]);
        check("'t', 'b', 'a', NULL, NULL, true", plain, &[]);
        check("'u', 'b', 'a', 'a', 'b'", plain, &[]);
    }
}
