//! The statement of a backfill, with the places of its bounds.

use std::ops::Range;

use super::{Backfill, Key};
use crate::statement::lexer::{Lexeme, Token, lexemes};
use crate::text::Filled;

/// One of the two bounds of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `:lower`, the last key of the batch before.
    Lower,
    /// `:upper`, the last key of this batch.
    Upper,
}

impl Bound {
    /// As a statement writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lower => ":lower",
            Self::Upper => ":upper",
        }
    }

    /// How a statement compares with it.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Lower => "KEY > :lower",
            Self::Upper => "KEY <= :upper",
        }
    }
}

/// Why a statement cannot be run range by range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misused {
    /// It does not have this bound: each batch would do all of it.
    Missing(Bound),
    /// Here, in bytes of the statement, it stands in no comparison that keeps
    /// the ranges apart.
    Comparison(Bound, Range<usize>),
    /// `$1`, in bytes of the statement: segue's own parameters are called so.
    Parameter(Range<usize>),
}

/// Expressions to be put in place of the bounds, one per column of the key.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// For `:lower`.
    pub lower: &'a [String],
    /// For `:upper`.
    pub upper: &'a [String],
    /// Whether the row at `:lower` itself is meant too: of the first batch.
    pub includes_lower: bool,
}

/// A statement with bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// In their order.
    places: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    bound: Bound,
    /// `:lower` or `:upper`.
    range: Range<usize>,
    /// Whether a `(` stands right before it, which makes a row of several.
    is_in_parentheses: bool,
    /// Behind the `>` or `<` that leaves the bound out.
    strict: Option<usize>,
}

impl Place {
    fn expression(&self, values: Values<'_>) -> String {
        let all = match self.bound {
            Bound::Lower => values.lower,
            Bound::Upper => values.upper,
        };
        if all.len() == 1 || self.is_in_parentheses {
            return all.join(", ");
        }
        format!("ROW({})", all.join(", "))
    }
}

impl Template {
    /// Looks for the bounds in a statement.
    ///
    /// # Errors
    /// Everything that is wrong with them, in order.
    pub fn new(text: &str) -> Result<Self, Vec<Misused>> {
        let all: Vec<Lexeme> = lexemes(text)
            .filter(|lexeme| !lexeme.token.is_trivia())
            .collect();
        let line = Line { text, all: &all };
        let (mut places, mut wrong) = (Vec::new(), Vec::new());
        for index in 0..all.len() {
            if let Some(range) = line.parameter(index) {
                wrong.push(Misused::Parameter(range));
            }
            let Some((bound, range)) = line.bound(index) else {
                continue;
            };
            match line.comparison(index, bound) {
                Some(strict) => places.push(Place {
                    bound,
                    range,
                    is_in_parentheses: index > 0 && all[index - 1].token == Token::Open,
                    strict,
                }),
                None => wrong.push(Misused::Comparison(bound, range)),
            }
        }
        for bound in [Bound::Lower, Bound::Upper] {
            let is_there = places.iter().any(|place| place.bound == bound)
                || wrong
                    .iter()
                    .any(|one| matches!(one, Misused::Comparison(other, _) if *other == bound));
            if !is_there {
                wrong.push(Misused::Missing(bound));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            text: text.to_owned(),
            places,
        })
    }

    /// The statement as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement with these in place of its bounds.
    #[must_use]
    pub fn with(&self, values: Values<'_>) -> Filled {
        let mut replacements = Vec::new();
        for place in &self.places {
            replacements.push((place.range.clone(), place.expression(values)));
            if let Some(at) = place.strict.filter(|_| values.includes_lower) {
                replacements.push((at..at, "=".to_owned()));
            }
        }
        // The `=` comes before a bound that follows it at once.
        replacements.sort_by_key(|(range, _)| (range.start, range.end));
        let replacements: Vec<_> = replacements
            .iter()
            .map(|(range, text)| (range.clone(), text.as_str()))
            .collect();
        Filled::new(&self.text, &replacements)
    }

