//! A statement → what identifies it, whatever its layout.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::lexer::lexemes;

/// SHA-256 of a statement without its comments and its layout.
///
/// Two statements with equal fingerprints differ in whitespace outside quotes
/// and in comments only. Case counts, and so does whitespace that separates
/// two words. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Around these, whitespace separates nothing.
const fn is_tight(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'[' | b']' | b',' | b';')
}

impl Fingerprint {
    /// The fingerprint of a statement's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut hash = Sha256::new();
        // Last byte hashed, and whether something was left out after it.
        let mut previous = None;
        let mut gap = false;
        for lexeme in lexemes(text) {
            if lexeme.token.is_trivia() {
                gap = true;
                continue;
            }
            let token = &bytes[lexeme.start..lexeme.end];
            if let Some(previous) = previous
                && gap
                && !is_tight(previous)
                && !is_tight(token[0])
            {
                hash.update(b" ");
            }
            hash.update(token);
            previous = token.last().copied();
            gap = false;
        }
        Self(hash.finalize().into())
    }

    /// The fingerprint of a text whose lexemes are not known: its layout counts.
    pub(super) fn of_bytes(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The fingerprint with these 32 bytes, as they are kept in the ledger;
    /// `None` if there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, equal: bool) {
        assert_eq!(
            Fingerprint::of(one) == Fingerprint::of(other),
            equal,
            "{one} and {other}"
        );
    }

    #[test]
    fn layout_and_comments_do_not_count() {
        check("SELECT 1", "SELECT\r\n\t1 -- one", true);
        check(
            "CREATE TABLE t (a int, b int)",
            "CREATE TABLE t(\n  a int,\n  b int\n)",
            true,
        );
        check("SELECT/**/1", "SELECT 1", true);
        check("SELECT a [1 ]", "SELECT a[1]", true);
    }

    #[test]
    fn everything_else_counts() {
        check("SELECT 1", "SELECT1", false);
        check("SELECT 1", "select 1", false);
        check("SELECT ' '", "SELECT '  '", false);
        check("SELECT '--'", "SELECT ''", false);
        check("SELECT $$( $$", "SELECT $$($$", false);
        check("a < = b", "a <= b", false);
        check("a '( b", "a '(b", false);
        check("E'\\'( '", "E'\\'('", false);
    }

    #[test]
    fn shown_as_hexadecimal_and_kept_as_bytes() {
        let fingerprint = Fingerprint::of("SELECT  1");
        // printf 'SELECT 1' | sha256sum
        assert_eq!(
            fingerprint.to_string(),
            "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5"
        );
        assert_eq!(
            Fingerprint::from_bytes(fingerprint.as_bytes()),
            Some(fingerprint)
        );
        assert_eq!(Fingerprint::from_bytes(&[0; 31]), None);
    }
}
