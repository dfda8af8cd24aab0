//! `[compat]` of `segue.toml`: versions of the code, and their tests.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::cli::duration::HumanDuration;
use crate::diagnostic::{Diagnostic, code};
use crate::matrix::Sessions;
use crate::text::{Source, Span};
use crate::version::Version;

/// What `segue compat` runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Compat {
    /// `--jobs`
    pub jobs: Option<NonZeroUsize>,
    /// How long one test may take.
    pub timeout: Option<HumanDuration>,
    /// Versions of the code.
    pub app: Vec<App>,
}

/// `[[compat.app]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct App {
    /// Which version, `3.1` for 3.1.0.
    pub version: Spanned<CodeVersion>,
    /// A branch, tag or commit.
    #[serde(rename = "ref", default)]
    pub git_ref: Option<Spanned<String>>,
    /// A folder, from that of `segue.toml`; of `ref`, if there is one.
    #[serde(default)]
    pub path: Option<Spanned<String>>,
    /// Run once before its tests.
    #[serde(default)]
    pub prepare: Option<String>,
    /// Its test.
    pub test: String,
    /// Whether it runs on while the schema changes.
    #[serde(default)]
    pub sessions: SessionsArg,
}

/// A version as people name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CodeVersion(pub Version);

impl TryFrom<String> for CodeVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let version = Version::parse_short(&text);
        version
            .map(Self)
            .map_err(|error| format!("`{text}` is no version: {error}; write `3.1.0`"))
    }
}

/// `"fresh"` or `"kept"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SessionsArg(pub Sessions);

impl TryFrom<String> for SessionsArg {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let all = [Sessions::Fresh, Sessions::Kept];
        let found = all.into_iter().find(|one| one.as_str() == text);
        found
            .map(Self)
            .ok_or_else(|| format!("`{text}` is neither `fresh` nor `kept`"))
    }
}

impl Compat {
    /// What serde does not see.
    ///
    /// # Errors
    /// A version that is there twice; one that comes from nowhere.
    pub(super) fn check(&self, source: &Arc<Source>) -> Result<(), Box<Diagnostic>> {
        for (index, app) in self.app.iter().enumerate() {
            let version = app.version.get_ref().0;
            let problem = |message: String, label: &'static str| {
                let span = app.version.span();
                Diagnostic::new(code::INVALID_CONFIGURATION, message)
                    .source(source)
                    .label(Span::new(span.start, span.end), label)
            };
            let mut before = self.app[..index].iter();
            if before.any(|other| other.version.get_ref().0 == version) {
                let message = format!("code {version} is in [[compat.app]] twice");
                return Err(Box::new(problem(message, "again here")));
            }
            if app.git_ref.is_none() && app.path.is_none() {
                let message = format!("code {version} comes from nowhere");
                return Err(Box::new(problem(message, "of this one").help(
                    "name a git tag, branch or commit by `ref`, or a folder by `path`",
                )));
            }
            if app.test.trim().is_empty() {
                let message = format!("code {version} has no test: `test` is empty");
                return Err(Box::new(problem(message, "of this one")));
            }
        }
        Ok(())
    }
}
