//! The files of the examples.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A path below `examples/pipelines`.
pub fn path(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/pipelines").join(name)
}

/// The text of a file below `examples/pipelines`.
#[track_caller]
pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents of a YAML text; keys that are there twice are refused.
#[track_caller]
pub fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

/// The one document of a file below `examples/pipelines`.
#[track_caller]
pub fn yaml(name: &str) -> Value {
    let mut documents = documents(&text(name));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// Strings of an array.
#[track_caller]
pub fn strings(array: &Value) -> Vec<&str> {
    let array = array
        .as_array()
        .unwrap_or_else(|| panic!("no array: {array}"));
    array
        .iter()
        .map(|item| item.as_str().unwrap_or_else(|| panic!("no string: {item}")))
        .collect()
}
