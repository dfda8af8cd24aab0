//! Which part of a database's schema is the project's.

use crate::schema::Rules;
use crate::schema::rules::PatternError;

/// Which part of a database's schema is the project's: what `[schema]` says in
/// `segue.toml`, for a program that verifies against an expected schema.
///
/// They have to be those by which the expected schema was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRules(pub(super) Rules);

/// Something is not written as a pattern: see `docs/expected-schema.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct InvalidPattern(#[from] PatternError);

impl Default for SchemaRules {
    /// Those of a `segue.toml` that says nothing: all namespaces, privileges
    /// and settings of the database; no owners, roles or order of columns.
    fn default() -> Self {
        Self(Rules {
            privileges: true,
            database_settings: true,
            ..Rules::default()
        })
    }
}

impl SchemaRules {
    /// As a `segue.toml` that says nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The namespaces that the project owns; otherwise all.
    #[must_use]
    pub fn namespaces(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.namespaces = names.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out what matches, `table public.tmp_*` for example.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn ignore(mut self, pattern: &str) -> Result<Self, InvalidPattern> {
        self.0.ignore.push(pattern.parse()?);
        Ok(self)
    }

    /// Whether owners matter.
    #[must_use]
    pub fn owners(mut self, matter: bool) -> Self {
        self.0.owners = matter;
        self
    }

    /// Whether the order of columns matters.
    #[must_use]
    pub fn column_order(mut self, matters: bool) -> Self {
        self.0.column_order = matters;
        self
    }

    /// Whether privileges matter.
    #[must_use]
    pub fn privileges(mut self, matter: bool) -> Self {
        self.0.privileges = matter;
        self
    }

    /// Whether roles matter.
    #[must_use]
    pub fn roles(mut self, matter: bool) -> Self {
        self.0.roles = matter;
        self
    }

    /// Whether settings of the database matter.
    #[must_use]
    pub fn database_settings(mut self, matter: bool) -> Self {
        self.0.database_settings = matter;
        self
    }
}
