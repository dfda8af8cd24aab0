//! What a rule says of a place in a migration.

use super::File;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::Name;
use crate::text::Span;

/// What a rule says of a place in a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which file.
    pub migration: Name,
    /// What and where, without its source.
    pub diagnostic: Diagnostic,
    /// Where the statement begins, byte of the file and line from 1; `None`: it
    /// is about the header. No label stands before it.
    pub statement: Option<(usize, usize)>,
    /// Why it is waived.
    pub waived: Option<String>,
}

impl Finding {
    /// Of directives in the header of a file.
    pub(super) fn of_header(file: &File, diagnostic: Diagnostic) -> Self {
        Self {
            migration: file.name.clone(),
            diagnostic,
            statement: None,
            waived: None,
        }
    }

    /// Shows a place; the first one is the primary.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.label(span, text);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.note(note);
        self
    }

    /// Adds what to do or type.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.help(help);
        self
    }

    /// Which rule, or which problem with a waiver.
    #[must_use]
    pub fn code(&self) -> Code {
        self.diagnostic.code
    }

    /// Whether it counts: an error that is not waived.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.waived.is_none() && self.diagnostic.severity == Severity::Error
    }

    /// The primary place.
    #[must_use]
    pub fn span(&self) -> Span {
        let first = self.diagnostic.labels.first();
        first.map_or(Span::new(0, 0), |label| label.span)
    }
}
