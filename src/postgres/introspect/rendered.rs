//! SQL as PostgreSQL renders it → as it renders it for good.

/// The text that PostgreSQL gives for what it makes of `sql`.
///
/// `x IN ('a', 'b')` over `varchar` is kept as a cast of the whole array,
/// `(ARRAY['a'::character varying, …])::text[]`. Read again, after a dump for
/// example, the cast belongs to each element, `ARRAY[('a'::character
/// varying)::text, …]`, and stays that way.
pub(super) fn settled(sql: &str) -> String {
    // Most have none.
    if !sql.contains(CAST_ARRAY) {
        return sql.to_owned();
    }
    let mut settled = String::with_capacity(sql.len() + sql.len() / 2);
    let mut rest = sql;
    while !rest.is_empty() {
        if let Some(array) = Array::at_start(rest) {
            settled.push_str("ARRAY[");
            for (index, element) in array.elements.iter().enumerate() {
                let separator = if index == 0 { "(" } else { ", (" };
                settled += separator;
                settled += &self::settled(element);
                settled += ")::";
                settled += array.of;
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
