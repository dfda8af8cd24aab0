//! Parts of the tree that several rules look at.

use pg_query::protobuf::{
    AlterTableCmd, AlterTableType, ColumnDef, ConstrType, Constraint, RangeVar,
};
use pg_query::{Node, NodeEnum};

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
