//! Environment variables that a file takes, and their values, which may be
//! secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

mod data;

pub use data::DataFiller;

/// A value of fewer bytes counts as told only where it stands as a word of its
/// own: `a` is in every message.
const WITHIN_WORDS_FROM: usize = 6;

/// Names and values. `Debug` shows the names alone. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(Arc<BTreeMap<String, String>>);

/// A text with values in place of `${NAME}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// As it was written.
    pub written: String,
    /// With the values.
    pub text: String,
    /// Sorted, apart from one another.
    places: Vec<Place>,
}

/// One replacement, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Where `${NAME}` begins in the text as written.
    written: usize,
    written_len: usize,
    /// Where the value begins in the filled text.
    filled: usize,
    filled_len: usize,
}

/// A stretch of a text between two others, in bytes, and how long it is in
/// each of them.
struct Step {
    range: Range<usize>,
    written_len: usize,
    text_len: usize,
}

impl Filled {
    /// `written` with these texts in place of these ranges of its bytes, which
    /// are sorted and apart from one another.
    #[must_use]
    pub fn new(written: &str, replacements: &[(Range<usize>, &str)]) -> Self {
        let mut text = String::with_capacity(written.len());
        let mut places = Vec::with_capacity(replacements.len());
        let mut at = 0;
        for (range, value) in replacements {
            text.push_str(&written[at..range.start]);
            places.push(Place {
                written: range.start,
                written_len: range.len(),
                filled: text.len(),
                filled_len: value.len(),
            });
            text.push_str(value);
            at = range.end;
        }
        text.push_str(&written[at..]);
        Self {
            written: written.to_owned(),
            text,
            places,
        }
    }

    /// This, and then what `next` has made of its text: from the text as it was
    /// written to the last one. Where the two touch the same bytes, they are
    /// one place.
    #[must_use]
    pub fn then(&self, next: Self) -> Self {
        // Stretches of the text in between; what they were before it, what
        // they become behind it.
        let first = self.places.iter().map(|place| Step {
            range: place.filled..place.filled + place.filled_len,
            written_len: place.written_len,
            text_len: place.filled_len,
        });
        let second = next.places.iter().map(|place| Step {
            range: place.written..place.written + place.written_len,
            written_len: place.written_len,
            text_len: place.filled_len,
        });
        let mut steps: Vec<Step> = first.chain(second).collect();
        steps.sort_by_key(|step| (step.range.start, step.range.end));
        let mut places = Vec::new();
        let (mut between, mut written, mut filled) = (0, 0, 0);
        let mut steps = steps.into_iter().peekable();
        while let Some(step) = steps.next() {
            let start = step.range.start;
            let mut all = step;
            while let Some(step) = steps.next_if(|step| step.range.start < all.range.end) {
                let both = step.range.end.min(all.range.end) - step.range.start;
                all.range.end = all.range.end.max(step.range.end);
                all.written_len = (all.written_len + step.written_len).saturating_sub(both);
                all.text_len = (all.text_len + step.text_len).saturating_sub(both);
            }
            let gap = start - between;
            places.push(Place {
                written: written + gap,
                written_len: all.written_len,
                filled: filled + gap,
                filled_len: all.text_len,
            });
            between = all.range.end;
            written += gap + all.written_len;
            filled += gap + all.text_len;
        }
        Self {
            written: self.written.clone(),
            text: next.text,
            places,
        }
    }
}

