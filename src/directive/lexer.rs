//! SQL cut into tokens, as finely as finding comments and calls needs.
//!
//! The rules are those of PostgreSQL's `scan.l`; what is unterminated reaches
//! to the end, and is reported by the statement splitter.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space and the byte order mark.
    Space,
    /// `-- …`, without the line end.
    LineComment,
    /// `/* … */`, nested ones included.
    BlockComment,
    /// A keyword, unquoted identifier or number.
    Word,
    /// `"…"`.
    Identifier,
    /// `'…'`.
    String,
    /// `$tag$…$tag$`.
    DollarString,
    /// Any other character.
    Symbol,
}

/// A token: its kind and its bytes in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// The tokens of `text`; their ranges follow each other without a gap.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    let mut escapes = false;
    std::iter::from_fn(move || {
        let start = at;
        // psql skips a byte order mark at the beginning of a file only.
        let mark = '\u{feff}'.len_utf8();
        let (kind, length) = if start == 0 && text.starts_with('\u{feff}') {
            (Kind::Space, mark)
        } else {
            token(&text[start..], escapes)?
        };
        at += length;
        let range = start..at;
        // In E'…' a backslash can escape the quote.
        escapes = kind == Kind::Word && text[range.clone()].eq_ignore_ascii_case("e");
        Some(Token { kind, range })
    })
}

/// The text between the tags of a dollar-quoted string.
pub(super) fn dollar_body(token: &str) -> Range<usize> {
    let tag = dollar_tag(token).unwrap_or(0);
    let end = if token.len() >= 2 * tag && token.ends_with(&token[..tag]) {
        token.len() - tag
    } else {
        token.len()
    };
    tag..end
}

/// White space to PostgreSQL.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Kind and length of the first token of `text`, `None` at the end.
fn token(text: &str, escapes: bool) -> Option<(Kind, usize)> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let run = |accepts: fn(u8) -> bool| {
        let other = bytes.iter().position(|byte| !accepts(*byte));
        other.unwrap_or(bytes.len())
    };
    Some(match first {
        _ if is_space(first) => (Kind::Space, run(is_space)),
        b'-' if text.starts_with("--") => (
            Kind::LineComment,
            run(|byte| !matches!(byte, b'\n' | b'\r')),
        ),
        b'/' if text.starts_with("/*") => (Kind::BlockComment, block_comment(bytes)),
        b'"' => (Kind::Identifier, quoted(bytes, b'"', false)),
        b'\'' => (Kind::String, quoted(bytes, b'\'', escapes)),
        b'$' => match dollar_tag(text) {
            Some(tag) => {
                let body = &text[tag..];
                let end = body.find(&text[..tag]).map_or(body.len(), |end| end + tag);
                (Kind::DollarString, tag + end)
            }
            None => (Kind::Symbol, 1),
        },
        // A dollar sign may stand in an identifier, but not begin it.
        _ if is_word(first) => (Kind::Word, run(|byte| is_word(byte) || byte == b'$')),
        _ => (Kind::Symbol, 1),
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Length of `$tag$` at the start of `text`.
fn dollar_tag(text: &str) -> Option<usize> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find('$')?;
    let valid = tag[..end].bytes().all(is_word)
        && !tag.starts_with(|character: char| character.is_ascii_digit());
    valid.then_some(end + 2)
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn quoted(bytes: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == quote {
            // A doubled quote stands for one of them.
            if bytes.get(at) != Some(&quote) {
                return at;
            }
            at += 1;
        } else if *byte == b'\\' && escapes {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<_> = tokens(text)
            .filter(|token| token.kind != Kind::Space)
            .map(|token| (token.kind, &text[token.range]))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_end_as_in_postgres() {
        check(
            "-- a\r-- b\n/* /* */ -- */x--",
            &[
                (Kind::LineComment, "-- a"),
                (Kind::LineComment, "-- b"),
                (Kind::BlockComment, "/* /* */ -- */"),
                (Kind::Word, "x"),
                (Kind::LineComment, "--"),
            ],
        );
        check("/*/ x */", &[(Kind::BlockComment, "/*/ x */")]);
    }

    #[test]
    fn comments_in_strings_are_none() {
        check(
            r#"'--' E'\'--' "/*""--" $$--$$ $a$ $$ $b$ $a$ a$$ $1"#,
            &[
                (Kind::String, "'--'"),
                (Kind::Word, "E"),
                (Kind::String, r"'\'--'"),
                (Kind::Identifier, r#""/*""--""#),
                (Kind::DollarString, "$$--$$"),
                (Kind::DollarString, "$a$ $$ $b$ $a$"),
                (Kind::Word, "a$$"),
                (Kind::Symbol, "$"),
                (Kind::Word, "1"),
            ],
        );
        assert_eq!(dollar_body("$a$ x $a$"), 3..6);
        assert_eq!(dollar_body("$$ x"), 2..4);
    }

    proptest! {
        #[test]
        fn tokens_are_the_text(text in r#"([-/*'"$aeE\\ \n\ré\u{feff}]|--|/\*|\*/|\$a\$)*"#) {
            let mut at = 0;
            for token in tokens(&text) {
                prop_assert_eq!(token.range.start, at);
                prop_assert!(token.range.end > at);
                prop_assert!(text.is_char_boundary(token.range.end));
                at = token.range.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
