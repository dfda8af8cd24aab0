//! A value of an enum that is used in the transaction that adds it, where the
//! columns' types, which earlier migrations tell, are what shows it.

use pg_query::protobuf::{AlterTableType, InsertStmt, RangeVar};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::tree::{relation, table_commands};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "enum-value-used-in-transaction",
    severity: Severity::Error,
    page: include_str!("../../../rules/enum-value-used-in-transaction.md"),
    halves: &[Kind::Batch],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.state.uncommitted_values().next().is_none() {
        return Vec::new();
    }
    let used = match subject.node {
        NodeEnum::InsertStmt(insert) => inserted(subject, insert),
        NodeEnum::UpdateStmt(update) => {
            let set = update.target_list.iter().find_map(|node| match &node.node {
                Some(NodeEnum::ResTarget(target)) => {
                    constant(target.val.as_deref()?).and_then(|value| {
                        used(subject, update.relation.as_ref()?, &target.name, value)
                    })
                }
                _ => None,
            });
            set.or_else(|| {
                compared(
                    subject,
                    update.relation.as_ref()?,
                    update.where_clause.as_deref()?,
                )
            })
        }
        NodeEnum::DeleteStmt(delete) => delete
            .relation
            .as_ref()
            .zip(delete.where_clause.as_deref())
            .and_then(|(table, condition)| compared(subject, table, condition)),
        NodeEnum::IndexStmt(create) => create
            .relation
            .as_ref()
            .zip(create.where_clause.as_deref())
            .and_then(|(table, condition)| compared(subject, table, condition)),
        node => table_commands(node)
            .into_iter()
            .find_map(|(table, command)| match command.subtype() {
                AlterTableType::AtColumnDefault => used(
                    subject,
                    table,
                    &command.name,
                    constant(command.def.as_deref()?)?,
                ),
                AlterTableType::AtAddConstraint => {
                    compared(subject, table, command.def.as_deref()?)
                }
                _ => None,
            }),
    };
    used.into_iter()
        .map(|(of, value)| {
            subject
                .finding(format!("value `{value}` of `{of}` is used in the file that adds it"))
                .label(subject.whole(), "cannot be used before it is committed")
                .help("add the value in a file of its own before this one: the transaction ends between the two")
                .help("or write `-- segue: no-txn` at the top of the file: each statement is then committed by itself")
        })
        .collect()
}

/// The type and the value, if the value cannot be used in the column yet.
fn used(
    subject: &Subject<'_>,
    table: &RangeVar,
    column: &str,
    value: &str,
) -> Option<(RelationName, String)> {
    let known = subject.state.column(&relation(table), column)?;
    let of = known.data_type.as_ref().filter(|of| !of.is_array)?;
    let is_uncommitted = subject.state.is_uncommitted(&of.name, value);
    is_uncommitted.then(|| (of.name.clone(), value.to_owned()))
}

fn inserted(subject: &Subject<'_>, insert: &InsertStmt) -> Option<(RelationName, String)> {
    let table = insert.relation.as_ref()?;
    let columns: Vec<&str> = insert
        .cols
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::ResTarget(target)) => Some(target.name.as_str()),
            _ => None,
        })
        .collect();
    let Some(NodeEnum::SelectStmt(select)) = insert.select_stmt.as_deref()?.node.as_ref() else {
        return None;
    };
    let rows = select
        .values_lists
        .iter()
        .filter_map(|row| match &row.node {
            Some(NodeEnum::List(row)) => Some(&row.items),
            _ => None,
        });
    let mut cells = rows.flat_map(|row| columns.iter().zip(row));
    cells.find_map(|(column, cell)| used(subject, table, column, constant(cell)?))
}

fn constant(node: &Node) -> Option<&str> {
    use pg_query::protobuf::a_const::Val;
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            Val::Sval(string) => Some(&string.sval),
            _ => None,
        },
        _ => None,
    }
}

/// A comparison of a column of the table with such a value, anywhere inside.
fn compared(
    subject: &Subject<'_>,
    table: &RangeVar,
    condition: &Node,
) -> Option<(RelationName, String)> {
    let tree = serde_json::to_value(condition).ok()?;
    let mut found = None;
    visit(&tree, &mut |column, value| {
        if found.is_none() {
            found = used(subject, table, column, value);
        }
    });
    found
}

/// Calls `look` with the column and the constant of each comparison.
fn visit(tree: &Value, look: &mut dyn FnMut(&str, &str)) {
    match tree {
        Value::Array(trees) => trees.iter().for_each(|tree| visit(tree, look)),
        Value::Object(fields) => {
            if let (Some(left), Some(right)) = (fields.get("lexpr"), fields.get("rexpr")) {
                for (column, other) in [(left, right), (right, left)] {
                    if let Some(column) = column_name(column) {
                        constants(other, &mut |value| look(column, value));
                    }
                }
            }
            fields.values().for_each(|tree| visit(tree, look));
        }
        _ => {}
    }
}

fn column_name(node: &Value) -> Option<&str> {
    let fields = node["node"]["ColumnRef"]["fields"].as_array()?;
    fields.last()?["node"]["String"]["sval"].as_str()
}

/// A constant, or those of a list.
fn constants(node: &Value, look: &mut dyn FnMut(&str)) {
    if let Some(value) = node["node"]["AConst"]["val"]["Sval"]["sval"].as_str() {
        look(value);
    }
    let items = node["node"]["List"]["items"].as_array();
    for item in items.into_iter().flatten() {
        constants(item, look);
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::check_files;

    const NAME: &str = "enum-value-used-in-transaction";
    const MADE: (&str, &str) = (
        "a.sql",
        "CREATE TYPE app.mood AS ENUM ('ok'); CREATE TABLE t (a app.mood, b text)",
    );

    #[test]
    fn a_column_of_the_type_gives_it_away() {
        for used in [
            "INSERT INTO t (b, a) VALUES ('x', 'ok'), ('y', 'calm')",
            "UPDATE t SET b = 'x', a = 'calm'",
            "UPDATE t SET b = 'x' WHERE a = 'calm'",
            "DELETE FROM t WHERE b = 'x' AND a IN ('ok', 'calm')",
            "ALTER TABLE t ALTER a SET DEFAULT 'calm'",
            "ALTER TABLE t ADD CONSTRAINT c CHECK ('calm' <> a)",
            "CREATE INDEX i ON t (b) WHERE a = 'calm'",
        ] {
            let text = format!("ALTER TYPE app.mood ADD VALUE 'calm';\n{used}");
            check_files(
                NAME,
                &[MADE, ("b.sql", &text)],
                Release::Apart,
                &["2:1 value `calm` of `app.mood` is used in the file that adds it"],
            );
        }
    }

    #[test]
    fn other_columns_and_values_are_fine() {
        for text in [
            "ALTER TYPE app.mood ADD VALUE 'calm'; UPDATE t SET b = 'calm', a = 'ok'",
            "UPDATE t SET a = 'calm'; ALTER TYPE app.mood ADD VALUE 'calm'",
            "-- segue: no-txn\nALTER TYPE app.mood ADD VALUE 'calm'; UPDATE t SET a = 'calm'",
            "ALTER TYPE app.mood ADD VALUE 'calm'; UPDATE unknown SET a = 'calm'",
        ] {
            check_files(NAME, &[MADE, ("b.sql", text)], Release::Apart, &[]);
        }
        let added = ("b.sql", "ALTER TYPE app.mood ADD VALUE 'calm'");
        let used = ("c.sql", "UPDATE t SET a = 'calm'");
        check_files(NAME, &[MADE, added, used], Release::Together, &[]);
    }
}
