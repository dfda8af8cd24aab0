//! A matrix as JSON, by `docs/json/compat.schema.json`.

use serde_json::{Value, json};

use super::json::{VERSION, milliseconds};
use crate::compatibility::Verdict;
use crate::matrix::{Matrix, Origin, Ran, Sight};

/// The result.
pub(crate) fn json(matrix: &Matrix) -> Value {
    let apps = matrix.apps.iter().map(|app| {
        let (of_ref, path) = match &app.origin {
            Origin::Ref(name) => (Some(name), None),
            Origin::Folder(path) => (None, Some(path)),
        };
        json!({
            "version": app.version.to_string(),
            "ref": of_ref,
            "path": path,
            "test": app.test,
            "sessions": app.sessions.as_str(),
            "needs": app.needs,
        })
    });
    let states = matrix.states.iter().map(|state| {
        json!({
            "state": state.name,
            "schema_version": state.version.map(|version| version.to_string()),
        })
    });
    let cells = matrix.placed().map(|placed| {
        let (reason, tail, log) = match &placed.cell.ran {
            Ran::Passed => (None, [].as_slice(), None),
            Ran::Failed(failure) => (
                Some(&failure.reason),
                failure.tail.as_slice(),
                failure.log.as_ref(),
            ),
            Ran::NotRun(why) => (Some(why), [].as_slice(), None),
        };
        json!({
            "app": placed.app.version.to_string(),
            "state": placed.state.name,
            "must_work": placed.cell.promise == Verdict::Must,
            "result": placed.cell.sight().as_str(),
            "reason": reason,
            "output": tail,
            "log": log,
            "duration_ms": milliseconds(placed.cell.took),
            "earlier": placed.cell.is_earlier,
        })
    });
    let counts = Sight::ALL
        .into_iter()
        .map(|sight| (sight.as_str().to_owned(), json!(matrix.count(sight))));
    json!({
        "version": VERSION,
        "ok": matrix.is_well(),
        "project": matrix.project,
        "major": matrix.major,
        "apps": apps.collect::<Vec<_>>(),
        "states": states.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
        "counts": Value::Object(counts.collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::schema;
    use crate::matrix::example;

    #[test]
    fn it_is_as_its_schema_says() {
        schema::check("compat", &json(&example::matrix()));
        let none = Matrix {
            apps: Vec::new(),
            states: Vec::new(),
            cells: Vec::new(),
            ..example::matrix()
        };
        schema::check("compat", &json(&none));
        assert_eq!(json(&none)["ok"], true);
        assert_eq!(json(&example::matrix())["ok"], false);
    }
}
