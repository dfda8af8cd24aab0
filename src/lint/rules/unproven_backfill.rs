//! What a backfill was for is relied on, and nothing has proved that it left no
//! row.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, FuncCall, Node, SelectStmt, a_const};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{relation, strings, table_commands};
use crate::lint::{Finding, Rule, Subject};
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "unproven-backfill",
    severity: Severity::Warning,
    page: include_str!("../../../rules/unproven-backfill.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let backfilled: Vec<&RelationName> = subject
        .file
        .ends
        .iter()
        .filter_map(|name| subject.state.backfilled(name))
        .collect();
    let commands = subject.commands_in_use().into_iter();
    commands
        .filter_map(|(table, command)| {
            let name = relation(table);
            let does = match command.subtype() {
                AlterTableType::AtDropColumn => "is dropped",
                AlterTableType::AtSetNotNull => "becomes `NOT NULL`",
                _ => return None,
            };
            let is_filled = backfilled.iter().any(|one| one.may_be(&name));
            (is_filled && !is_proven(subject, &name, &command.name)).then(|| {
                subject
                    .finding(format!(
                        "column `{}` of `{name}` {does}, and nothing before has proved that the backfill left no row",
                        command.name
                    ))
                    .label(subject.column(&command.name), "relies on the backfill")
                    .help(format!(
                        "put `SELECT segue.stop_sync('{name}', 'NEW_COLUMN');` before it, which proves it and ends the triggers; or name a concurrent migration in `end-concurrent-migration` that validates a `CHECK` on `{name}`"
                    ))
            })
        })
        .collect()
}

/// Whether something before the statement has looked at the rows.
fn is_proven(subject: &Subject<'_>, table: &RelationName, column: &str) -> bool {
    let known = subject.state.relation(table);
    known.is_some_and(|known| known.proves_not_null(column))
        || subject
            .file
            .ends
            .iter()
            .any(|name| subject.state.has_validated(name, table))
        || subject.earlier().any(|node| proves(node, table))
}

/// Whether a statement proves something about the table's rows, or fails.
fn proves(node: &NodeEnum, table: &RelationName) -> bool {
    match node {
        // What it does is not known, and a proof query that fails needs one.
        NodeEnum::DoStmt(_) => true,
        NodeEnum::AlterTableStmt(_) => table_commands(node).iter().any(|(altered, command)| {
            command.subtype() == AlterTableType::AtValidateConstraint
                && relation(altered).may_be(table)
        }),
        NodeEnum::SelectStmt(select) => {
            calls(select).any(|call| stops(call, table)) || reads(select, table)
        }
        _ => false,
    }
}

/// The functions that a query without more calls.
fn calls(select: &SelectStmt) -> impl Iterator<Item = &FuncCall> {
    let values = select
        .target_list
        .iter()
        .filter_map(|node| match node.node.as_ref()? {
            NodeEnum::ResTarget(target) => target.val.as_deref()?.node.as_ref(),
            _ => None,
        });
    values.filter_map(|value| match value {
        NodeEnum::FuncCall(call) => Some(&**call),
        _ => None,
    })
}

/// Whether the table stands in `FROM`; of a query that gives no rows nobody
/// knows, so any will do.
fn reads(select: &SelectStmt, table: &RelationName) -> bool {
    fn names(node: &Node, table: &RelationName) -> bool {
        match &node.node {
            Some(NodeEnum::RangeVar(one)) => relation(one).may_be(table),
            Some(NodeEnum::JoinExpr(join)) => [&join.larg, &join.rarg]
                .into_iter()
                .flatten()
                .any(|side| names(side, table)),
            Some(NodeEnum::RangeSubselect(inner)) => inner
                .subquery
                .as_deref()
                .and_then(|query| query.node.as_ref())
                .is_some_and(
                    |query| matches!(query, NodeEnum::SelectStmt(inner) if reads(inner, table)),
                ),
            _ => false,
        }
    }
    select.from_clause.iter().any(|node| names(node, table))
}

