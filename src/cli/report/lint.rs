//! What `segue lint` has found, ready to be told in any form.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::{Finding, Release};
use crate::text::Source;

/// The result of `segue lint`.
#[derive(Debug)]
pub(crate) struct Linted {
    /// What is wrong, in the order of the files.
    pub items: Vec<Item>,
    /// How many files were judged.
    pub files: usize,
    /// How they come to a database.
    pub release: Release,
}

/// Something that is wrong.
#[derive(Debug)]
pub(crate) struct Item {
    /// What and where.
    pub diagnostic: Diagnostic,
    /// What a rule says; `None`: the file is not valid.
    pub finding: Option<Finding>,
}

impl Item {
    /// A file that is not valid.
    pub(crate) fn invalid(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            finding: None,
        }
    }

    /// What a rule says, in the lines that `source` reads.
    pub(crate) fn finding(
        finding: Finding,
        source: impl FnOnce(&Finding) -> Option<Arc<Source>>,
    ) -> Self {
        let mut diagnostic = finding.diagnostic.clone();
        diagnostic.source = source(&finding);
        Self {
            diagnostic,
            finding: Some(finding),
        }
    }

    /// Why it is waived.
    pub(crate) fn waived(&self) -> Option<&str> {
        self.finding.as_ref()?.waived.as_deref()
    }
}

impl Linted {
    /// What is not waived.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.waived().is_none())
    }

    /// How many of them are so bad.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let standing = self.standing();
        standing
            .filter(|item| item.diagnostic.severity == severity)
            .count()
    }

    /// Whether nothing is to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.standing().next().is_none()
    }

    /// Whether a file is not valid.
    pub(crate) fn is_invalid(&self) -> bool {
        self.items
            .iter()
            .any(|item| item.finding.is_none() && item.diagnostic.severity == Severity::Error)
    }

    /// Whether nothing counts.
    pub(crate) fn is_well(&self, strict: bool) -> bool {
        self.count(Severity::Error) == 0 && (!strict || self.count(Severity::Warning) == 0)
    }
}
