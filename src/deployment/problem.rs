//! A problem in a migration's text, as a program gets it.

use std::fmt;

use crate::diagnostic::{Diagnostic, Severity, Style, render, to_json};
use crate::text::Source;

/// Something is wrong with a migration, or the server says so.
///
/// As text it has several lines: what is wrong, file, line and column, the
/// place itself, and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem(Box<Diagnostic>);

impl Problem {
    pub(super) fn new(diagnostic: Diagnostic) -> Self {
        Self(Box::new(diagnostic))
    }

    /// What is wrong, one line: lower case, no final period.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What kind of problem, `unknown-migration` for example; such a code
    /// never changes its meaning. `segue explain CODE` says more.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code.as_str()
    }

    /// The file, as it was named when it was embedded or read.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.source.as_deref().map(Source::name)
    }

    /// Line in the file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.0.position().map(|position| position.line)
    }

    /// Column in the line, in characters from 1.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.0.position().map(|position| position.column)
    }

    /// SQLSTATE, if the server reported it.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// Whether it is only told, and keeps nothing from running.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.0.severity == Severity::Warning
    }

    /// All of it for programs, by `docs/json/diagnostic.schema.json`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        to_json(&self.0)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(render(&self.0, Style::Plain).trim_end())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Problem")
            .field("code", &self.code())
            .field("file", &self.file())
            .field("line", &self.line())
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}
