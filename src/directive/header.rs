//! Finds the end of a file's header while the file is being read.

/// Where the header of the text seen so far ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderEnd {
    /// The header is the first so many bytes; a statement follows.
    Complete(usize),
    /// No statement has begun yet: read on. At the end of the file, the whole
    /// file is header.
    NeedMore,
}

/// Where the header of a file that begins with `text_so_far` ends.
#[must_use]
pub fn header_len(text_so_far: &str) -> HeaderEnd {
    match HeaderScanner::new().push(text_so_far.as_bytes()) {
        Some(length) => HeaderEnd::Complete(length),
        None => HeaderEnd::NeedMore,
    }
}

/// Finds the end of the header in a file that is read in chunks, cut anywhere,
/// looking at each byte once.
#[derive(Clone, Debug)]
pub struct HeaderScanner {
    /// Bytes seen.
    length: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the first byte, or so many bytes into a byte order mark.
    Mark(usize),
    /// Between comments.
    Between,
    /// After a `-` or `/` that may begin a comment.
    Opening(u8),
    Line,
    /// In `/* */`, so many deep; the byte before, unless it is used up.
    Block(usize, u8),
    /// A statement has begun at this byte.
    Ended(usize),
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl HeaderScanner {
    /// At the start of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            length: 0,
            state: State::Mark(0),
        }
    }

    /// Takes the next bytes of the file; once the header's end is among them,
    /// its length in bytes from the start of the file.
    pub fn push(&mut self, chunk: &[u8]) -> Option<usize> {
        for byte in chunk {
            self.state = self.next(*byte);
            if let State::Ended(length) = self.state {
                return Some(length);
            }
            self.length += 1;
        }
        None
    }

    /// Length of the header of a file that ends here.
    #[must_use]
    pub fn finish(&self) -> usize {
        match self.state {
            State::Ended(length) => length,
            State::Opening(_) => self.length - 1,
            _ => self.length,
        }
    }

    fn next(&self, byte: u8) -> State {
        match (self.state, byte) {
            (State::Mark(at), _) if MARK.get(at) == Some(&byte) => State::Mark(at + 1),
            (State::Mark(at), _) if at != 0 && at != MARK.len() => State::Ended(0),
            (State::Mark(_) | State::Between, b'-' | b'/') => State::Opening(byte),
            (State::Mark(_) | State::Between, _) if super::lexer::is_space(byte) => State::Between,
            (State::Mark(_) | State::Between, _) => State::Ended(self.length),
            (State::Opening(b'-'), b'-') => State::Line,
            (State::Opening(b'/'), b'*') => State::Block(1, 0),
            (State::Opening(_), _) => State::Ended(self.length - 1),
            (State::Line, b'\n' | b'\r') | (State::Block(1, b'*'), b'/') => State::Between,
            (State::Line, _) => State::Line,
            (State::Block(depth, b'/'), b'*') => State::Block(depth + 1, 0),
            (State::Block(depth, b'*'), b'/') => State::Block(depth - 1, 0),
            (State::Block(depth, _), _) => State::Block(depth, byte),
            (State::Ended(length), _) => State::Ended(length),
        }
    }
}

impl Default for HeaderScanner {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directive::lexer::{Kind, tokens};

    #[track_caller]
    fn check(text: &str, expected: HeaderEnd) {
        assert_eq!(header_len(text), expected);
    }

    #[test]
    fn the_header_ends_where_a_statement_begins() {
        check("-- a\n\n /* b */ SELECT 1", HeaderEnd::Complete(15));
        check("\u{feff}-- a\r\nSELECT 1", HeaderEnd::Complete(9));
        check("SELECT 1", HeaderEnd::Complete(0));
        check("-1", HeaderEnd::Complete(0));
        check("-- a\r;", HeaderEnd::Complete(5));
    }

    #[test]
    fn more_is_needed_while_all_is_comment() {
        check("", HeaderEnd::NeedMore);
        check("-- a\n-", HeaderEnd::NeedMore);
        check("/* /* */ SELECT 1", HeaderEnd::NeedMore);
        check("-- SELECT 1", HeaderEnd::NeedMore);
    }

    proptest! {
        #[test]
        fn any_cut_gives_what_the_lexer_sees(
            text in r"\u{feff}?([-/* \n\ra]|--|/\*|\*/|-- segue: x\n){0,30}",
            cut in 0_usize..60,
        ) {
            let expected = tokens(&text)
                .take_while(|token| matches!(
                    token.kind,
                    Kind::Space | Kind::LineComment | Kind::BlockComment
                ))
                .last()
                .map_or(0, |token| token.range.end);
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let mut scanner = HeaderScanner::new();
            let found = scanner.push(first).or_else(|| scanner.push(second));
            prop_assert_eq!(found.unwrap_or_else(|| scanner.finish()), expected);
        }
    }
}
