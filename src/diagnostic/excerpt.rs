//! The few lines of a source that a diagnostic shows.
//!
//! What is shown must stay readable and harmless whatever the file holds: a
//! line of a megabyte is cut around its label, and passwords in connection
//! strings are masked.

use std::ops::Range;

use super::Diagnostic;
use crate::text::{Source, Span};

/// A line of more characters than this is cut.
const LINE_CHARS_MAX: usize = 160;
/// Characters that stay in front of the place that a cut line is shown for.
const CHARS_BEFORE: usize = 40;

/// Text to draw, with the labels as ranges of it.
pub(super) struct Excerpt {
    /// Lines that end in `\n`, from the first labelled one to the last.
    pub(super) text: String,
    /// Number of the first line.
    pub(super) first_line: usize,
    /// Number of the last line.
    pub(super) last_line: usize,
    /// Ranges of `text`, in the order of the diagnostic's labels.
    pub(super) ranges: Vec<Range<usize>>,
}

/// How one line of the source was carried over.
struct Line {
    /// Range of the source's text, without the line's end.
    range: Range<usize>,
    /// The part of it that is shown.
    shown: Range<usize>,
    /// Where the shown part begins in the excerpt.
    start: usize,
}

impl Excerpt {
    /// `None` if the diagnostic has no place.
    pub(super) fn new(diagnostic: &Diagnostic) -> Option<Self> {
        let source = diagnostic.source.as_deref()?;
        let spans = diagnostic.labels.iter();
        let spans: Vec<_> = spans.map(|label| visible(source, label.span)).collect();
        let text = source.text();
        let first = spans.iter().map(|span| span.start).min()?;
        let last = spans.iter().map(|span| span.end).max()?;
        let begin = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[last..]
            .find('\n')
            .map_or(text.len(), |newline| last + newline);
        let first_line = source.first_line() + text[..begin].matches('\n').count();

        let mut excerpt = String::new();
        let mut lines: Vec<Line> = Vec::new();
        let mut start = begin;
        for line in text[begin..end].split('\n') {
            let range = start..start + line.strip_suffix('\r').unwrap_or(line).len();
            let shown = shown(text, &range, &spans);
            start += line.len() + 1;
            // A byte order mark is invisible, and a place of its own on screen.
            let bom = range.start == 0 && text.starts_with('\u{feff}');
            let shown = if bom && shown.start == 0 {
                '\u{feff}'.len_utf8()..shown.end
            } else {
                shown
            };
            if shown.start > range.start && !bom {
                excerpt.push_str("...");
            }
            let line_start = excerpt.len();
            // Masked before it is cut, since the cut may hide what tells a
            // password.
            let masked = mask_passwords(&text[range.clone()]);
            excerpt.push_str(&masked[shown.start - range.start..shown.end - range.start]);
            if shown.end < range.end {
                excerpt.push_str("...");
            }
            excerpt.push('\n');
            lines.push(Line {
                range,
                shown,
                start: line_start,
            });
        }
        // The library knows no empty last line, but a file that ends too early
        // is labelled there.
        if lines.last().is_some_and(|line| line.shown.is_empty()) {
            excerpt.pop();
            excerpt.push_str(" \n");
        }
        let moved = |offset: usize| {
            let line = lines.partition_point(|line| line.range.start <= offset);
            let line = &lines[line.saturating_sub(1)];
            line.start + offset.clamp(line.shown.start, line.shown.end) - line.shown.start
        };
        let ranges = spans.iter().map(|span| moved(span.start)..moved(span.end));
        Some(Self {
            ranges: ranges.collect(),
            text: excerpt,
            first_line,
            last_line: first_line + lines.len() - 1,
        })
    }
}

/// The range to underline: without line ends at its end, which would draw it
/// into the next line.
fn visible(source: &Source, span: Span) -> Range<usize> {
    let range = source.range(span);
    let text = source.text()[range.clone()].trim_end_matches(['\r', '\n']);
    range.start..range.start + text.len()
}

