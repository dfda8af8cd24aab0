//! `>= 3.1, < 4` → [`Range`].

use std::fmt;

use super::{Malformed, Series, Version};

/// Versions from one up to another, never empty.
///
/// `segue.require` reads the same form: `src/postgres/ledger/version` has its
/// parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The lowest that is in it.
    from: Version,
    /// The lowest that is above it.
    below: Option<Version>,
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 5] = [">=", "<=", ">", "<", "="];

impl Range {
    /// From `from` on, below `below`; `None` if there is nothing in between.
    #[must_use]
    pub fn new(from: Version, below: Option<Version>) -> Option<Self> {
        let is_empty = below.is_some_and(|below| below <= from);
        (!is_empty).then_some(Self { from, below })
    }

    /// The lowest version that is in it.
    #[must_use]
    pub fn lowest(&self) -> Version {
        self.from
    }

    /// Parses bounds with commas between them, all of which hold: `>= 3.1, < 4`.
    /// A version may leave its last numbers out, and stands for all of its
    /// series: `= 3.1` is `>= 3.1.0, < 3.2.0`, `> 3` is `>= 4.0.0`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut from = Version::new(0, 0, 0);
        let mut below: Option<Version> = None;
        let mut start = 0;
        for part in text.split(',') {
            let (least, least_above) = bound(part).map_err(|error| Malformed {
                range: start + error.range.start..start + error.range.end,
                ..error
            })?;
            start += part.len() + 1;
            from = from.max(least);
            below = match (below, least_above) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Self::new(from, below).ok_or_else(|| Malformed {
            range: 0..text.len(),
            reason: "no version is in this range".to_owned(),
        })
    }

    /// Whether `version` is in it.
    #[must_use]
    pub fn contains(&self, version: Version) -> bool {
        self.from <= version && self.below.is_none_or(|below| version < below)
    }
}

impl fmt::Display for Range {
    /// `>= 3.1.0, < 4.0.0`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, ">= {}", self.from)?;
        match self.below {
            Some(below) => write!(formatter, ", < {below}"),
            None => Ok(()),
        }
    }
}

/// The lowest version that `part` allows, and the lowest above it, if there is
/// one.
fn bound(part: &str) -> Result<(Version, Option<Version>), Malformed> {
    let leading = part.len() - part.trim_start().len();
    let trimmed = part.trim();
    if trimmed.is_empty() {
        return Err(Malformed {
            range: leading..leading,
            reason: "a bound is missing: `>= 3.1`, for example".to_owned(),
        });
    }
    let Some(sign) = SIGNS.into_iter().find(|sign| trimmed.starts_with(sign)) else {
        return Err(Malformed {
            range: leading..leading + trimmed.len(),
            reason: "needs `>=`, `>`, `<=`, `<` or `=` before it".to_owned(),
        });
    };
    let rest = &trimmed[sign.len()..];
    let at = leading + sign.len() + (rest.len() - rest.trim_start().len());
    let series = Series::parse(rest.trim_start()).map_err(|error| Malformed {
        range: at + error.range.start..at + error.range.end,
        ..error
    })?;
    let lowest = Version::new(0, 0, 0);
    Ok(match sign {
        ">=" => (series.first(), None),
        ">" => (series.after(), None),
        "<=" => (lowest, Some(series.after())),
        "<" => (lowest, Some(series.first())),
        _ => (series.first(), Some(series.after())),
    })
}