/// Whether it is `segue.stop_sync` of the table, with its proof.
fn stops(call: &FuncCall, table: &RelationName) -> bool {
    let text = |node: &Node| match &node.node {
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(a_const::Val::Sval(value)) => Some(value.sval.clone()),
            _ => None,
        },
        _ => None,
    };
    let is_false = |node: &Node| match &node.node {
        Some(NodeEnum::AConst(constant)) => {
            matches!(&constant.val, Some(a_const::Val::Boolval(value)) if !value.boolval)
        }
        _ => false,
    };
    let is_unproved = call.args.iter().any(|argument| match &argument.node {
        Some(NodeEnum::NamedArgExpr(named)) => {
            named.name == "prove" && named.arg.as_deref().is_some_and(is_false)
        }
        _ => is_false(argument),
    });
    let first = call.args.first().and_then(text);
    strings(&call.funcname) == ["segue", "stop_sync"]
        && !is_unproved
        && first.is_none_or(|first| {
            let last = first.rsplit('.').next().unwrap_or(&first).trim_matches('"');
            last.eq_ignore_ascii_case(&table.name)
        })
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::check_files;

    const NAME: &str = "unproven-backfill";

    const BACKFILL: &str = "-- segue: begin-concurrent-migration-with: a.sql\n-- segue: backfill: t by id\nUPDATE t SET b = a WHERE id > :lower AND id <= :upper";

    /// What is said of an ending migration.
    #[track_caller]
    fn check(ends: &str, concurrent: &str, sql: &str, expected: &[&str]) {
        let ending = format!("-- segue: end-concurrent-migration: {ends}\n{sql}");
        check_files(
            NAME,
            &[
                (
                    "a.sql",
                    "ALTER TABLE t ADD b int; ALTER TABLE t ADD CONSTRAINT filled CHECK (b IS NOT NULL AND b = a) NOT VALID",
                ),
                ("b.sql", BACKFILL),
                ("c.sql", concurrent),
                ("d.sql", &ending),
            ],
            Release::Apart,
            expected,
        );
    }

    const VALIDATE: &str = "-- segue: begin-concurrent-migration-with: a.sql\nALTER TABLE t VALIDATE CONSTRAINT filled";

    #[test]
    fn what_relies_on_a_backfill() {
        check(
            "b.sql",
            "SELECT 1",
            "ALTER TABLE t DROP COLUMN a, ALTER b SET NOT NULL",
            &[
                "2:27 column `a` of `t` is dropped, and nothing before has proved that the backfill left no row",
                "2:36 column `b` of `t` becomes `NOT NULL`, and nothing before has proved that the backfill left no row",
            ],
        );
        for unproved in [
            "SELECT segue.stop_sync('t', 'b', false)",
            "SELECT segue.stop_sync('public.t', 'b', prove => false)",
            "SELECT segue.stop_sync('other', 'b')",
            "SELECT count(*) FROM other",
        ] {
            check(
                "b.sql",
                "SELECT 1",
                &format!("{unproved};\nALTER TABLE t DROP a"),
                &[
                    "3:20 column `a` of `t` is dropped, and nothing before has proved that the backfill left no row",
                ],
            );
        }
    }

    #[test]
    fn what_is_proved() {
        for proof in [
            "SELECT segue.stop_sync('t', 'b')",
            "SELECT segue.stop_sync('public.t'::regclass, 'b')",
            "SELECT segue.stop_sync(relation => 't', \"column\" => 'b', prove => true)",
            "ALTER TABLE t VALIDATE CONSTRAINT filled",
            "SELECT 1 / (count(*) = 0)::int FROM (SELECT FROM t WHERE b IS NULL) AS rows_left",
            "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM t WHERE b IS NULL); END $$",
        ] {
            check(
                "b.sql",
                "SELECT 1",
                &format!("{proof};\nALTER TABLE t DROP a"),
                &[],
            );
        }
        check(
            "b.sql, c.sql",
            VALIDATE,
            "SELECT segue.stop_sync('t', 'b', prove => false); ALTER TABLE t ALTER b SET NOT NULL, DROP a",
            &[],
        );
        // Nothing is said where no backfill ends, or of another table.
        check("c.sql", VALIDATE, "ALTER TABLE t DROP a", &[]);
        check("b.sql", "SELECT 1", "ALTER TABLE other DROP a", &[]);
    }
}