    /// The statement over all rows of its table at once, in one transaction
    /// with what comes before: its bounds are the first and the last key there
    /// is, of an empty table null.
    #[must_use]
    pub fn over_all(&self, backfill: &Backfill) -> Filled {
        let (lower, upper) = match &backfill.key {
            Key::Ctid => (
                vec!["'(0,0)'::tid".to_owned()],
                vec!["'(4294967295,65535)'::tid".to_owned()],
            ),
            Key::Columns(names) => {
                let table = table(backfill);
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                let ends = |direction: &str| -> Vec<String> {
                    let order: Vec<String> = names
                        .iter()
                        .map(|name| format!("segue_key.{name}{direction}"))
                        .collect();
                    let order = order.join(", ");
                    let end = |name: &String| {
                        format!(
                            "(SELECT segue_key.{name} FROM {table} AS segue_key ORDER BY {order} LIMIT 1)"
                        )
                    };
                    names.iter().map(end).collect()
                };
                (ends(""), ends(" DESC"))
            }
        };
        self.with(Values {
            lower: &lower,
            upper: &upper,
            includes_lower: true,
        })
    }

    /// The statement with parameters for its bounds: `$1` to `$n` for the
    /// lower one of a key with `n` columns, the next `n` for the upper one.
    #[must_use]
    pub fn with_parameters(&self, width: usize, includes_lower: bool) -> Filled {
        let row = |first: usize| (first..first + width).map(|n| format!("${n}"));
        self.with(Values {
            lower: &row(1).collect::<Vec<_>>(),
            upper: &row(1 + width).collect::<Vec<_>>(),
            includes_lower,
        })
    }
}