impl Variables {
    /// These variables.
    #[must_use]
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(Arc::new(values))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of one that is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those of `names` that are set.
    #[must_use]
    pub fn only<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let value = |name: &str| Some((name.to_owned(), self.get(name)?.to_owned()));
        Self::new(names.into_iter().filter_map(value).collect())
    }

    /// These and `others`.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        if others.is_empty() {
            return self.clone();
        }
        let own = self.0.iter().chain(others.0.iter());
        let own = own.map(|(name, value)| (name.clone(), value.clone()));
        Self::new(own.collect())
    }

    /// Each `${NAME}` of a variable that is set, and the place of its `$`.
    fn places(&self, text: &str) -> Vec<(usize, &str, &str)> {
        let mut found = Vec::new();
        if self.is_empty() {
            return found;
        }
        let mut at = 0;
        while let Some(next) = memchr::memmem::find(&text.as_bytes()[at..], b"${") {
            let begin = at + next;
            at = begin + "${".len();
            let Some(end) = text[at..].find('}') else {
                break;
            };
            if let Some((name, value)) = self.0.get_key_value(&text[at..at + end]) {
                found.push((begin, name.as_str(), value.as_str()));
                at += end + "}".len();
            }
        }
        found
    }

    /// `text` with values in place of names; `None` if it names none of the
    /// variables. What a value holds is not replaced again.
    #[must_use]
    pub fn fill(&self, text: &str) -> Option<Filled> {
        self.fill_within(text, std::slice::from_ref(&(0..text.len())))
    }

    /// As [`Variables::fill`], but only in these ranges of `text`.
    #[must_use]
    pub fn fill_within(&self, text: &str, ranges: &[Range<usize>]) -> Option<Filled> {
        let mut found = self.places(text);
        found.retain(|(at, ..)| ranges.iter().any(|range| range.contains(at)));
        if found.is_empty() {
            return None;
        }
        let replacements: Vec<_> = found
            .into_iter()
            .map(|(begin, name, value)| (begin..begin + name.len() + "${}".len(), value))
            .collect();
        Some(Filled::new(text, &replacements))
    }

    /// Names of the variables that `text` takes, each once, in order.
    #[must_use]
    pub fn taken<'a>(&'a self, text: &str) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for (_, name, _) in self.places(text) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// `text` with names in place of values, so that it can be told.
    #[must_use]
    pub fn conceal(&self, text: &str) -> String {
        // Longest first: a value may begin with another one.
        let mut values: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        // How many bytes of the text are told of a value.
        let told = |at: usize, value: &str| {
            if !text[at..].starts_with(value) {
                return part_told(&text[..at], &text[at..], value);
            }
            let is_word = |one: char| one.is_alphanumeric() || one == '_';
            let is_told = value.len() >= WITHIN_WORDS_FROM
                || !text[..at].ends_with(is_word) && !text[at + value.len()..].starts_with(is_word);
            is_told.then_some(value.len())
        };
        let mut concealed = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(next) = text[at..].chars().next() {
            let mut found = values.iter().map(|(name, value)| (name, told(at, value)));
            if let Some((name, Some(length))) = found.find(|(_, length)| length.is_some()) {
                concealed.push_str("${");
                concealed.push_str(name);
                concealed.push('}');
                at += length;
            } else {
                concealed.push(next);
                at += next.len_utf8();
            }
        }
        concealed
    }
}

