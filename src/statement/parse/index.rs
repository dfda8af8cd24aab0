//! Are two `CREATE INDEX` statements the same index?

use std::collections::BTreeMap;

use pg_query::protobuf::{IndexElem, IndexStmt, SortByDir, SortByNulls};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use super::names::{relation, strings};

/// What a comparison of one part says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sameness {
    Same,
    Different,
    Unknown,
}
use Sameness::{Different, Same, Unknown};

impl From<bool> for Sameness {
    fn from(same: bool) -> Self {
        if same { Same } else { Different }
    }
}

/// `theirs` is the server's text; `None` where the texts do not decide.
pub(super) fn same(ours: &IndexStmt, theirs: &IndexStmt) -> Option<bool> {
    let table = match (&ours.relation, &theirs.relation) {
        (Some(ours), Some(theirs)) => relation(ours).may_be(&relation(theirs)).into(),
        _ => Unknown,
    };
    let tablespace = if ours.table_space == theirs.table_space {
        Same
    } else {
        Unknown
    };
    let parts = [
        table,
        (ours.idxname.is_empty() || ours.idxname == theirs.idxname).into(),
        (ours.unique == theirs.unique).into(),
        (ours.nulls_not_distinct == theirs.nulls_not_distinct).into(),
        (ours.access_method == theirs.access_method).into(),
        tablespace,
        (options(&ours.options) == options(&theirs.options)).into(),
        columns(&ours.index_params, &theirs.index_params),
        columns(&ours.index_including_params, &theirs.index_including_params),
        expression(ours.where_clause.as_deref(), theirs.where_clause.as_deref()),
    ];
    if parts.contains(&Different) {
        Some(false)
    } else if parts.contains(&Unknown) {
        None
    } else {
        Some(true)
    }
}

/// Storage parameters by name; the server quotes their values.
fn options(nodes: &[Node]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    for node in nodes {
        let Some(NodeEnum::DefElem(option)) = &node.node else {
            continue;
        };
        let value = match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
            None => "true".to_owned(),
            Some(NodeEnum::Integer(value)) => value.ival.to_string(),
            Some(NodeEnum::Float(value)) => value.fval.clone(),
            Some(NodeEnum::Boolean(value)) => value.boolval.to_string(),
            Some(NodeEnum::String(value)) => value.sval.clone(),
            Some(NodeEnum::TypeName(value)) => strings(&value.names).join("."),
            Some(_) => continue,
        };
        options.insert(option.defname.clone(), value);
    }
    options
}

fn columns(ours: &[Node], theirs: &[Node]) -> Sameness {
    if ours.len() != theirs.len() {
        return Different;
    }
    let mut sameness = Same;
    for pair in ours.iter().zip(theirs) {
        let (Some(NodeEnum::IndexElem(ours)), Some(NodeEnum::IndexElem(theirs))) =
            (&pair.0.node, &pair.1.node)
        else {
            return Unknown;
        };
        match column(ours, theirs) {
            Different => return Different,
            Unknown => sameness = Unknown,
            Same => {}
        }
    }
    sameness
}

fn column(ours: &IndexElem, theirs: &IndexElem) -> Sameness {
    let what = match (name(ours), name(theirs)) {
        (Some(ours), Some(theirs)) => (ours == theirs).into(),
        (None, None) => expression(ours.expr.as_deref(), theirs.expr.as_deref()),
        _ => Different,
    };
    let parts = [
        what,
        (order(ours) == order(theirs)).into(),
        name_left_out(&strings(&ours.collation), &strings(&theirs.collation)),
        name_left_out(&strings(&ours.opclass), &strings(&theirs.opclass)),
        (options(&ours.opclassopts) == options(&theirs.opclassopts)).into(),
    ];
    [Different, Unknown]
        .into_iter()
        .find(|sameness| parts.contains(sameness))
        .unwrap_or(Same)
}

/// The column; PostgreSQL takes a column in parentheses for the column.
fn name(element: &IndexElem) -> Option<&str> {
    if !element.name.is_empty() {
        return Some(&element.name);
    }
    match element.expr.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) => match strings(&column.fields).as_slice() {
            [name] => Some(*name),
            _ => None,
        },
        _ => None,
    }
}

/// Descending, and nulls first: the one is the other's default.
fn order(element: &IndexElem) -> (bool, bool) {
    let descending = element.ordering() == SortByDir::SortbyDesc;
    let nulls_first = match element.nulls_ordering() {
        SortByNulls::SortbyNullsFirst => true,
        SortByNulls::SortbyNullsLast => false,
        SortByNulls::SortbyNullsDefault | SortByNulls::Undefined => descending,
    };
    (descending, nulls_first)
}

/// Compares names that the server leaves out where they are the default, and
/// qualifies where they are not on its search path.
fn name_left_out(ours: &[&str], theirs: &[&str]) -> Sameness {
    match (ours.last(), theirs.last()) {
        (None, None) => Same,
        (Some(ours), Some(theirs)) => (ours == theirs).into(),
        (None, Some(_)) => Different,
        (Some(_), None) => Unknown,
    }
}

/// Equal trees are equal; unequal ones may differ by casts that the server
/// added.
fn expression(ours: Option<&Node>, theirs: Option<&Node>) -> Sameness {
    match (ours, theirs) {
        (None, None) => Same,
        (Some(ours), Some(theirs)) => match (tree(ours), tree(theirs)) {
            (Some(ours), Some(theirs)) if ours == theirs => Same,
            _ => Unknown,
        },
        _ => Different,
    }
}

/// The tree without places in the text.
fn tree(node: &Node) -> Option<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(strip),
            Value::Object(fields) => {
                fields.retain(|name, _| !name.ends_with("location"));
                fields.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut tree = serde_json::to_value(node).ok()?;
    strip(&mut tree);
    Some(tree)
}
