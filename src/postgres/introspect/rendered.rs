//! SQL as PostgreSQL renders it → as it renders it for good.

use std::borrow::Cow;

/// The text that PostgreSQL gives for what it makes of `sql`: a few expressions
/// change once when they are read again, after a dump for example. Means the
/// same; parentheses must be where PostgreSQL puts them unless told to be
/// pretty.
pub(super) fn settled(sql: &str) -> String {
    let mut sql = Cow::Borrowed(sql);
    // Most have neither.
    if sql.contains(CAST_ARRAY) {
        sql = Cow::Owned(cast_elements(&sql));
    }
    if sql.contains("((") && (sql.contains(") OR ") || sql.contains(") AND ")) {
        sql = Cow::Owned(flatten(&sql));
    }
    if sql.contains(VALUES) || COLUMNS.iter().any(|(_, alias)| sql.contains(alias)) {
        sql = Cow::Owned(name_and_nest(&sql));
    }
    sql.into_owned()
}

/// A condition's subquery says no name of a column that has none, `SELECT 'x'`
/// or `SELECT -1`; it is kept as `'x'::text` and `'-1'::integer`. Read again,
/// those have a name, that of the type, which is said then. It says nothing, so
/// it is left out.
///
/// `VALUES (1) ORDER BY 1` is kept as a query of `(VALUES (1))`. Read again, that
/// is a query of its own, `( VALUES (1))`.
fn name_and_nest(sql: &str) -> String {
    let mut settled = String::with_capacity(sql.len() + 1);
    let mut rest = sql;
    while !rest.is_empty() {
        let constant = if rest.starts_with("NULL::") {
            "NULL".len()
        } else {
            token_length(rest)
        };
        let (token, after) = rest.split_at(constant);
        settled.push_str(token);
        rest = after;
        if token == "(" && rest.starts_with("VALUES (") {
            settled.push(' ');
        } else if token.starts_with('\'') || token == "NULL" {
            for (cast, alias) in COLUMNS {
                let Some(behind) = rest.strip_prefix(cast) else {
                    continue;
                };
                let Some(behind) = behind.strip_prefix(alias) else {
                    continue;
                };
                if !behind.starts_with(|next: char| next.is_alphanumeric() || "_$\"".contains(next))
                {
                    settled.push_str(cast);
                    rest = behind;
                }
            }
        }
    }
    settled
}

const VALUES: &str = "(VALUES (";

/// Casts of constants that were written without one, and the name that a column
/// has by it.
const COLUMNS: [(&str, &str); 5] = [
    ("::text", " AS text"),
    ("::integer", " AS int4"),
    ("::bigint", " AS int8"),
    ("::numeric", " AS \"numeric\""),
    ("::\"bit\"", " AS \"bit\""),
];

/// `x IN ('a', 'b')` over `varchar` is kept as a cast of the whole array,
/// `(ARRAY['a'::character varying, …])::text[]`. Read again, the cast belongs
/// to each element, `ARRAY[('a'::character varying)::text, …]`.
fn cast_elements(sql: &str) -> String {
    let mut settled = String::with_capacity(sql.len() + sql.len() / 2);
    let mut rest = sql;
    while !rest.is_empty() {
        if let Some(array) = Array::at_start(rest) {
            settled.push_str("ARRAY[");
            for (index, element) in array.elements.iter().enumerate() {
                settled += if index == 0 { "" } else { ", " };
                if element.starts_with("ARRAY[") {
                    // An inner dimension: it goes on to the elements there.
                    settled += &cast_elements(&format!("({element})::{}[]", array.of));
                } else {
                    let element = cast_elements(element);
                    settled.extend(["(", &element, ")::", array.of]);
                }
            }
            settled.push(']');
            rest = array.rest;
        } else {
            let (token, after) = rest.split_at(token_length(rest));
            settled.push_str(token);
            rest = after;
        }
    }
    settled
}

const CAST_ARRAY: &str = "(ARRAY[";

/// A cast of an array that is written out: `(ARRAY[a, b])::text[]`.
struct Array<'a> {
    elements: Vec<&'a str>,
    /// The type of its elements.
    of: &'a str,
    /// What follows it.
    rest: &'a str,
}

