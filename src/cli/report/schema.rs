//! Checks JSON against the schemas in `docs/json/`, for tests.
//!
//! A few keywords of JSON Schema are enough for them, and a validator that
//! knows all would bring thirty crates; a keyword that is not known here fails
//! the test, so none goes unchecked.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// All schemas, by name.
const SCHEMAS: [(&str, &str); 13] = [
    (
        "backfill",
        include_str!("../../../docs/json/backfill.schema.json"),
    ),
    (
        "check",
        include_str!("../../../docs/json/check.schema.json"),
    ),
    (
        "compat",
        include_str!("../../../docs/json/compat.schema.json"),
    ),
    (
        "diagnostic",
        include_str!("../../../docs/json/diagnostic.schema.json"),
    ),
    (
        "event",
        include_str!("../../../docs/json/event.schema.json"),
    ),
    ("gate", include_str!("../../../docs/json/gate.schema.json")),
    ("lint", include_str!("../../../docs/json/lint.schema.json")),
    ("plan", include_str!("../../../docs/json/plan.schema.json")),
    (
        "schema-diff",
        include_str!("../../../docs/json/schema-diff.schema.json"),
    ),
    (
        "served",
        include_str!("../../../docs/json/served.schema.json"),
    ),
    (
        "status",
        include_str!("../../../docs/json/status.schema.json"),
    ),
    (
        "verify",
        include_str!("../../../docs/json/verify.schema.json"),
    ),
    ("wait", include_str!("../../../docs/json/wait.schema.json")),
];

/// The schema of this name.
pub(crate) fn load(name: &str) -> Value {
    let found = SCHEMAS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.unwrap_or_else(|| panic!("no schema is named {name}"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Checks a value.
///
/// # Panics
/// With all problems, each with its path.
#[track_caller]
pub(crate) fn check(name: &str, value: &Value) {
    let root = load(name);
    let mut problems = Vec::new();
    validate(&root, &root, value, "$", &mut problems);
    assert!(problems.is_empty(), "{}\nin {value:#}", problems.join("\n"));
}

/// Checks a value against one property of a schema.
///
/// # Panics
/// As [`check`].
#[track_caller]
pub(crate) fn check_part(name: &str, property: &str, value: &Value) {
    let root = load(name);
    let mut problems = Vec::new();
    let schema = &root["properties"][property];
    validate(&root, schema, value, "$", &mut problems);
    assert!(problems.is_empty(), "{}\nin {value:#}", problems.join("\n"));
}

/// Checks a value against one of a schema's `$defs`.
///
/// # Panics
/// As [`check`].
#[track_caller]
pub(crate) fn check_def(name: &str, def: &str, value: &Value) {
    let root = load(name);
    let mut problems = Vec::new();
    validate(&root, &root["$defs"][def], value, "$", &mut problems);
    assert!(problems.is_empty(), "{}\nin {value:#}", problems.join("\n"));
}

fn validate(root: &Value, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        panic!("the schema at {path} is no object");
    };
    for (keyword, argument) in schema {
        match keyword.as_str() {
            "$schema" | "$defs" | "$id" | "title" | "description" => {}
            "$ref" => {
                let (root, target) = resolve(root, argument);
                validate(&root, &target, value, path, problems);
            }
            "type" => check_type(argument, value, path, problems),
            "const" => {
                if argument != value {
                    problems.push(format!("{path}: {value} is not {argument}"));
                }
            }
            "enum" => {
                if !argument.as_array().is_some_and(|all| all.contains(value)) {
                    problems.push(format!("{path}: {value} is none of {argument}"));
                }
            }
            "oneOf" => check_one(root, argument, value, path, problems),
            "required" => {
                let names = argument.as_array().expect("a list").iter();
                let names = names.map(|name| name.as_str().expect("a name"));
                for name in names.filter(|name| value.is_object() && value.get(name).is_none()) {
                    problems.push(format!("{path}: `{name}` is missing"));
                }
            }
            "properties" => {
                for (name, schema) in argument.as_object().expect("an object") {
                    if let Some(value) = value.get(name) {
                        validate(root, schema, value, &format!("{path}.{name}"), problems);
                    }
                }
            }
            "additionalProperties" => check_closed(schema, argument, value, path, problems),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, argument, item, &format!("{path}[{index}]"), problems);
                }
            }
            other => panic!("keyword `{other}` at {path} is not known to this check"),
        }
    }
}

/// The schema behind `#/$defs/name` or `plan.schema.json`, and its root.
fn resolve(root: &Value, reference: &Value) -> (Value, Value) {
    let reference = reference.as_str().expect("a text");
    let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let root = match file.strip_suffix(".schema.json") {
        Some(name) => load(name),
        None => root.clone(),
    };
    let target = root.pointer(pointer).cloned();
    let target = target.unwrap_or_else(|| panic!("nothing at {reference}"));
    (root, target)
}

fn check_type(argument: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let is = |name: &Value| match name.as_str().expect("a name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other} at {path}"),
    };
    let fits = match argument {
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if !fits {
        problems.push(format!("{path}: {value} is no {argument}"));
    }
}

fn check_one(
    root: &Value,
    argument: &Value,
    value: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    let all = argument.as_array().expect("a list");
    let tried: Vec<Vec<String>> = all
        .iter()
        .map(|schema| {
            let mut problems = Vec::new();
            validate(root, schema, value, path, &mut problems);
            problems
        })
        .collect();
    let fitting = tried.iter().filter(|problems| problems.is_empty()).count();
    if fitting != 1 {
        problems.push(format!("{path}: fits {fitting} of {} shapes", all.len()));
        // The shape that fits best says most.
        problems.extend(tried.into_iter().min_by_key(Vec::len).unwrap_or_default());
    }
}

fn check_closed(
    schema: &Map<String, Value>,
    argument: &Value,
    value: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    assert_eq!(argument, &Value::Bool(false), "at {path}");
    let known: BTreeSet<&String> = schema["properties"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if !known.contains(name) {
            problems.push(format!("{path}: `{name}` is not in the schema"));
        }
    }
}
