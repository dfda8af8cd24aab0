//! Names of objects for people: readable, and no two alike.

use std::borrow::Cow;
use std::fmt;

use super::{Kind, ObjectId};

impl fmt::Display for ObjectId {
    /// `table public.users`, `view public."Odd name"`,
    /// `function public.f(integer, text)`: names as SQL writes them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{}.", quoted(namespace))?;
        }
        match self.kind {
            Kind::Function | Kind::Procedure | Kind::Aggregate => {
                let (name, arguments) = split_arguments(&self.name);
                write!(formatter, "{}{}", quoted(name), visible(arguments))
            }
            // Their names are made of several, each as SQL writes it.
            Kind::Operator
            | Kind::OperatorClass
            | Kind::OperatorFamily
            | Kind::Cast
            | Kind::Transform
            | Kind::UserMapping
            | Kind::DefaultPrivileges => formatter.write_str(&visible(&self.name)),
            _ => formatter.write_str(&quoted(&self.name)),
        }
    }
}

/// `f` and `(integer, text)`.
fn split_arguments(name: &str) -> (&str, &str) {
    // A name with a parenthesis is odd, so is a type with one; the first is
    // the end of all others.
    let first = name.find('(').unwrap_or(name.len());
    let end = if is_plain(&name[..first]) {
        first
    } else {
        name.rfind('(').unwrap_or(name.len())
    };
    name.split_at(end)
}

/// A name as SQL writes it: in quotes, unless it has lower case letters,
/// digits and underscores only. Keywords are left as they are, they mislead
/// nobody.
#[must_use]
pub fn quoted(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let name = visible(name);
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

fn is_plain(name: &str) -> bool {
    let is_letter = |character: char| character.is_lowercase() || character == '_';
    let is_inner =
        |character: char| is_letter(character) || character.is_ascii_digit() || character == '$';
    name.starts_with(is_letter) && name.chars().all(is_inner)
}

/// Text that a terminal can be given: what has no shape of its own, or would
/// steer the terminal, is written as an escape, `\u{1b}`. A tab stays.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_unseen = |character: char| character != '\t' && self::is_unseen(character);
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unseen(character) {
            visible.extend(character.escape_default());
        } else {
            visible.push(character);
        }
    }
    Cow::Owned(visible)
}

/// Controls, separators of lines, marks of direction and what else has no
/// shape of its own.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(namespace: Option<&str>, kind: Kind, name: &str, expected: &str) {
        let id = ObjectId {
            namespace: namespace.map(str::to_owned),
            kind,
            name: name.to_owned(),
        };
        assert_eq!(id.to_string(), expected);
    }

    #[test]
    fn odd_names_are_quoted() {
        let public = Some("public");
        check(public, Kind::Table, "users", "table public.users");
        check(public, Kind::Table, "Users", r#"table public."Users""#);
        check(Some("a.b"), Kind::View, "c", r#"view "a.b".c"#);
        check(public, Kind::Table, "größe", "table public.größe");
        check(public, Kind::Table, "1st", r#"table public."1st""#);
        check(public, Kind::Table, "a\"b\n", r#"table public."a""b\n""#);
        check(public, Kind::Table, "", r#"table public."""#);
        check(
            public,
            Kind::Table,
            "\u{202e}x",
            r#"table public."\u{202e}x""#,
        );
        check(None, Kind::Role, "order", "role order");
    }

    #[test]
    fn arguments_are_no_part_of_the_name() {
        let public = Some("public");
        check(public, Kind::Function, "f()", "function public.f()");
        check(
            public,
            Kind::Function,
            r#"F(integer, "T")"#,
            r#"function public."F"(integer, "T")"#,
        );
        check(
            public,
            Kind::Aggregate,
            "a (b)(text)",
            r#"aggregate public."a (b)"(text)"#,
        );
        check(
            public,
            Kind::Operator,
            "+(integer, integer)",
            "operator public.+(integer, integer)",
        );
        check(
            public,
            Kind::DefaultPrivileges,
            "owner ON TABLES",
            "default privileges public.owner ON TABLES",
        );
    }
}
