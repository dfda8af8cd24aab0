//! Which code may meet which schema: the rules of `[versions]` in `segue.toml`,
//! and what they say of a pair of versions.
//!
//! What they are asked about is read elsewhere: [`crate::gate`] asks for a
//! deployment, the matrix of tests for each of its cells.

use std::fmt;

use crate::version::{Range, Series, Version};

/// The rules of a project.
///
/// Where nothing else is said, code A.B.C works with schema X.Y.Z if X is A and
/// Y is at least B. A minor version of the schema comes before the code that
/// needs it, and older code goes on working; a major one is a break on which
/// both have to agree; the last numbers are bug fixes of either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    oldest: Option<Version>,
    /// Each series once; the most exact ones first.
    needs: Vec<(Series, Range)>,
}

/// What the rules promise of a version of the code and one of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They work together.
    Must,
    /// Nothing: they may work together, or not.
    NeedNot,
}

/// The rule that has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What holds where nothing else is said.
    Default,
    /// `[versions.needs]`, by the key that names the code.
    Needs(Series),
    /// `oldest`: the code is older, and not supported any more.
    Oldest(Version),
}

/// What the rules say, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The version of the code.
    pub app: Version,
    /// The version of the schema; `None` if it has none.
    pub schema: Option<Version>,
    /// What is promised.
    pub verdict: Verdict,
    /// By which rule.
    pub rule: Rule,
    /// The versions of the schema that the code needs.
    pub needs: Range,
}

impl Rules {
    /// The rules with an `oldest` version of the code that is still supported,
    /// and what some code needs instead of what it would by default.
    #[must_use]
    pub fn new(oldest: Option<Version>, mut needs: Vec<(Series, Range)>) -> Self {
        needs.sort_by_key(|(app, _)| (std::cmp::Reverse(app.numbers()), *app));
        Self { oldest, needs }
    }

    /// The oldest version of the code that is still supported, if there is a
    /// limit.
    #[must_use]
    pub fn oldest(&self) -> Option<Version> {
        self.oldest
    }

    /// The versions of the schema that `app` works with.
    #[must_use]
    pub fn needs(&self, app: Version) -> Range {
        self.need(app).0
    }

    /// What is promised of `app` and `schema`. A schema without a version is
    /// none that any code needs.
    #[must_use]
    pub fn verdict(&self, app: Version, schema: Option<Version>) -> Verdict {
        self.judge(app, schema).verdict
    }

    /// As [`Rules::verdict`], with the reason.
    #[must_use]
    pub fn judge(&self, app: Version, schema: Option<Version>) -> Judgement {
        let (needs, rule) = self.need(app);
        let too_old = self.oldest.filter(|oldest| app < *oldest);
        let fits = schema.is_some_and(|schema| needs.contains(schema));
        let (verdict, rule) = match too_old {
            Some(oldest) => (Verdict::NeedNot, Rule::Oldest(oldest)),
            None if fits => (Verdict::Must, rule),
            None => (Verdict::NeedNot, rule),
        };
        Judgement {
            app,
            schema,
            verdict,
            rule,
            needs,
        }
    }

    fn need(&self, app: Version) -> (Range, Rule) {
        let own = self.needs.iter().find(|(series, _)| series.contains(app));
        own.map_or_else(
            || (default_need(app), Rule::Default),
            |(series, range)| (*range, Rule::Needs(*series)),
        )
    }
}

/// `>= A.B, < A+1` of A.B.C.
fn default_need(app: Version) -> Range {
    let from = Version::new(app.major, app.minor, 0);
    let below = Version::new(app.major + 1, 0, 0);
    Range::new(from, Some(below)).expect("the next major version is higher")
}

impl Judgement {
    /// Whether the two may meet: only what is promised is relied on.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Must
    }
}

impl Verdict {
    /// In words, as the matrix has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must work",
            Self::NeedNot => "need not work",
        }
    }
}

impl Rule {
    /// One word, for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Needs(_) => "needs",
            Self::Oldest(_) => "oldest",
        }
    }
}

impl fmt::Display for Judgement {
    /// ``code 3.0.0 needs schema >= 3.0.0, < 4.0.0``, and by which rule.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, needs, .. } = self;
        match self.rule {
            Rule::Default => write!(formatter, "code {app} needs schema {needs}"),
            Rule::Needs(series) => write!(
                formatter,
                "code {app} needs schema {needs}, by \"{series}\" in [versions.needs]"
            ),
            Rule::Oldest(oldest) => write!(
                formatter,
                "code {app} is older than {oldest}, the oldest in [versions]"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
