//! Parts of the tree that several rules look at.

use pg_query::protobuf::{
    AlterTableCmd, AlterTableType, ColumnDef, ConstrType, Constraint, RangeVar, ResTarget,
    WithClause,
};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

pub(super) use crate::statement::names::{dotted, flag, object, option, relation, strings};

/// A command of `ALTER TABLE`.
pub(super) fn command(node: &Node) -> Option<&AlterTableCmd> {
    match node.node.as_ref()? {
        NodeEnum::AlterTableCmd(command) => Some(command),
        _ => None,
    }
}

/// The table and the commands of `ALTER TABLE`, of foreign and materialized
/// ones too; none of another statement, `ALTER INDEX` and `ALTER VIEW` included.
pub(super) fn table_commands(node: &NodeEnum) -> Vec<(&RangeVar, &AlterTableCmd)> {
    use pg_query::protobuf::ObjectType;
    let NodeEnum::AlterTableStmt(alter) = node else {
        return Vec::new();
    };
    let is_table = matches!(
        alter.objtype(),
        ObjectType::ObjectTable | ObjectType::ObjectForeignTable | ObjectType::ObjectMatview
    );
    match &alter.relation {
        Some(table) if is_table => alter
            .cmds
            .iter()
            .filter_map(command)
            .map(|command| (table, command))
            .collect(),
        _ => Vec::new(),
    }
}

/// A constraint of a table or column.
pub(super) fn constraint(node: &Node) -> Option<&Constraint> {
    match node.node.as_ref()? {
        NodeEnum::Constraint(constraint) => Some(constraint),
        _ => None,
    }
}

/// A column's definition.
pub(super) fn column(node: &Node) -> Option<&ColumnDef> {
    match node.node.as_ref()? {
        NodeEnum::ColumnDef(column) => Some(column),
        _ => None,
    }
}

/// The column that `ADD COLUMN` adds.
pub(super) fn added_column(command: &AlterTableCmd) -> Option<&ColumnDef> {
    (command.subtype() == AlterTableType::AtAddColumn)
        .then(|| column(command.def.as_deref()?))
        .flatten()
}

/// The constraint that `ADD CONSTRAINT` adds.
pub(super) fn added_constraint(command: &AlterTableCmd) -> Option<&Constraint> {
    (command.subtype() == AlterTableType::AtAddConstraint)
        .then(|| constraint(command.def.as_deref()?))
        .flatten()
}

/// A column's own constraints of one kind.
pub(super) fn of_kind(column: &ColumnDef, kind: ConstrType) -> impl Iterator<Item = &Constraint> {
    column
        .constraints
        .iter()
        .filter_map(constraint)
        .filter(move |one| one.contype() == kind)
}

/// The columns that a condition says are not null, by itself or by `AND`.
pub(super) fn not_null_columns(condition: &Node) -> Vec<String> {
    use pg_query::protobuf::{BoolExprType, NullTestType};
    match &condition.node {
        Some(NodeEnum::NullTest(test)) if test.nulltesttype() == NullTestType::IsNotNull => {
            let column = test.arg.as_deref().and_then(|arg| match &arg.node {
                Some(NodeEnum::ColumnRef(column)) => Some(strings(&column.fields)),
                _ => None,
            });
            match column.as_deref() {
                Some([.., name]) => vec![(*name).to_owned()],
                _ => Vec::new(),
            }
        }
        Some(NodeEnum::BoolExpr(expression)) if expression.boolop() == BoolExprType::AndExpr => {
            expression.args.iter().flat_map(not_null_columns).collect()
        }
        _ => Vec::new(),
    }
}

/// A statement, and the queries in its `WITH`.
pub(super) fn with_queries(node: &NodeEnum) -> Vec<&NodeEnum> {
    let with: Option<&WithClause> = match node {
        NodeEnum::SelectStmt(select) => select.with_clause.as_ref(),
        NodeEnum::UpdateStmt(update) => update.with_clause.as_ref(),
        NodeEnum::DeleteStmt(delete) => delete.with_clause.as_ref(),
        NodeEnum::InsertStmt(insert) => insert.with_clause.as_ref(),
        NodeEnum::MergeStmt(merge) => merge.with_clause.as_ref(),
        _ => None,
    };
    let queries = with.map_or(&[][..], |with| &with.ctes);
    let queries = queries.iter().filter_map(|query| match &query.node {
        Some(NodeEnum::CommonTableExpr(query)) => query.ctequery.as_ref()?.node.as_ref(),
        _ => None,
    });
    queries.chain([node]).collect()
}

/// Names of the columns that an expression reads: of any table, or of one with
/// these names and without a qualifier.
pub(super) fn columns_read(node: &Node, table: Option<&[&str]>) -> Vec<String> {
    let tree = serde_json::to_value(node).unwrap_or_default();
    let mut found = Vec::new();
    columns(&tree, table, &mut found);
    found
}

/// As [`columns_read`], of a part of a tree as JSON.
pub(super) fn columns(tree: &Value, table: Option<&[&str]>, found: &mut Vec<String>) {
    match tree {
        Value::Array(trees) => trees.iter().for_each(|tree| columns(tree, table, found)),
        Value::Object(fields) => {
            if let Some(names) = fields
                .get("ColumnRef")
                .and_then(|one| one["fields"].as_array())
            {
                let names: Vec<&str> = names
                    .iter()
                    .filter_map(|node| node["node"]["String"]["sval"].as_str())
                    .collect();
                match names.as_slice() {
                    [name] => found.push((*name).to_owned()),
                    [.., qualifier, name]
                        if table.is_none_or(|table| table.contains(qualifier)) =>
                    {
                        found.push((*name).to_owned());
                    }
                    _ => {}
                }
            }
            fields.values().for_each(|tree| columns(tree, table, found));
        }
        _ => {}
    }
}

/// What an `UPDATE` or `MERGE` assigns to.
pub(super) fn assigned(targets: &[Node]) -> impl Iterator<Item = &ResTarget> {
    targets.iter().filter_map(|target| match &target.node {
        Some(NodeEnum::ResTarget(target)) => Some(&**target),
        _ => None,
    })
}
