//! A backfill by the physical place whose statement does a row another time.

use std::collections::BTreeSet;

use pg_query::protobuf::{CmdType, InsertStmt, RangeVar};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use crate::backfill::Key;
use crate::diagnostic::Severity;
use crate::lint::tree::{assigned, columns_read, relation, with_queries};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "backfill-not-idempotent",
    severity: Severity::Error,
    page: include_str!("../../../rules/backfill-not-idempotent.md"),
    halves: &[Kind::Concurrent],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let backfill = subject.file.backfill.as_ref();
    let Some(backfill) = backfill.filter(|one| one.key == Key::Ctid) else {
        return Vec::new();
    };
    let table = &backfill.table;
    let mut found = Vec::new();
    for node in with_queries(subject.node) {
        match node {
            NodeEnum::UpdateStmt(update) => {
                let condition = update.where_clause.as_deref();
                let own = update.relation.as_ref();
                let sets = Sets::of(&update.target_list, condition, own);
                found.extend(sets.finding(subject, table));
            }
            NodeEnum::MergeStmt(merge) => {
                for clause in &merge.merge_when_clauses {
                    if let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node
                        && clause.command_type() == CmdType::CmdUpdate
                    {
                        let condition = clause.condition.as_deref();
                        let own = merge.relation.as_ref();
                        let sets = Sets::of(&clause.target_list, condition, own);
                        found.extend(sets.finding(subject, table));
                    }
                }
            }
            NodeEnum::InsertStmt(insert) => found.extend(inserted(subject, insert, table)),
            _ => {}
        }
    }
    found
}

/// The assignments of a statement.
struct Sets {
    /// A column that is set, and read by what is assigned; and where that
    /// stands.
    read: Option<(String, i32)>,
    /// Whether the condition reads a column that is set.
    is_guarded: bool,
}

impl Sets {
    fn of(targets: &[Node], condition: Option<&Node>, table: Option<&RangeVar>) -> Self {
        let names: Vec<&str> = table.map_or_else(Vec::new, |table| {
            let alias = table.alias.as_ref().map(|alias| alias.aliasname.as_str());
            vec![alias.unwrap_or(&table.relname)]
        });
        let set: BTreeSet<&str> = assigned(targets)
            .map(|target| target.name.as_str())
            .collect();
        let reads = |node: &Node| {
            columns_read(node, Some(&names))
                .into_iter()
                .find(|name| set.contains(name.as_str()))
        };
        let mut values = assigned(targets)
            .filter_map(|target| Some((reads(target.val.as_deref()?)?, target.location)));
        Self {
            read: values.next(),
            is_guarded: condition.and_then(reads).is_some(),
        }
    }

    fn finding(self, subject: &Subject<'_>, table: &RelationName) -> Option<Finding> {
        let (column, at) = self.read.filter(|_| !self.is_guarded)?;
        Some(
            told(subject, table)
                .label(
                    subject.word(at),
                    format!("is made from `{column}`, which is another one then"),
                )
                .help(format!("add a condition that a row meets only once, on `{column}` or another column that is set"))
                .help("or count the rows off by a key: then each is done exactly once"),
        )
    }
}

/// Rows that would come twice.
fn inserted(subject: &Subject<'_>, insert: &InsertStmt, table: &RelationName) -> Option<Finding> {
    let into = insert.relation.as_ref()?;
    let Some(NodeEnum::SelectStmt(select)) = &insert.select_stmt.as_deref()?.node else {
        return None;
    };
    if insert.on_conflict_clause.is_some() || !select.values_lists.is_empty() {
        return None;
    }
    // What a DELETE hands on is gone; a query that reads its target most likely
    // asks whether the row is there.
    let tree = serde_json::to_value(select).unwrap_or_default();
    let with = serde_json::to_value(&insert.with_clause).unwrap_or_default();
    let is_moved = [&tree, &with].iter().any(|tree| holds(tree, "DeleteStmt"));
    if is_moved || reads_table(&tree, &into.relname) {
        return None;
    }
    Some(
        told(subject, table)
            .label(
                subject.word(into.location),
                format!("would get it twice: `{}`", relation(into)),
            )
            .help("add `ON CONFLICT … DO NOTHING`, with a unique index that tells the rows apart")
            .help("or count the rows off by a key: then each is done exactly once"),
    )
}

