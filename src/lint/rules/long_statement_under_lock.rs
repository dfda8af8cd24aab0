//! Rows of a whole table changed while a lock keeps everybody out.

use pg_query::protobuf::{BoolExprType, NullTestType, RangeVar};
use pg_query::{Node, NodeEnum};

use crate::diagnostic::Severity;
use crate::lint::tree::{relation, strings};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::{LockMode, RelationName, Stops, locks_of};

pub(super) const RULE: Rule = Rule {
    name: "long-statement-under-lock",
    severity: Severity::Error,
    page: include_str!("../../../rules/long-statement-under-lock.md"),
    halves: &[Kind::Batch],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some((doing, table)) = whole_table(subject) else {
        return Vec::new();
    };
    let Some((locked, lock)) = held(subject) else {
        return Vec::new();
    };
    let who = if lock.stops() == Stops::ReadsAndWrites {
        "read or write"
    } else {
        "write to"
    };
    let table = relation(table);
    let locked = if locked.may_be(&table) {
        "it".to_owned()
    } else {
        format!("`{locked}`")
    };
    let finding = subject
        .finding(format!(
            "all of `{table}` is {doing} while nobody can {who} {locked}"
        ))
        .label(
            subject.whole(),
            format!("a statement before it holds the lock on {locked} until the batch commits"),
        )
        .help(format!("put it into a backfill, which does it in batches after the deployment is ready: a concurrent migration with `-- segue: backfill: {table} by KEY`, and `{}`", condition(subject)))
        .help("what needs the rows to be changed goes into a migration that ends it");
    vec![finding]
}

/// What the statement needs to be a backfill's.
fn condition(subject: &Subject<'_>) -> &'static str {
    let condition = match subject.node {
        NodeEnum::UpdateStmt(update) => update.where_clause.is_some(),
        _ => false,
    };
    if condition {
        "AND KEY > :lower AND KEY <= :upper"
    } else {
        "WHERE KEY > :lower AND KEY <= :upper"
    }
}

/// What is done with all rows of a table in use, if that is what the statement
/// does.
fn whole_table<'a>(subject: &'a Subject<'_>) -> Option<(&'static str, &'a RangeVar)> {
    let in_use = |table: &'a Option<RangeVar>| {
        table
            .as_ref()
            .filter(|table| subject.is_in_use(Some(table)))
    };
    match subject.node {
        NodeEnum::UpdateStmt(update) => {
            let table = in_use(&update.relation)?;
            let is_whole = match &update.where_clause {
                None => true,
                Some(condition) => {
                    !update.from_clause.is_empty() && !has_constant(condition)
                        || is_unset(subject, table, condition)
                }
            };
            is_whole.then_some(("updated", table))
        }
        NodeEnum::DeleteStmt(delete) => {
            let table = in_use(&delete.relation)?;
            delete.where_clause.is_none().then_some(("deleted", table))
        }
        NodeEnum::InsertStmt(insert) => {
            let Some(NodeEnum::SelectStmt(select)) = &insert.select_stmt.as_deref()?.node else {
                return None;
            };
            let is_whole = select.where_clause.is_none()
                && select.limit_count.is_none()
                && select.group_clause.is_empty();
            let from = match select.from_clause.first().map(|node| &node.node) {
                Some(Some(NodeEnum::RangeVar(table))) => Some(table),
                _ => None,
            };
            let table = from.filter(|table| is_whole && subject.is_in_use(Some(table)))?;
            Some(("copied", table))
        }
        _ => None,
    }
}

/// Whether a condition compares something with a constant, which may make the
/// rows few.
fn has_constant(condition: &Node) -> bool {
    serde_json::to_string(condition).is_ok_and(|tree| tree.contains("\"AConst\""))
}

/// Whether a condition is that a column which the same file adds is null: so it
/// is in all rows.
fn is_unset(subject: &Subject<'_>, table: &RangeVar, condition: &Node) -> bool {
    match &condition.node {
        Some(NodeEnum::NullTest(test)) if test.nulltesttype() == NullTestType::IsNull => {
            let column = match test.arg.as_deref().map(|arg| &arg.node) {
                Some(Some(NodeEnum::ColumnRef(column))) => strings(&column.fields),
                _ => return false,
            };
            let known = column
                .last()
                .and_then(|column| subject.state.column(&relation(table), column));
            known.is_some_and(|known| subject.state.is_this_file(known.made))
        }
        Some(NodeEnum::BoolExpr(all)) if all.boolop() == BoolExprType::AndExpr => {
            all.args.iter().all(|one| is_unset(subject, table, one))
        }
        _ => false,
    }
}

/// The strongest lock on a table in use that statements before this one hold,
/// of those that stop others; the first one of its kind.
fn held(subject: &Subject<'_>) -> Option<(RelationName, LockMode)> {
    let mut strongest: Option<(RelationName, LockMode)> = None;
    for (name, lock) in subject.earlier().flat_map(|node| locks_of(node).0) {
        let is_stronger = strongest.as_ref().is_none_or(|(_, other)| *other < lock);
        if lock.stops() > Stops::Nothing && is_stronger && !subject.state.is_new(&name) {
            strongest = Some((name, lock));
        }
    }
    strongest
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "long-statement-under-lock";

    #[test]
    fn all_rows_under_a_lock() {
        let it = "1:26 all of `t` is updated while nobody can read or write it";
        for sql in [
            "ALTER TABLE t ADD a int; UPDATE t SET a = b",
            "ALTER TABLE t ADD a int; UPDATE t SET a = 1 WHERE a IS NULL",
            "ALTER TABLE t ADD a int; UPDATE t SET a = u.a FROM u WHERE u.id = t.id",
        ] {
            check(NAME, sql, &[it]);
        }
        check(
            NAME,
            "CREATE INDEX i ON u (a); DELETE FROM t",
            &["1:26 all of `t` is deleted while nobody can write to `u`"],
        );
        check(
            NAME,
            "ALTER TABLE t ADD a int; CREATE TABLE n (b int); INSERT INTO n SELECT b FROM t",
            &["1:50 all of `t` is copied while nobody can read or write it"],
        );
    }

    #[test]
    fn few_rows_or_no_lock() {
        for sql in [
            "UPDATE t SET a = b",
            "UPDATE t SET a = b; ALTER TABLE t ADD c int",
            "ALTER TABLE t ADD a int; UPDATE t SET a = 1 WHERE id = 5",
            "ALTER TABLE t ADD a int; UPDATE t SET a = 1 WHERE b IS NULL",
            "ALTER TABLE t ADD a int; UPDATE t SET a = 1 FROM u WHERE u.id = t.id AND u.k = 3",
            "CREATE TABLE t (a int); ALTER TABLE t ADD b int; UPDATE t SET a = b",
            "ALTER TABLE t ADD a int; INSERT INTO t VALUES (1)",
            "CREATE TABLE n (a int); UPDATE t SET a = b",
            "ALTER TABLE t VALIDATE CONSTRAINT c; UPDATE t SET a = b",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
