//! A relation, as migrations have made it.

use std::collections::BTreeMap;
use std::fmt;

use pg_query::NodeEnum;
use pg_query::protobuf::{TypeName, a_const};

use super::super::tree::strings;
use crate::statement::RelationName;

/// What a relation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelationKind {
    /// A table, as far as is known.
    #[default]
    Table,
    /// A table that has partitions.
    Partitioned,
    /// A temporary table: nobody else sees it.
    Temporary,
    /// A foreign table.
    Foreign,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// An index.
    Index,
    /// A sequence.
    Sequence,
}

/// A relation, as migrations have made it.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// What it is.
    pub kind: RelationKind,
    /// Index of the file that has made it; `None`: it was there before.
    pub made: Option<usize>,
    /// Whether an older table has become a part of it: what is done to it is
    /// done to that.
    pub has_older_parts: bool,
    /// Whether rows were written into it by name since it was made.
    pub has_rows: bool,
    /// Those that are known.
    pub columns: BTreeMap<String, Column>,
    /// Those that are known, of tables and columns alike.
    pub constraints: BTreeMap<String, Constraint>,
    /// The table, of an index.
    pub table: Option<RelationName>,
    /// The columns, of an index without expressions.
    pub index_columns: Vec<String>,
    /// The table that it is a partition of.
    pub parent: Option<RelationName>,
}

/// A column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Its type.
    pub data_type: Option<ColumnType>,
    /// `NOT NULL`
    pub is_not_null: bool,
    /// Index of the file that has added it; `None`: it was there before.
    pub made: Option<usize>,
}

/// A type with its modifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// Its name without `pg_catalog`, PostgreSQL's own one: `int4`.
    pub name: RelationName,
    /// `[10, 2]` of `numeric(10, 2)`; `None` if one is no number.
    pub modifiers: Option<Vec<i32>>,
    /// Whether it is an array of that.
    pub is_array: bool,
}

/// A constraint.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// What it demands.
    pub kind: ConstraintKind,
    /// Whether all rows are known to fulfil it.
    pub is_valid: bool,
    /// Index of the file that has made it.
    pub made: Option<usize>,
}

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `CHECK`, or `NOT NULL` by name
    Check {
        /// The columns that it makes not null.
        not_null: Vec<String>,
    },
    /// `FOREIGN KEY`
    Foreign {
        /// The table that it refers to.
        target: RelationName,
    },
    /// `PRIMARY KEY`, `UNIQUE`, `EXCLUDE`
    Index,
}

impl Relation {
    /// Whether a valid constraint proves that the column holds no null.
    #[must_use]
    pub fn proves_not_null(&self, column: &str) -> bool {
        self.constraints.values().any(|constraint| {
            constraint.is_valid
                && matches!(&constraint.kind, ConstraintKind::Check { not_null }
                    if not_null.iter().any(|one| one == column))
        })
    }
}

impl ColumnType {
    /// The type that a statement names; `None` for `%TYPE` and the like.
    pub(in crate::lint) fn of(name: &TypeName) -> Option<Self> {
        if name.pct_type || name.setof {
            return None;
        }
        let names = strings(&name.names);
        let shown = match names.as_slice() {
            ["pg_catalog", name] | [name] => RelationName::bare(*name),
            [.., namespace, name] => RelationName::qualified(*namespace, *name),
            [] => return None,
        };
        let modifiers = name.typmods.iter().map(|node| match &node.node {
            Some(NodeEnum::AConst(constant)) => match &constant.val {
                Some(a_const::Val::Ival(number)) => Some(number.ival),
                // Zero is left out of the message.
                None if !constant.isnull => Some(0),
                _ => None,
            },
            _ => None,
        });
        Some(Self {
            name: shown,
            modifiers: modifiers.collect(),
            is_array: !name.array_bounds.is_empty(),
        })
    }

    /// Its name, if it is one of PostgreSQL's own.
    #[must_use]
    pub fn built_in(&self) -> Option<&str> {
        (self.name.namespace.is_none() && !self.is_array).then_some(self.name.name.as_str())
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.built_in() {
            Some("int2") => "smallint".to_owned(),
            Some("int4") => "integer".to_owned(),
            Some("int8") => "bigint".to_owned(),
            Some("float4") => "real".to_owned(),
            Some("float8") => "double precision".to_owned(),
            Some("bool") => "boolean".to_owned(),
            Some("bpchar") => "char".to_owned(),
            _ => self.name.to_string(),
        };
        formatter.write_str(&shown)?;
        if let Some(modifiers) = self.modifiers.as_ref().filter(|list| !list.is_empty()) {
            let numbers: Vec<String> = modifiers.iter().map(ToString::to_string).collect();
            write!(formatter, "({})", numbers.join(", "))?;
        }
        if self.is_array {
            formatter.write_str("[]")?;
        }
        Ok(())
    }
}
