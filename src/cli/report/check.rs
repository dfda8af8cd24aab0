//! What a check has found, put together over all major versions.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::apply::rehearse::{Examined, Seen, Verdict};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::rehearsal::{Finding, Step};
use crate::text::list;

/// The result of `segue check`.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// How the files were.
    pub files: Option<Seen>,
    /// What the rules of `segue lint` say of them.
    pub lint: Option<Seen>,
    /// Each major version with its steps, in the order of the checks.
    pub majors: Vec<(u32, Vec<Seen>)>,
    /// What is not as it should be; each once.
    pub found: Vec<Found>,
}

/// A finding, and where it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub finding: Finding,
    /// On which major versions; empty if it is of the files alone.
    pub majors: Vec<u32>,
}

impl Found {
    /// The diagnostic, with the major versions if there are several in all.
    pub(crate) fn diagnostic(&self, checked: &Checked) -> Diagnostic {
        let diagnostic = self.finding.diagnostic.clone();
        if checked.majors.len() < 2 || self.majors.is_empty() {
            return diagnostic;
        }
        diagnostic.note(format!("on PostgreSQL {}", list(&self.majors)))
    }
}

impl Checked {
    /// Takes what reading the files gave.
    pub(crate) fn files(
        &mut self,
        count: usize,
        findings: impl Iterator<Item = Finding>,
        duration: Duration,
    ) {
        self.findings_of_all(findings);
        let is_valid = self.is_well();
        self.files = Some(Seen {
            step: Step::Files,
            verdict: if is_valid {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            count,
            duration,
        });
    }

    /// Takes what the rules of `segue lint` say; `None`: nobody has asked.
    pub(crate) fn lint(
        &mut self,
        count: usize,
        findings: Option<Vec<Finding>>,
        duration: Duration,
    ) {
        let is_bad = |finding: &Finding| finding.diagnostic.severity == Severity::Error;
        let verdict = match &findings {
            None => Verdict::Skipped("turned off by `--no-lint`".to_owned()),
            Some(findings) if findings.iter().any(is_bad) => Verdict::Failed,
            Some(_) => Verdict::Passed,
        };
        self.findings_of_all(findings.unwrap_or_default());
        self.lint = Some(Seen {
            step: Step::Lint,
            verdict,
            count,
            duration,
        });
    }

    /// Takes findings of the files alone.
    pub(crate) fn findings_of_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.found.extend(findings.into_iter().map(|finding| Found {
            finding,
            majors: Vec::new(),
        }));
    }

    /// Takes what was seen on one major version, but for findings whose cause
    /// was `cured` meanwhile.
    pub(crate) fn examined(&mut self, mut examined: Examined, cured: &BTreeSet<Code>) {
        let is_cured = |finding: &Finding| cured.contains(&finding.diagnostic.code);
        for seen in &mut examined.seen {
            let own = || examined.findings.iter().filter(|one| one.step == seen.step);
            if own().count() > 0 && own().all(is_cured) {
                seen.verdict = Verdict::Passed;
            }
        }
        examined.findings.retain(|finding| !is_cured(finding));
        for finding in examined.findings {
            let known = self.found.iter_mut().find(|one| one.finding == finding);
            match known {
                Some(found) => found.majors.push(examined.major),
                None => self.found.push(Found {
                    finding,
                    majors: vec![examined.major],
                }),
            }
        }
        self.majors.push((examined.major, examined.seen));
    }

    /// Whether nothing is wrong; what is only told does not count.
    pub(crate) fn is_well(&self) -> bool {
        self.errors() == 0
    }

    /// How many findings are errors.
    pub(crate) fn errors(&self) -> usize {
        let errors = self.found.iter();
        errors
            .filter(|found| found.finding.diagnostic.severity == Severity::Error)
            .count()
    }

    /// All steps with their major version; `None` for the files.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (Option<u32>, &Seen)> {
        let of_majors = self
            .majors
            .iter()
            .flat_map(|(major, seen)| seen.iter().map(move |seen| (Some(*major), seen)));
        let of_files = self.files.iter().chain(&self.lint);
        of_files.map(|seen| (None, seen)).chain(of_majors)
    }
}
