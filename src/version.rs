//! Versions of code and of the schema: three numbers, independent of file names
//! and of how releases are numbered.

use std::fmt;
use std::ops::Range as Bytes;

mod range;

pub use range::Range;

/// Largest number of a version: nine digits, so that PostgreSQL's `integer`
/// holds it and one more.
const NUMBER_MAX: u32 = 999_999_999;

/// A version, `3.1.0` as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Code and schema have to agree on it.
    pub major: u32,
    /// The schema goes first; older code goes on working.
    pub minor: u32,
    /// Whatever changes nothing for the other side.
    pub patch: u32,
}

/// A version whose last numbers may be left out: `3.1` is all of `3.1.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    major: u32,
    minor: Option<u32>,
    patch: Option<u32>,
}

/// Why a text is no version or range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, in bytes of the text; empty where something is missing.
    pub range: Bytes<usize>,
    /// Why, for people.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl Version {
    /// The version with these numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Parses `X.Y.Z`, all three numbers.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let series = Series::parse(text)?;
        match series {
            Series {
                major,
                minor: Some(minor),
                patch: Some(patch),
            } => Ok(Self::new(major, minor, patch)),
            _ => Err(Malformed {
                range: 0..text.len(),
                reason: "three numbers are needed".to_owned(),
            }),
        }
    }

    /// Parses what a user names a version of code by: `3.1` is `3.1.0`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse_short(text: &str) -> Result<Self, Malformed> {
        Series::parse(text).map(Series::first)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Series {
    /// Parses `X`, `X.Y` or `X.Y.Z`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut start = 0;
        let mut numbers = Vec::new();
        for part in text.split('.') {
            let range = start..start + part.len();
            start = range.end + 1;
            numbers.push(number(part).map_err(|reason| Malformed {
                range,
                reason: reason.to_owned(),
            })?);
        }
        let (major, minor, patch) = match *numbers.as_slice() {
            [major] => (major, None, None),
            [major, minor] => (major, Some(minor), None),
            [major, minor, patch] => (major, Some(minor), Some(patch)),
            _ => {
                return Err(Malformed {
                    range: 0..text.len(),
                    reason: "three numbers are needed".to_owned(),
                });
            }
        };
        Ok(Self {
            major,
            minor,
            patch,
        })
    }

    /// Its lowest version.
    #[must_use]
    pub fn first(self) -> Version {
        Version::new(self.major, self.minor.unwrap_or(0), self.patch.unwrap_or(0))
    }

    /// The lowest version after it: `3.2.0` after `3.1`.
    #[must_use]
    pub fn after(self) -> Version {
        match (self.minor, self.patch) {
            (Some(minor), Some(patch)) => Version::new(self.major, minor, patch + 1),
            (Some(minor), None) => Version::new(self.major, minor + 1, 0),
            (None, _) => Version::new(self.major + 1, 0, 0),
        }
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub fn contains(self, version: Version) -> bool {
        self.first() <= version && version < self.after()
    }

    /// How many numbers it gives, 1 to 3: more is more exact.
    #[must_use]
    pub fn numbers(self) -> usize {
        1 + usize::from(self.minor.is_some()) + usize::from(self.patch.is_some())
    }
}

impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.major)?;
        let rest = self.minor.iter().chain(&self.patch);
        rest.into_iter()
            .try_for_each(|number| write!(formatter, ".{number}"))
    }
}

fn number(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Err("a number is missing");
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("not a number");
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err("a number begins with 0");
    }
    let number = text.parse().ok().filter(|number| *number <= NUMBER_MAX);
    number.ok_or("a number is too large")
}

#[cfg(test)]
mod tests;
