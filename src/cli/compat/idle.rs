//! A matrix in which nothing is promised: green, and of no use.

use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::compatibility::{Rule, Rules};
use crate::matrix::Matrix;
use crate::text::list;
use crate::version::Version;

/// Why no cell must work, and what would change that.
pub(super) fn error(matrix: &Matrix, rules: &Rules) -> Error {
    let mut versions: Vec<Version> = matrix.states.iter().filter_map(|one| one.version).collect();
    versions.dedup();
    let mut error = Error::new(Outcome::No, "no cell must work, so nothing is promised");
    let judged = matrix.apps.iter().map(|app| rules.judge(app.version, None));
    let judged: Vec<_> = judged.collect();
    error.notes.extend(judged.iter().map(ToString::to_string));
    if versions.is_empty() {
        return error
            .note("no migration of these states says `schema-version`")
            .help("write `-- segue: schema-version: 1.0.0` into the one with which that version is reached");
    }
    error = error.note(format!("the versions of these states: {}", list(versions)));
    let is_old = judged.iter().any(|one| matches!(one.rule, Rule::Oldest(_)));
    error.help(if is_old {
        "correct `oldest` of [versions], or add code that is supported to [[compat.app]]"
    } else {
        "add code to [[compat.app]] that needs one of them, or say in [versions.needs] what it needs"
    })
}