/// How many bytes of `rest`, which follows `before`, are a part of a value that
/// the server has cut, marked by dots as it does: of a row that it shows, for
/// example.
fn part_told(before: &str, rest: &str, value: &str) -> Option<usize> {
    const CUT: &str = "...";
    let common = |from: usize| {
        let pairs = rest.chars().zip(value[from..].chars());
        pairs
            .take_while(|(one, other)| one == other)
            .map(|(one, _)| one.len_utf8())
            .sum::<usize>()
    };
    let is_part = |from: usize, length: usize| {
        length >= WITHIN_WORDS_FROM
            && (rest[length..].starts_with(CUT) || from + length == value.len())
    };
    let cut_before = before.ends_with(CUT);
    let starts = value.char_indices().map(|(from, _)| from);
    starts
        .take_while(|from| cut_before || *from == 0)
        .map(|from| (from, common(from)))
        .filter(|(from, length)| is_part(*from, *length))
        .map(|(_, length)| length)
        .max()
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Filled {
    /// Where byte `at` of the filled text stands in the text as written, and
    /// how many bytes of it come from a value there: those of the whole
    /// `${NAME}`, at whose beginning it then stands.
    #[must_use]
    pub fn written_at(&self, at: usize) -> (usize, Option<usize>) {
        let before = self.places.partition_point(|place| place.filled <= at);
        let Some(place) = before.checked_sub(1).map(|index| self.places[index]) else {
            return (at, None);
        };
        if at < place.filled + place.filled_len {
            return (place.written, Some(place.written_len));
        }
        let behind = at - (place.filled + place.filled_len);
        (place.written + place.written_len + behind, None)
    }

    /// The stretch of the text as written that `start..end` of the filled text
    /// came from.
    #[must_use]
    pub fn written_range(&self, start: usize, end: usize) -> (usize, usize) {
        let (start, within) = self.written_at(start);
        let first = start + within.unwrap_or(0);
        let last = match self.written_at(end) {
            // An end inside a value, not at its beginning.
            (at, Some(length)) if self.places.iter().all(|place| place.filled != end) => {
                at + length
            }
            (at, _) => at,
        };
        (start, last.max(first.min(self.written.len())).max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(values: &[(&str, &str)]) -> Variables {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Variables::new(values.iter().map(owned).collect())
    }

    #[track_caller]
    fn check(text: &str, values: &[(&str, &str)], expected: Option<&str>) {
        let filled = variables(values).fill(text);
        assert_eq!(filled.map(|filled| filled.text).as_deref(), expected);
    }

    #[test]
    fn names_are_replaced_by_values() {
        check("GRANT x TO ${A};", &[("A", "bob")], Some("GRANT x TO bob;"));
        check("${A}${B}${A}", &[("A", "1"), ("B", "")], Some("11"));
        check("$${A}$$ $ ${", &[("A", "x")], Some("$x$$ $ ${"));
        check("${${A}}", &[("A", "x")], Some("${x}"));
    }

    #[test]
    fn what_is_not_listed_stays() {
        check("${B} ${ A } $A ${a}", &[("A", "x")], None);
        check("${B}${A}", &[("A", "x")], Some("${B}x"));
        check("${A", &[("A", "x")], None);
        check("${A}", &[], None);
    }

    #[test]
    fn values_are_not_replaced_again() {
        check("${A}", &[("A", "${B}"), ("B", "x")], Some("${B}"));
    }

    #[test]
    fn places_are_those_of_the_text_as_written() {
        let filled = variables(&[("A", "long value"), ("B", "")])
            .fill("a ${A} b${B}c")
            .expect("two places");
        assert_eq!(filled.text, "a long value bc");
        assert_eq!(filled.written_at(0), (0, None));
        assert_eq!(filled.written_at(2), (2, Some(4)));
        assert_eq!(filled.written_at(5), (2, Some(4)));
        assert_eq!(filled.written_at(12), (6, None));
        assert_eq!(filled.written_at(14), (12, None));
        assert_eq!(filled.written_range(0, 1), (0, 1));
        assert_eq!(filled.written_range(2, 12), (2, 6));
        assert_eq!(filled.written_range(0, 2), (0, 2));
        assert_eq!(filled.written_range(4, 6), (2, 6));
        assert_eq!(filled.written_range(13, 15), (7, 13));
    }

    #[test]
    fn one_after_the_other() {
        let first = variables(&[("A", "long value"), ("B", "")])
            .fill("a ${A} b${B}c d")
            .expect("two places");
        assert_eq!(first.text, "a long value bc d");
        let next = Filled::new(&first.text, &[(0..1, "xyz"), (14..14, "+"), (16..17, "$1")]);
        let both = first.then(next);
        assert_eq!(both.text, "xyz long value b+c $1");
        assert_eq!(both.written, "a ${A} b${B}c d");
        assert_eq!(both.written_at(1), (0, Some(1)));
        assert_eq!(both.written_at(6), (2, Some(4)));
        assert_eq!(both.written_at(15), (7, None));
        assert_eq!(both.written_at(17), (12, None));
        assert_eq!(both.written_range(19, 21), (14, 15));
        let within = Filled::new(&first.text, &[(5..10, "-"), (13..15, "*")]);
        let both = first.then(within);
        assert_eq!(both.text, "a lon-ue * d");
        assert_eq!(both.written_range(2, 8), (2, 6));
        assert_eq!(both.written_range(9, 10), (7, 13));
        assert_eq!(both.written_at(11), (14, None));
    }

    #[test]
    fn values_are_concealed() {
        let both = variables(&[("A", "hunter22"), ("B", "hunter22x"), ("C", "app")]);
        assert_eq!(
            both.conceal("hunter22, hunter22x, xhunter22"),
            "${A}, ${B}, x${A}"
        );
        assert_eq!(
            both.conceal("role \"app\" is no application"),
            "role \"${C}\" is no application"
        );
        assert_eq!(variables(&[("A", ""), ("B", " ")]).conceal("a b"), "a b");
        assert_eq!(format!("{both:?}"), r#"{"A", "B", "C"}"#);
    }

    #[test]
    fn values_that_the_server_has_cut_are_concealed() {
        let long = variables(&[("A", "0123456789éabcdef")]);
        assert_eq!(
            long.conceal("(1, 01234567..., 0123, 0123...) 012345678"),
            "(1, ${A}..., 0123, 0123...) 012345678"
        );
        assert_eq!(
            long.conceal("line 1: ...789éabcd..., ...89éabcdef, ...89éab, ...é"),
            "line 1: ...${A}..., ...${A}, ...89éab, ...é"
        );
    }
}
