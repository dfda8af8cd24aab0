//! The name of a project.

use std::fmt;
use std::str::FromStr;

/// Whose migrations: `[A-Za-z0-9_.-]{1,63}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project(String);

/// Longest name, in bytes.
const LENGTH_MAX: usize = 63;

/// Why a text is no name of a project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// Nothing at all.
    #[error("the name of a project cannot be empty")]
    Empty,
    /// Longer than 63 characters.
    #[error("the name of a project has at most {LENGTH_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character that is not allowed.
    #[error("`{0}` cannot be in the name of a project: letters, digits, `_`, `.` and `-` can")]
    Character(char),
}

impl Default for Project {
    /// `main`
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl FromStr for Project {
    type Err = ProjectError;

    fn from_str(text: &str) -> Result<Self, ProjectError> {
        let is_allowed =
            |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
        if let Some(letter) = text.chars().find(|letter| !is_allowed(letter)) {
            return Err(ProjectError::Character(letter));
        }
        match text.len() {
            0 => Err(ProjectError::Empty),
            1..=LENGTH_MAX => Ok(Self(text.to_owned())),
            length => Err(ProjectError::TooLong(length)),
        }
    }
}

impl fmt::Display for Project {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Project {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, ProjectError>) {
        let parsed = text.parse::<Project>().map(|project| project.to_string());
        assert_eq!(parsed, expected.map(ToOwned::to_owned));
    }

    #[test]
    fn letters_digits_and_three_marks() {
        check("main", Ok("main"));
        check("Billing_2.eu-west", Ok("Billing_2.eu-west"));
        check(&"a".repeat(63), Ok(&"a".repeat(63)));
        check(&"a".repeat(64), Err(ProjectError::TooLong(64)));
        check("", Err(ProjectError::Empty));
        check("a b", Err(ProjectError::Character(' ')));
        check("größe", Err(ProjectError::Character('ö')));
        check("a/b", Err(ProjectError::Character('/')));
    }
}
