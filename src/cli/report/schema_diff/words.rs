//! The words of attributes, and the order in which people want to see them.

use crate::schema::name::{quoted, visible};

/// What an object or a part is comes first.
const FIRST: [&str; 25] = [
    "partition_of",
    "bound",
    "partition_by",
    "inherits",
    "of",
    "type",
    "collation",
    "not_null",
    "default",
    "identity",
    "generated",
    "expression",
    "arguments",
    "returns",
    "language",
    "columns",
    "constraints",
    "indexes",
    "triggers",
    "rules",
    "policies",
    "labels",
    "definition",
    "body",
    "sql_body",
];

/// Who may, and what people say about it, comes last.
const LAST: [&str; 5] = [
    "owner",
    "owner_privileges",
    "privileges",
    "security_labels",
    "comment",
];

/// Attributes sort by it, and by name.
pub(super) fn rank(attribute: &str) -> usize {
    let place = |list: &[&str]| list.iter().position(|known| *known == attribute);
    match (place(&FIRST), place(&LAST)) {
        (Some(place), _) => place,
        (None, Some(place)) => FIRST.len() + 1 + place,
        (None, None) => FIRST.len(),
    }
}

/// Whether it changes nothing for those who use the object.
pub(super) fn is_remark(attribute: Option<&String>) -> bool {
    attribute.is_some_and(|attribute| attribute == "comment" || attribute == "owner")
}

/// Lists whose order says nothing.
pub(super) fn is_set(attribute: &str) -> bool {
    matches!(
        attribute,
        "privileges" | "owner_privileges" | "roles" | "member_of" | "publications"
    )
}

/// `not_null` → `not null`
pub(super) fn label(attribute: &str) -> String {
    attribute.replace('_', " ")
}

/// `columns`, `id` → `column id`
pub(super) fn part(collection: &str, name: &str) -> String {
    let singular = match collection {
        "privileges" => "privileges of".to_owned(),
        "security_labels" => "security label of".to_owned(),
        "statistics" => "statistics of column".to_owned(),
        other => {
            let other = label(other);
            if let Some(stem) = other.strip_suffix("ies") {
                format!("{stem}y")
            } else if let Some(stem) = other.strip_suffix("xes") {
                format!("{stem}x")
            } else {
                other.strip_suffix('s').unwrap_or(&other).to_owned()
            }
        }
    };
    let is_identifier = matches!(
        collection,
        "columns"
            | "constraints"
            | "indexes"
            | "triggers"
            | "rules"
            | "policies"
            | "privileges"
            | "security_labels"
    );
    // Others are written as SQL writes them already, or are words.
    let name = if is_identifier {
        quoted(name)
    } else {
        visible(name)
    };
    format!("{singular} {name}")
}
