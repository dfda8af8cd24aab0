//! Parts of the tree → names and options.

use pg_query::protobuf::{DefElem, RangeVar};
use pg_query::{Node, NodeEnum};

use crate::statement::RelationName;

/// The name of a table, view or index.
pub(crate) fn relation(relation: &RangeVar) -> RelationName {
    let RangeVar {
        schemaname,
        relname,
        ..
    } = relation;
    RelationName {
        namespace: Some(schemaname.clone()).filter(|name| !name.is_empty()),
        name: relname.clone(),
    }
}

/// The strings of a dotted name.
pub(crate) fn strings(nodes: &[Node]) -> Vec<&str> {
    nodes
        .iter()
        .filter_map(|node| match node.node.as_ref()? {
            NodeEnum::String(string) => Some(string.sval.as_str()),
            _ => None,
        })
        .collect()
}

/// A dotted name; a database before it is left out.
pub(crate) fn dotted(strings: &[&str]) -> Option<RelationName> {
    let (name, before) = strings.split_last()?;
    Some(RelationName {
        namespace: before.last().map(|&namespace| namespace.to_owned()),
        name: (*name).to_owned(),
    })
}

/// The name of an object in `DROP`, `COMMENT`, `ALTER … RENAME`, in whichever
/// of its three shapes, as its strings.
pub(crate) fn object(node: &Node) -> Vec<&str> {
    match &node.node {
        Some(NodeEnum::List(list)) => strings(&list.items),
        Some(NodeEnum::ObjectWithArgs(object)) => strings(&object.objname),
        Some(NodeEnum::TypeName(name)) => strings(&name.names),
        Some(NodeEnum::String(string)) => vec![&string.sval],
        _ => Vec::new(),
    }
}

/// The option `name`, the last one if it is repeated.
pub(crate) fn option<'a>(options: &'a [Node], name: &str) -> Option<&'a DefElem> {
    options
        .iter()
        .filter_map(|node| match node.node.as_ref()? {
            NodeEnum::DefElem(option) if option.defname == name => Some(option.as_ref()),
            _ => None,
        })
        .next_back()
}

/// A boolean option as the server reads it; `default` if it is not given.
pub(crate) fn flag(options: &[Node], name: &str, default: bool) -> bool {
    let Some(option) = option(options, name) else {
        return default;
    };
    let Some(arg) = &option.arg else {
        return true;
    };
    match &arg.node {
        Some(NodeEnum::Boolean(value)) => value.boolval,
        Some(NodeEnum::Integer(value)) => value.ival != 0,
        // `false` is a string to the grammar, `off` the name of a type.
        _ => object(arg).last().is_none_or(|word| {
            !["false", "off"]
                .iter()
                .any(|no| word.eq_ignore_ascii_case(no))
        }),
    }
}