/// The part of `line` that fits, around the first label that touches it.
fn shown(text: &str, line: &Range<usize>, spans: &[Range<usize>]) -> Range<usize> {
    let characters = text[line.clone()].chars().count();
    if characters <= LINE_CHARS_MAX {
        return line.clone();
    }
    let within = |offset: usize| line.start <= offset && offset <= line.end;
    let focus = spans
        .iter()
        .find_map(|span| {
            [span.start, span.end]
                .into_iter()
                .find(|offset| within(*offset))
        })
        .unwrap_or(line.start);
    let focus = text[line.start..focus].chars().count();
    let first = focus
        .saturating_sub(CHARS_BEFORE)
        .min(characters - LINE_CHARS_MAX);
    let byte = |character: usize| {
        let mut starts = text[line.clone()].char_indices();
        starts
            .nth(character)
            .map_or(line.end, |(byte, _)| line.start + byte)
    };
    byte(first)..byte(first + LINE_CHARS_MAX)
}

/// `line` with each byte of a connection string's password as `*`; of the same
/// length, so that offsets stay true.
///
/// In comments, where `connection` stands, strings count that libpq would not
/// understand: a malformed one is shown in an error, and is no less secret.
fn mask_passwords(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let comment = lower
        .trim_start_matches(['\u{feff}', ' ', '\t'])
        .starts_with("--");
    let mut masked: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    // Quotes do not end a word, since they may be part of a password.
    for word in line.split_inclusive([' ', '\t']) {
        let authority = match word.find("://") {
            Some(scheme) => scheme + "://".len(),
            None if comment => 0,
            None => word.len(),
        };
        if let Some(colon) = word[authority..].find(':')
            && let Some(at) = word.rfind('@').filter(|at| *at > authority + colon)
        {
            masked.push(start + authority + colon + 1..start + at);
        }
        start += word.len();
    }
    if comment || lower.contains("connection") || lower.contains("://") {
        for (name, _) in lower.match_indices("password") {
            let after = &line[name + "password".len()..];
            let Some(value) = after.trim_start().strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start();
            let start = line.len() - value.len();
            masked.push(start..start + password_len(value));
        }
    }
    let mut bytes = line.as_bytes().to_vec();
    for range in masked {
        bytes[range].fill(b'*');
    }
    // Only whole characters were replaced, and by ASCII.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(line.len()))
}

/// Length of the value at the start of `text`, in libpq's keyword form or as
/// a query parameter.
fn password_len(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (offset, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted && offset > 0 => return offset + 1,
            '&' | '\'' | '"' if !quoted => return offset,
            character if !quoted && character.is_whitespace() => return offset,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn masks(line: &str, expected: &str) {
        assert_eq!(mask_passwords(line), expected);
    }

    #[test]
    fn passwords_of_connection_strings_are_masked() {
        masks(
            "-- codd-connection: postgres://joe:s3@ret@db/app",
            "-- codd-connection: postgres://joe:******@db/app",
        );
        masks(
            "-- codd-connection: postgres://joe:it's@db/app",
            "-- codd-connection: postgres://joe:****@db/app",
        );
        masks(
            "-- segue: connection: host=db password = 'it\\'s' user=joe",
            "-- segue: connection: host=db password = ******* user=joe",
        );
        masks(
            "CONNECTION 'postgresql://db/app?password=x&sslmode=require'",
            "CONNECTION 'postgresql://db/app?password=*&sslmode=require'",
        );
        masks(
            "-- codd-conection: joe:pw@db password=x",
            "-- codd-conection: joe:**@db password=*",
        );
        masks(
            "-- connection: dbname=a PASSWORD=é",
            "-- connection: dbname=a PASSWORD=**",
        );
    }

    #[test]
    fn other_text_is_shown_as_it_is() {
        for line in [
            "UPDATE users SET password = $1 WHERE id = 2",
            "-- postgres://db/app",
            "SELECT 'https://example.org:443/', a::text, @x",
            "-- Contact: joe@example.org",
            "-- codd-connection: postgres://joe@db:5432/app",
        ] {
            masks(line, line);
        }
    }
}