fn told(subject: &Subject<'_>, table: &RelationName) -> Finding {
    subject.finding(format!(
        "a row of `{table}` that moves may be done twice by `ctid`, which is not the same as once"
    ))
}

/// Whether a node of this kind is in a tree.
fn holds(tree: &Value, kind: &str) -> bool {
    match tree {
        Value::Array(trees) => trees.iter().any(|tree| holds(tree, kind)),
        Value::Object(fields) => {
            fields.contains_key(kind) || fields.values().any(|tree| holds(tree, kind))
        }
        _ => false,
    }
}

fn reads_table(tree: &Value, name: &str) -> bool {
    match tree {
        Value::Array(trees) => trees.iter().any(|tree| reads_table(tree, name)),
        Value::Object(fields) => {
            fields.get("relname").and_then(Value::as_str) == Some(name)
                || fields.values().any(|tree| reads_table(tree, name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "backfill-not-idempotent";

    #[track_caller]
    fn by(key: &str, sql: &str, expected: &[&str]) {
        let header = format!(
            "-- segue: begin-concurrent-migration-with: a.sql\n-- segue: backfill: t by {key}\n"
        );
        check(NAME, &format!("{header}{sql}"), expected);
    }

    const ROWS: &str = "ctid > :lower AND ctid <= :upper";

    const SAID: &str =
        "a row of `t` that moves may be done twice by `ctid`, which is not the same as once";

    #[test]
    fn what_makes_a_difference_another_time() {
        for (at, sql) in [
            ("3:14", "UPDATE t SET n = n + 1 WHERE "),
            ("3:16", "UPDATE t x SET d = x.d || 'a' WHERE "),
            ("3:15", "UPDATE t SET (a, b) = (b, a) WHERE "),
            ("3:14", "UPDATE t SET a = b, b = 1 WHERE "),
            ("3:13", "INSERT INTO log SELECT id FROM t WHERE "),
            (
                "3:25",
                "WITH u AS (UPDATE t SET n = n + 1 WHERE id = 1) SELECT FROM t WHERE ",
            ),
            (
                "3:136",
                "MERGE INTO t USING (SELECT id FROM t WHERE ctid > :lower AND ctid <= :upper) s ON s.id = t.id WHEN MATCHED AND ",
            ),
        ] {
            let rows = if sql.starts_with("MERGE") {
                "t.a > 0 THEN UPDATE SET n = n + 1"
            } else {
                ROWS
            };
            by("ctid", &format!("{sql}{rows}"), &[&format!("{at} {SAID}")]);
        }
    }

    #[test]
    fn what_is_the_same_each_time() {
        for sql in [
            "UPDATE t SET a = lower(b) WHERE ",
            "UPDATE t SET a = s.a FROM s WHERE s.id = t.id AND ",
            "UPDATE t SET n = n + 1, done = true WHERE NOT done AND ",
            "DELETE FROM t WHERE ",
            "WITH s AS (SELECT id FROM t) INSERT INTO log SELECT id FROM s ON CONFLICT DO NOTHING -- ",
            "INSERT INTO log SELECT id FROM t WHERE NOT EXISTS (SELECT FROM log l WHERE l.id = t.id) AND ",
            "WITH gone AS (DELETE FROM t WHERE ctid = '(0,1)' RETURNING id) INSERT INTO log SELECT id FROM gone -- ",
            "SELECT f(id) FROM t WHERE ",
        ] {
            by("ctid", &format!("{sql}{ROWS}"), &[]);
        }
        // By a key each row is done once.
        by(
            "id",
            "UPDATE t SET n = n + 1 WHERE id > :lower AND id <= :upper",
            &[],
        );
    }
}
