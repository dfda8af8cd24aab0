//! Problems in the user's text: what is wrong, where, and what to type.
//!
//! A [`Diagnostic`] stays structured until the very end; [`render`](fn@render)
//! draws it for people, [`to_json`] for programs.

use std::sync::Arc;

use crate::text::{Position, Source, Span, Variables};

pub mod code;
mod excerpt;
mod json;
pub mod render;

pub use code::Code;
pub use json::to_json;
pub use render::{Style, render};

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing runs while one of these is there.
    Error,
    /// Told; `--strict` refuses some of them.
    Warning,
}

/// A place in the source with the reason why it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Bytes from the start of the file.
    pub span: Span,
    /// Why here, for example ``ended here``; may be empty.
    pub text: String,
}

/// One problem in one file.
///
/// Message: lower case, no final period, what is wrong. Labels: why here; the
/// first one is the primary. Helps: what to type instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of problem; one of [`code::TABLE`].
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where; `None` if the problem is in no file's text.
    pub source: Option<Arc<Source>>,
    /// Places in `source`, the primary one first.
    pub labels: Vec<Label>,
    /// Further facts, DETAIL of the server for example.
    pub notes: Vec<String>,
    /// What to do or type.
    pub helps: Vec<String>,
    /// SQLSTATE, if the server reported the problem: `42P01`.
    pub sqlstate: Option<String>,
}

impl Diagnostic {
    /// A problem without a place yet, as bad as the table of codes says.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            source: None,
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            sqlstate: None,
        }
    }

    /// An error without a place yet; also makes one of a warning's code, for
    /// `--strict`.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            ..Self::new(code, message)
        }
    }

    /// A warning without a place yet.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::new(code, message)
        }
    }

    /// The file that the labels point into.
    #[must_use]
    pub fn source(mut self, source: &Arc<Source>) -> Self {
        self.source = Some(Arc::clone(source));
        self
    }

    /// Shows a place; the first one is the primary.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do or type.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// Says with which SQLSTATE the server reported the problem.
    #[must_use]
    pub fn sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// Adds a help made from `value`, if there is one.
    #[must_use]
    pub fn help_if<T>(self, value: Option<T>, help: impl FnOnce(T) -> String) -> Self {
        match value {
            Some(value) => self.help(help(value)),
            None => self,
        }
    }

    /// The same with names of variables in place of their values, wherever
    /// they are told.
    #[must_use]
    pub fn conceal(mut self, variables: &Variables) -> Self {
        if !variables.is_empty() {
            let labels = self.labels.iter_mut().map(|label| &mut label.text);
            let texts = labels.chain(&mut self.notes).chain(&mut self.helps);
            for text in texts.chain(std::iter::once(&mut self.message)) {
                *text = variables.conceal(text);
            }
        }
        self
    }

    /// Where and what, one line: `migrations/1.sql:3:1: unknown directive`.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self {
            source, message, ..
        } = self;
        match (source, self.position()) {
            (Some(source), Some(at)) => {
                format!("{}:{}:{}: {message}", source.name(), at.line, at.column)
            }
            (Some(source), None) => format!("{}: {message}", source.name()),
            (None, _) => message.clone(),
        }
    }

    /// Line and column of the primary label.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let source = self.source.as_ref()?;
        Some(source.position(self.labels.first()?.span.start))
    }
}
