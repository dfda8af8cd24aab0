//! A check's result in the forms of GitHub and GitLab.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::check::{Checked, Found};
use super::check_text;
use crate::diagnostic::render::Style;
use crate::diagnostic::{Diagnostic, Severity};

/// Where the repository is, and where we are: files are named from the top of
/// the repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    /// Its top; `None`: where we are.
    pub top: Option<PathBuf>,
    /// The working directory.
    pub here: PathBuf,
}

impl Repository {
    /// A file as the repository's host knows it, with slashes.
    pub(super) fn path(&self, file: &str) -> String {
        let top = self.top.as_ref().unwrap_or(&self.here);
        let absolute = self.here.join(file);
        let mut plain = PathBuf::new();
        for component in absolute.components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    plain.pop();
                }
                component => plain.push(component),
            }
        }
        let shown = plain.strip_prefix(top).unwrap_or(Path::new(file));
        shown.to_string_lossy().replace('\\', "/")
    }
}

/// The steps as lines of the log, and a workflow command per finding
/// (GitHub's manual, "Workflow commands for GitHub Actions").
pub(crate) fn github(checked: &Checked, repository: &Repository) -> String {
    let mut text = check_text::steps(checked);
    for found in &checked.found {
        let diagnostic = found.diagnostic(checked);
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut properties = Vec::new();
        if let Some((file, line)) = place(found) {
            properties.push(format!("file={}", property(&repository.path(&file))));
            properties.push(format!("line={line}"));
        }
        properties.push(format!("title={}", property(diagnostic.code.as_str())));
        let message = data(&message(found, &diagnostic));
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "::{command} {}::{message}", properties.join(","));
    }
    let _ = writeln!(text, "{}", check_text::summary(checked));
    text
}

/// A Code Quality report (GitLab's manual, "Code Quality report format").
pub(crate) fn gitlab(checked: &Checked, repository: &Repository) -> Value {
    let issues = checked.found.iter().map(|found| {
        let diagnostic = found.diagnostic(checked);
        // Each issue needs a file, or it is not shown.
        let (file, line) = place(found).unwrap_or_else(|| ("segue.toml".to_owned(), 1));
        let path = repository.path(&file);
        // Without the line: a finding that has only moved is the same one.
        let fingerprint = fingerprint(&[diagnostic.code.as_str(), &path, &diagnostic.message]);
        json!({
            "description": message(found, &diagnostic),
            "check_name": diagnostic.code.as_str(),
            "fingerprint": fingerprint,
            "severity": match diagnostic.severity {
                Severity::Error => "major",
                Severity::Warning => "minor",
            },
            "location": { "path": path, "lines": { "begin": line } },
        })
    });
    Value::Array(issues.collect())
}

/// What tells a finding from others: 32 hexadecimal digits.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    digest
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// File and line of a finding.
fn place(found: &Found) -> Option<(String, usize)> {
    let diagnostic = &found.finding.diagnostic;
    match (&diagnostic.source, diagnostic.position()) {
        (Some(source), Some(position)) => Some((source.name().to_owned(), position.line)),
        (Some(source), None) => Some((source.name().to_owned(), 1)),
        (None, _) => Some((found.finding.file.clone()?, 1)),
    }
}

/// All that there is to say, as plain text.
fn message(found: &Found, diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    for note in &diagnostic.notes {
        let _ = write!(text, "\n{note}");
    }
    if let Some(difference) = &found.finding.difference {
        let shown = check_text::difference(difference, Style::Plain);
        let _ = write!(text, "\n{}", shown.trim_end());
    }
    for help in &diagnostic.helps {
        let _ = write!(text, "\nhelp: {help}");
    }
    text
}

/// The text of a workflow command.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a workflow command.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
