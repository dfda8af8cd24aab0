//! Tree → whether it reads a constant as a value of an enum.

use pg_query::NodeEnum;
use serde_json::Value;

use crate::statement::RelationName;

/// Whether `value` is certainly read as one of `of`: by a cast of the
/// constant, or as the default of a column of that type. What the type of a
/// bare constant is depends on tables, and is not known.
pub(super) fn is_read(node: &NodeEnum, of: &RelationName, value: &str) -> bool {
    serde_json::to_value(node).is_ok_and(|tree| visit(&tree, of, value))
}

fn visit(tree: &Value, of: &RelationName, value: &str) -> bool {
    match tree {
        Value::Array(trees) => trees.iter().any(|tree| visit(tree, of, value)),
        Value::Object(fields) => {
            let is_of_type = || fields.get("type_name").is_some_and(|name| names(name, of));
            let is_cast = || fields.get("arg").is_some_and(|arg| is_constant(arg, value));
            let is_default = || {
                let constraints = fields.get("constraints").and_then(Value::as_array);
                constraints.into_iter().flatten().any(|constraint| {
                    is_constant(&constraint["node"]["Constraint"]["raw_expr"], value)
                })
            };
            is_of_type() && (is_cast() || is_default())
                || fields.values().any(|tree| visit(tree, of, value))
        }
        _ => false,
    }
}

/// Whether a type's name is this one, and not an array of it.
fn names(name: &Value, of: &RelationName) -> bool {
    let strings: Vec<&str> = name["names"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|string| string["node"]["String"]["sval"].as_str())
        .collect();
    let is_array = name["array_bounds"]
        .as_array()
        .is_some_and(|bounds| !bounds.is_empty());
    // A name with a namespace and one without may be different types.
    !is_array
        && match (strings.as_slice(), &of.namespace) {
            ([name], None) => *name == of.name,
            ([.., namespace, name], Some(of_namespace)) => {
                namespace == of_namespace && *name == of.name
            }
            _ => false,
        }
}

fn is_constant(node: &Value, value: &str) -> bool {
    node["node"]["AConst"]["val"]["Sval"]["sval"].as_str() == Some(value)
}