/// The table as SQL names it.
fn table(backfill: &Backfill) -> String {
    let name = quoted(&backfill.table.name);
    match &backfill.table.namespace {
        Some(namespace) => format!("{}.{name}", quoted(namespace)),
        None => name,
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The places of all `:name`, which psql and others take for variables; also
/// where SQL has a colon before a name, in a slice of an array or a JSON
/// constructor.
#[must_use]
pub fn variables(text: &str) -> Vec<Range<usize>> {
    let all: Vec<Lexeme> = lexemes(text).collect();
    let colon = |one: &Lexeme| one.end - one.start == 1 && text[one.start..].starts_with(':');
    let mut found = Vec::new();
    for (index, pair) in all.windows(2).enumerate() {
        let is_cast = index > 0 && colon(&all[index - 1]);
        if colon(&pair[0]) && pair[1].token == Token::Word && !is_cast {
            found.push(pair[0].start..pair[1].end);
        }
    }
    found
}

/// A statement's lexemes without whitespace and comments.
struct Line<'a> {
    text: &'a str,
    all: &'a [Lexeme],
}

impl Line<'_> {
    fn slice(&self, index: usize) -> &str {
        self.all
            .get(index)
            .map_or("", |lexeme| &self.text[lexeme.start..lexeme.end])
    }

    /// The parameter whose `$` this is.
    fn parameter(&self, index: usize) -> Option<Range<usize>> {
        let (sign, digits) = (self.all.get(index)?, self.all.get(index + 1)?);
        (self.slice(index) == "$" && digits.token == Token::Digits && sign.end == digits.start)
            .then_some(sign.start..digits.end)
    }

    /// The bound whose colon this is.
    fn bound(&self, index: usize) -> Option<(Bound, Range<usize>)> {
        let (colon, word) = (self.all.get(index)?, self.all.get(index + 1)?);
        let follows = index > 0 && {
            let before = self.all[index - 1];
            before.end == colon.start && self.slice(index - 1) == ":"
        };
        if self.slice(index) != ":" || word.start != colon.end || follows {
            return None;
        }
        let bound = match self.slice(index + 1) {
            "lower" => Bound::Lower,
            "upper" => Bound::Upper,
            _ => return None,
        };
        Some((bound, colon.start..word.end))
    }

    /// Whether the bound whose colon this is stands in its comparison; for the
    /// lower one where a `=` would let it in.
    #[expect(
        clippy::option_option,
        reason = "no comparison, one without such a place"
    )]
    fn comparison(&self, colon: usize, bound: Bound) -> Option<Option<usize>> {
        let mut before = colon.checked_sub(1)?;
        while self.all[before].token == Token::Open
            || self.slice(before).eq_ignore_ascii_case("row")
        {
            before = before.checked_sub(1)?;
        }
        let mut after = colon + 2;
        while self
            .all
            .get(after)
            .is_some_and(|one| one.token == Token::Close)
        {
            after += 1;
        }
        match (bound, self.operator_to(before), self.operator_from(after)) {
            (Bound::Lower, (">", end), _) | (Bound::Lower, _, ("<", end)) => Some(Some(end)),
            (Bound::Upper, ("<=", _), _) | (Bound::Upper, _, (">=", _)) => Some(None),
            _ => None,
        }
    }

    /// The operator that ends with this lexeme, and where.
    fn operator_to(&self, last: usize) -> (&str, usize) {
        let end = self.all[last].end;
        let mut first = last;
        if !self.is_operator(first) {
            return ("", end);
        }
        while first > 0
            && self.is_operator(first - 1)
            && self.all[first - 1].end == self.all[first].start
        {
            first -= 1;
        }
        (&self.text[self.all[first].start..end], end)
    }

    /// The operator that begins with this lexeme, and where it ends.
    fn operator_from(&self, first: usize) -> (&str, usize) {
        if !self.is_operator(first) {
            return ("", 0);
        }
        let mut last = first;
        while self.is_operator(last + 1) && self.all[last].end == self.all[last + 1].start {
            last += 1;
        }
        let end = self.all[last].end;
        (&self.text[self.all[first].start..end], end)
    }

    fn is_operator(&self, index: usize) -> bool {
        let mut characters = self.slice(index).chars();
        let is_one = |one: char| "+-*/<>=~!@#%^&|`?".contains(one);
        characters.next().is_some_and(is_one) && characters.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, first: &str, next: &str) {
        let template = Template::new(text).expect("a template");
        assert_eq!(template.with_parameters(width, true).text, first);
        assert_eq!(template.with_parameters(width, false).text, next);
    }

    #[track_caller]
    fn refuses(text: &str, expected: &[Misused]) {
        assert_eq!(Template::new(text).expect_err("misused"), expected);
    }

    #[test]
    fn bounds_become_parameters() {
        check(
            "UPDATE t SET b = a WHERE id > :lower AND id <= :upper",
            1,
            "UPDATE t SET b = a WHERE id >= $1 AND id <= $2",
            "UPDATE t SET b = a WHERE id > $1 AND id <= $2",
        );
        check(
            "DELETE FROM t WHERE (a, b) > (:lower) AND :upper >= (a, b) OR (a, b) <= ROW(:upper)",
            2,
            "DELETE FROM t WHERE (a, b) >= ($1, $2) AND ROW($3, $4) >= (a, b) OR (a, b) <= ROW($3, $4)",
            "DELETE FROM t WHERE (a, b) > ($1, $2) AND ROW($3, $4) >= (a, b) OR (a, b) <= ROW($3, $4)",
        );
        check(
            "DELETE FROM t WHERE :lower /* x */ < id AND :upper >= id",
            1,
            "DELETE FROM t WHERE $1 /* x */ <= id AND $2 >= id",
            "DELETE FROM t WHERE $1 /* x */ < id AND $2 >= id",
        );
    }

    #[test]
    fn all_rows_at_once() {
        let check = |directive: &str, text: &str, expected: &str| {
            let backfill = crate::backfill::parse(directive).expect("a backfill");
            let template = Template::new(text).expect("a template");
            assert_eq!(template.over_all(&backfill).text, expected);
        };
        check(
            "app.\"T\" by id",
            "DELETE FROM app.\"T\" WHERE id > :lower AND :upper >= id",
            "DELETE FROM app.\"T\" WHERE id >= \
             (SELECT segue_key.\"id\" FROM \"app\".\"T\" AS segue_key ORDER BY segue_key.\"id\" LIMIT 1) \
             AND (SELECT segue_key.\"id\" FROM \"app\".\"T\" AS segue_key ORDER BY segue_key.\"id\" DESC LIMIT 1) >= id",
        );
        check(
            "t by a, b",
            "DELETE FROM t WHERE (a, b) > (:lower) AND (a, b) <= :upper",
            "DELETE FROM t WHERE (a, b) >= (\
             (SELECT segue_key.\"a\" FROM \"t\" AS segue_key ORDER BY segue_key.\"a\", segue_key.\"b\" LIMIT 1), \
             (SELECT segue_key.\"b\" FROM \"t\" AS segue_key ORDER BY segue_key.\"a\", segue_key.\"b\" LIMIT 1)) \
             AND (a, b) <= ROW(\
             (SELECT segue_key.\"a\" FROM \"t\" AS segue_key ORDER BY segue_key.\"a\" DESC, segue_key.\"b\" DESC LIMIT 1), \
             (SELECT segue_key.\"b\" FROM \"t\" AS segue_key ORDER BY segue_key.\"a\" DESC, segue_key.\"b\" DESC LIMIT 1))",
        );
        check(
            "t by ctid",
            "DELETE FROM t WHERE ctid > :lower AND ctid <= :upper",
            "DELETE FROM t WHERE ctid >= '(0,0)'::tid AND ctid <= '(4294967295,65535)'::tid",
        );
    }

    #[test]
    fn variables_are_found() {
        let text = "SELECT :a, b::c, ':d', x[1:e], :'f' WHERE id >:lower -- :g";
        let found = variables(text).into_iter().map(|range| &text[range]);
        assert_eq!(found.collect::<Vec<_>>(), [":a", ":e", ":lower"]);
    }

    #[test]
    fn parameters_are_refused() {
        refuses(
            "DELETE FROM t WHERE a = $1 AND id > :lower AND id <= :upper",
            &[Misused::Parameter(24..26)],
        );
    }

    #[test]
    fn what_only_looks_like_a_bound_is_left_alone() {
        check(
            "UPDATE t SET b = ':lower', c = x::lower, d = $$:upper$$ WHERE id>:lower AND id<=:upper -- :lower",
            1,
            "UPDATE t SET b = ':lower', c = x::lower, d = $$:upper$$ WHERE id>=$1 AND id<=$2 -- :lower",
            "UPDATE t SET b = ':lower', c = x::lower, d = $$:upper$$ WHERE id>$1 AND id<=$2 -- :lower",
        );
    }

    #[test]
    fn bounds_that_do_not_keep_ranges_apart_are_refused() {
        refuses(
            "UPDATE t SET b = a",
            &[
                Misused::Missing(Bound::Lower),
                Misused::Missing(Bound::Upper),
            ],
        );
        refuses(
            "UPDATE t SET b = a WHERE id >= :lower AND id < :upper",
            &[
                Misused::Comparison(Bound::Lower, 31..37),
                Misused::Comparison(Bound::Upper, 47..53),
            ],
        );
        refuses(
            "UPDATE t SET b = a WHERE id BETWEEN :lower AND :upper",
            &[
                Misused::Comparison(Bound::Lower, 36..42),
                Misused::Comparison(Bound::Upper, 47..53),
            ],
        );
        refuses(
            "UPDATE t SET b = f(:lower) WHERE j -> :lower AND id <= :upper",
            &[
                Misused::Comparison(Bound::Lower, 19..25),
                Misused::Comparison(Bound::Lower, 38..44),
            ],
        );
    }
}
