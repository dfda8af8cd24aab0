//! Where the migrations of a program are.

use std::path::PathBuf;

use super::Embedded;
use super::embedded::ExpectedSchema;
use crate::apply::{OnMismatch, Verification};
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::migration::Migration;
use crate::schema::Rules;
use crate::text::Variables;

/// Where a program's migrations are: part of it, or in folders that are read
/// when it runs.
#[derive(Clone, Debug)]
pub struct Migrations {
    place: Place,
    expected: Expected,
}

#[derive(Clone, Debug)]
enum Place {
    Program(&'static Embedded),
    Folders(Vec<PathBuf>),
}

#[derive(Clone, Debug)]
enum Expected {
    Nothing,
    Folder(PathBuf),
    Program(ExpectedSchema),
}

impl Migrations {
    /// A folder, read at the beginning of each run: for development, and for
    /// images that carry their migrations as files.
    #[must_use]
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::Folders(vec![folder.into()]),
            expected: Expected::Nothing,
        }
    }

    /// The same with one more folder; all are one sequence, ordered by file
    /// name. What is embedded stays alone.
    #[must_use]
    pub fn and_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        if let Place::Folders(folders) = &mut self.place {
            folders.push(folder.into());
        }
        self
    }

    /// The same with a folder of the expected schema, against which the
    /// database is verified before it is ready.
    #[must_use]
    pub fn expected_schema(mut self, folder: impl Into<PathBuf>) -> Self {
        self.expected = Expected::Folder(folder.into());
        self
    }

    /// All headers, and what is wrong with the folders. Blocks.
    pub(super) fn read(
        &self,
        variables: &Variables,
    ) -> Result<(Vec<Migration>, Vec<Diagnostic>), files::Error> {
        match &self.place {
            Place::Program(embedded) => files::embedded::read(embedded.migrations, variables),
            Place::Folders(folders) => files::read_filled(folders, variables),
        }
    }

    /// What the schema is verified against, if it is.
    pub(super) fn verification(
        &self,
        rules: &Rules,
        on_mismatch: OnMismatch,
    ) -> Option<Verification> {
        let (folder, embedded) = match &self.expected {
            Expected::Nothing => return None,
            Expected::Folder(folder) => (folder.clone(), None),
            Expected::Program(schema) => (PathBuf::from(schema.folder), Some(schema.files)),
        };
        Some(Verification {
            folder,
            embedded,
            rules: rules.clone(),
            on_mismatch,
        })
    }
}

impl From<&'static Embedded> for Migrations {
    fn from(embedded: &'static Embedded) -> Self {
        Self {
            expected: match embedded.expected_schema {
                Some(schema) => Expected::Program(schema),
                None => Expected::Nothing,
            },
            place: Place::Program(embedded),
        }
    }
}
