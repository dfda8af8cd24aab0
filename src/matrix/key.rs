//! What a result is about: as long as none of it changes, the test need not be
//! run again.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Sessions;

/// Identity of a result: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// All that a result depends on and that segue can know of.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What the database is in this state, see [`crate::visit`].
    pub state: &'a str,
    /// How the test meets it.
    pub sessions: Sessions,
    /// That of the state before it, if sessions were kept from there.
    pub before: Option<&'a str>,
    /// The name of the state, which the test is told.
    pub name: &'a str,
    /// The files of the code.
    pub tree: &'a str,
    /// The version of the code, which the test is told.
    pub version: &'a str,
    /// What prepares the code.
    pub prepare: Option<&'a str>,
    /// The test.
    pub test: &'a str,
    /// The folder in which both run, below the tree.
    pub folder: &'a str,
}

/// Changed when results of earlier versions of segue are not to be believed.
const FORM: &str = "segue compat 1";

impl Key {
    /// Of a result about this.
    #[must_use]
    pub fn of(about: &About<'_>) -> Self {
        let parts = [
            Some(FORM),
            Some(about.state),
            Some(about.sessions.as_str()),
            about.before,
            Some(about.name),
            Some(about.tree),
            Some(about.version),
            about.prepare,
            Some(about.test),
            Some(about.folder),
        ];
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists read the same.
            let length = part.map_or(0, |part| part.len() as u64 + 1);
            hash.update(length.to_be_bytes());
            hash.update(part.unwrap_or_default());
        }
        let mut digits = String::with_capacity(64);
        for byte in hash.finalize() {
            use fmt::Write as _;
            // Writing into a string cannot fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_changes_the_key() {
        let about = About {
            state: "s",
            sessions: Sessions::Fresh,
            before: None,
            name: "a.sql@ready",
            tree: "t",
            version: "1.0.0",
            prepare: None,
            test: "make test",
            folder: "",
        };
        let keys = [
            about,
            About {
                state: "u",
                ..about
            },
            About {
                sessions: Sessions::Kept,
                ..about
            },
            About {
                before: Some("r"),
                ..about
            },
            About {
                before: Some(""),
                ..about
            },
            About {
                name: "a.sql",
                ..about
            },
            About { tree: "v", ..about },
            About {
                version: "1.0.1",
                ..about
            },
            About {
                prepare: Some("make"),
                ..about
            },
            About {
                test: "make test ",
                ..about
            },
            About {
                folder: "app",
                ..about
            },
        ];
        let mut keys: Vec<_> = keys.iter().map(Key::of).collect();
        assert_eq!(keys[0], Key::of(&about));
        assert_eq!(keys[0].as_str().len(), 64);
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 11);
    }
}
