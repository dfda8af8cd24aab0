//! `[snapshot]` of `segue.toml` → [`Choices`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::diagnostic::{Diagnostic, code};
use crate::sample::{Choice, Choices};
use crate::text::{Source, Span};

/// What a snapshot of data holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Snapshot {
    /// Folder of the snapshots, from the folder of `segue.toml`.
    pub folder: Option<String>,
    /// Rows of a table that `rows` does not name.
    first: Option<u64>,
    /// Rows by table: a query, a number, `true` for all, `false` for none.
    rows: BTreeMap<String, Spanned<Wanted>>,
    /// SQL expressions by table and column, in place of the values.
    replace: BTreeMap<String, String>,
}

/// Which rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a query, a number of rows, true for all or false for none"
)]
enum Wanted {
    Query(String),
    First(u64),
    All(bool),
}

impl Snapshot {
    /// What serde does not see.
    ///
    /// # Errors
    /// A query that is none, but a switch or a number in quotes.
    pub(super) fn check(&self, source: &Arc<Source>) -> Result<(), Box<Diagnostic>> {
        for (table, wanted) in &self.rows {
            let Wanted::Query(query) = wanted.get_ref() else {
                continue;
            };
            let text = query.trim();
            if matches!(text, "true" | "false") || text.parse::<u64>().is_ok() {
                let span = wanted.span();
                return Err(Box::new(
                    Diagnostic::new(
                        code::INVALID_CONFIGURATION,
                        format!("the rows of `{table}` are chosen by a text that is no query"),
                    )
                    .source(source)
                    .label(Span::new(span.start, span.end), "in quotes it is a query")
                    .help(format!("write `{text}` without quotes")),
                ));
            }
        }
        Ok(())
    }

    /// With our own defaults.
    #[must_use]
    pub fn choices(&self) -> Choices {
        let default = Choices::default();
        let rows = self.rows.iter().map(|(name, wanted)| {
            let choice = match wanted.get_ref() {
                Wanted::Query(query) => Choice::Query(query.clone()),
                Wanted::First(count) => Choice::First(*count),
                Wanted::All(true) => Choice::All,
                Wanted::All(false) => Choice::None,
            };
            (name.clone(), choice)
        });
        Choices {
            first: self.first.unwrap_or(default.first),
            rows: rows.collect(),
            replace: self.replace.clone(),
        }
    }
}