impl<'a> Array<'a> {
    fn at_start(sql: &'a str) -> Option<Self> {
        let inside = sql.strip_prefix(CAST_ARRAY)?;
        let mut elements = Vec::new();
        let mut element = inside;
        let mut rest = inside;
        let mut depth = 0_u32;
        loop {
            let (token, after) = rest.split_at(token_length(rest));
            match token {
                "" => return None,
                "(" | "[" => depth += 1,
                "," | "]" if depth == 0 => {
                    elements.push(element[..element.len() - rest.len()].trim());
                    element = after;
                    if token == "]" {
                        break;
                    }
                }
                ")" | "]" => depth = depth.checked_sub(1)?,
                _ => {}
            }
            rest = after;
        }
        let cast = element.strip_prefix(")::")?;
        let length = type_length(cast);
        Some(Self {
            elements,
            of: &cast[..length],
            rest: cast[length..].strip_prefix("[]")?,
        })
    }
}

/// `x IN (a, b, c)` over columns is kept as `((x = a) OR (x = b)) OR (x = c)`,
/// and rows that are compared are conditions of their own within the others. Read
/// again, a first operand with the same operator is one with the whole; so it is
/// here, from the inside out.
fn flatten(sql: &str) -> String {
    let mut flat = String::with_capacity(sql.len());
    let mut outer: Vec<Group> = Vec::new();
    let mut group = Group::default();
    let mut rest = sql;
    while !rest.is_empty() {
        let operator = OPERATORS.iter().find(|one| rest.starts_with(**one));
        let length = operator.map_or_else(|| token_length(rest), |operator| operator.len());
        let (token, after) = rest.split_at(length);
        match token {
            "(" => {
                flat.push('(');
                let inner = Group {
                    start: flat.len(),
                    ..Group::default()
                };
                outer.push(std::mem::replace(&mut group, inner));
            }
            ")" => {
                if let Some(first) = group.first.filter(|first| first.operator == group.operator) {
                    flat.remove(first.end);
                    flat.remove(first.start);
                }
                let inner = std::mem::replace(&mut group, outer.pop().unwrap_or_default());
                // Something comes before it: it is no operand alone.
                if inner.operator.is_some() && inner.start == group.start + 1 {
                    group.first = Some(First {
                        start: group.start,
                        end: flat.len(),
                        operator: inner.operator,
                    });
                }
                flat.push(')');
            }
            _ => {
                if operator.is_some() && group.operator.is_none() {
                    group.operator = operator.copied();
                    group.first = group.first.filter(|first| first.end + 1 == flat.len());
                }
                flat.push_str(token);
            }
        }
        rest = after;
    }
    flat
}

const OPERATORS: [&str; 2] = [" OR ", " AND "];

/// What stands between parentheses.
#[derive(Default)]
struct Group {
    /// Where it starts, behind the parenthesis.
    start: usize,
    /// What joins its operands.
    operator: Option<&'static str>,
    first: Option<First>,
}

/// The first operand of a group, if it is one itself.
#[derive(Clone, Copy)]
struct First {
    /// Of its opening parenthesis.
    start: usize,
    /// Of its closing one.
    end: usize,
    operator: Option<&'static str>,
}

/// The length of a type's name: words, dots, quoted names and one modifier.
fn type_length(sql: &str) -> usize {
    let mut length = 0;
    while length < sql.len() {
        let rest = &sql[length..];
        let token = token_length(rest);
        let is_part = rest.starts_with(|first: char| {
            first.is_alphanumeric() || matches!(first, '_' | '.' | '"' | ' ' | '(' | ')' | ',')
        });
        if !is_part {
            break;
        }
        length += token;
    }
    length
}

/// The length of a string, of a quoted name, or else of one character.
fn token_length(sql: &str) -> usize {
    let Some(first) = sql.chars().next() else {
        return 0;
    };
    // PostgreSQL renders a string with a backslash as `E'…'` with both doubled,
    // so that a quote within is always doubled.
    let quote = match first {
        '\'' | '"' => first,
        _ => return first.len_utf8(),
    };
    let mut characters = sql.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return index + 1;
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests;
