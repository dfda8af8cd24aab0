//! Definitions of columns and constraints → what is known of a relation.

use pg_query::protobuf::{ColumnDef, ConstrType, Constraint as ConstraintNode};

use super::super::tree::{self, relation, strings};
use super::{Column, ColumnType, Constraint, ConstraintKind, Relation};

/// A column has come into being.
pub(super) fn add_column(table: &mut Relation, table_name: &str, column: &ColumnDef, file: usize) {
    let is_kind = |kind| tree::of_kind(column, kind).next().is_some();
    let known = Column {
        data_type: column.type_name.as_ref().and_then(ColumnType::of),
        is_not_null: column.is_not_null
            || is_kind(ConstrType::ConstrNotnull)
            || is_kind(ConstrType::ConstrPrimary)
            || is_kind(ConstrType::ConstrIdentity),
        made: Some(file),
    };
    table.columns.insert(column.colname.clone(), known);
    for constraint in column.constraints.iter().filter_map(tree::constraint) {
        add_constraint(
            table,
            table_name,
            constraint,
            Some(&column.colname),
            true,
            file,
        );
    }
}

/// A constraint has come into being, of a table or of one of its columns.
pub(super) fn add_constraint(
    table: &mut Relation,
    table_name: &str,
    constraint: &ConstraintNode,
    column: Option<&str>,
    is_valid: bool,
    file: usize,
) {
    let (kind, columns, ending) = match constraint.contype() {
        ConstrType::ConstrCheck => {
            let not_null = constraint
                .raw_expr
                .as_deref()
                .map(tree::not_null_columns)
                .unwrap_or_default();
            let columns: Vec<String> = match column {
                Some(column) => vec![column.to_owned()],
                None => not_null.clone(),
            };
            (ConstraintKind::Check { not_null }, columns, "check")
        }
        // By name, from PostgreSQL 18 on, and perhaps not valid.
        ConstrType::ConstrNotnull => {
            let columns: Vec<String> = match column {
                Some(column) => vec![column.to_owned()],
                None => strings(&constraint.keys)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            };
            for name in columns.iter().filter(|_| is_valid) {
                table.columns.entry(name.clone()).or_default().is_not_null = true;
            }
            let not_null = columns.clone();
            (ConstraintKind::Check { not_null }, columns, "not_null")
        }
        ConstrType::ConstrForeign => {
            let Some(target) = &constraint.pktable else {
                return;
            };
            let target = relation(target);
            let columns = match column {
                Some(column) => vec![column.to_owned()],
                None => strings(&constraint.fk_attrs)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            };
            (ConstraintKind::Foreign { target }, columns, "fkey")
        }
        ConstrType::ConstrPrimary => {
            let keys = strings(&constraint.keys);
            for key in keys {
                table.columns.entry(key.to_owned()).or_default().is_not_null = true;
            }
            (ConstraintKind::Index, Vec::new(), "pkey")
        }
        ConstrType::ConstrUnique | ConstrType::ConstrExclusion => {
            (ConstraintKind::Index, Vec::new(), "key")
        }
        _ => return,
    };
    // As PostgreSQL names what has no name, where no name is taken.
    let name = if constraint.conname.is_empty() {
        let parts = [
            &[table_name.to_owned()],
            columns.as_slice(),
            &[ending.to_owned()],
        ];
        parts.concat().join("_")
    } else {
        constraint.conname.clone()
    };
    let known = Constraint {
        kind,
        is_valid,
        made: Some(file),
    };
    table.constraints.insert(name, known);
}
