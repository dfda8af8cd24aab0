//! `[versions]` of `segue.toml` → [`Rules`].

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::compatibility::Rules;
use crate::diagnostic::{Diagnostic, code};
use crate::text::{Source, Span};
use crate::version::{Malformed, Range, Series, Version};

/// Which code works with which schema, and how sessions tell their code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Versions {
    /// The oldest version of the code that is still supported.
    oldest: Option<Spanned<String>>,
    /// Regular expression whose first group is the version of the code in a
    /// session's `application_name`.
    app_name: Option<Spanned<String>>,
    /// What the schema has to be, by version of the code: `"1.9" = ">= 1.9, < 2.1"`.
    needs: BTreeMap<Spanned<String>, Spanned<String>>,
    /// The rules that these texts make.
    #[serde(skip)]
    rules: Rules,
}

impl Versions {
    /// Reads the texts.
    ///
    /// # Errors
    /// The first that has not its form, and where.
    pub(super) fn check(&mut self, source: &Arc<Source>) -> Result<(), Box<Diagnostic>> {
        let refuse = |text: &Spanned<String>, error: &Malformed, message: String| {
            // Between the quotes, unless it is written with escapes or longer
            // ones.
            let (start, end) = (text.span().start, text.span().end);
            let shown = source.text().get(start..end).unwrap_or_default();
            let at = shown.find(text.get_ref()).map_or(start, |at| start + at);
            let span = if at + error.range.end <= end && at > start || shown == text.get_ref() {
                Span::new(at + error.range.start, at + error.range.end)
            } else {
                Span::new(start, end)
            };
            Box::new(
                Diagnostic::new(code::INVALID_CONFIGURATION, message)
                    .source(source)
                    .label(span, error.reason.clone()),
            )
        };
        let oldest = self.oldest.as_ref().map(|text| {
            Version::parse_short(text.get_ref())
                .map_err(|error| refuse(text, &error, "this is no version".to_owned()))
        });
        let needs = self.needs.iter().map(|(app, range)| {
            let series = Series::parse(app.get_ref()).map_err(|error| {
                let message = "this is no version of the code".to_owned();
                refuse(app, &error, message)
            })?;
            let needed = Range::parse(range.get_ref()).map_err(|error| {
                let message = "this is no range of versions".to_owned();
                refuse(range, &error, message)
            })?;
            Ok((series, needed))
        });
        let needs: Vec<(Series, Range)> = needs.collect::<Result<_, Box<Diagnostic>>>()?;
        if let Some(text) = &self.app_name {
            let whole = |reason: String| Malformed {
                range: 0..text.get_ref().len(),
                reason,
            };
            let refused = match Regex::new(text.get_ref()) {
                Err(error) => {
                    let lines = error.to_string();
                    let last = lines.lines().last().unwrap_or_default();
                    Some(whole(last.trim_start_matches("error: ").to_owned()))
                }
                Ok(regex) if regex.captures_len() < 2 => {
                    let reason =
                        r"has no group for the version: `app/(\d+\.\d+\.\d+)`, for example";
                    Some(whole(reason.to_owned()))
                }
                Ok(_) => None,
            };
            if let Some(error) = refused {
                let message = "`app-name` is no regular expression with a version".to_owned();
                return Err(refuse(text, &error, message));
            }
        }
        self.rules = Rules::new(oldest.transpose()?, needs);
        Ok(())
    }

    /// Which code works with which schema.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether sessions may tell their code by `application_name`.
    #[must_use]
    pub fn reads_names(&self) -> bool {
        self.app_name.is_some()
    }

    /// The version of the code that an `application_name` tells, if `app-name`
    /// matches; what stands in its place if that is none.
    pub fn told_by(&self) -> impl Fn(&str) -> Option<Result<Version, String>> {
        let text = self.app_name.as_ref().map(Spanned::get_ref);
        let regex = text.and_then(|text| Regex::new(text).ok());
        move |name: &str| {
            let found = regex.as_ref()?.captures(name)?;
            let told = found.get(1)?.as_str();
            Some(Version::parse_short(told).map_err(|_| told.to_owned()))
        }
    }
}
