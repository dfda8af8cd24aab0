//! Names as PostgreSQL chooses them, and as SQL writes them.

use pg_query::protobuf::KeywordKind;

/// Longest name in bytes (`NAMEDATALEN - 1`).
const NAME_BYTES_MAX: usize = 63;

/// `text` as an SQL identifier: in quotes only if it has to be.
pub(super) fn identifier(text: &str) -> String {
    let is_start = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    let is_plain = text.as_bytes().first().is_some_and(is_start)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    // Others than the unreserved ones are no name, or not everywhere.
    let is_keyword = || {
        pg_query::scan(text).map_or(true, |scanned| {
            scanned.tokens.iter().any(|token| {
                !matches!(
                    token.keyword_kind(),
                    KeywordKind::NoKeyword | KeywordKind::UnreservedKeyword
                )
            })
        })
    };
    if is_plain && !is_keyword() {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

/// The name that the server gives to a constraint or an index without one,
/// unless that is taken: `users_email_key`.
///
/// Source: `makeObjectName` of PostgreSQL's `indexcmds.c`. The longer one of
/// the first two parts is cut until all fit.
pub(super) fn chosen(table: &str, columns: Option<&str>, label: &str) -> String {
    let overhead = 1 + label.len() + usize::from(columns.is_some());
    let available = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut one, mut other) = (table.len(), columns.map_or(0, str::len));
    while one + other > available {
        if one > other {
            one -= 1;
        } else {
            other -= 1;
        }
    }
    let mut name = clip(table, one).to_owned();
    let columns = columns.map(|columns| clip(columns, other));
    for part in columns.into_iter().chain([label]) {
        name.push('_');
        name.push_str(part);
    }
    name
}

/// At most so many bytes of `text`, whole characters.
fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        assert_eq!(identifier("users"), "users");
        assert_eq!(identifier("Users"), "\"Users\"");
        assert_eq!(identifier("name"), "name");
        assert_eq!(identifier("user"), "\"user\"");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(identifier("1a"), "\"1a\"");
        assert_eq!(identifier(""), "\"\"");
    }

    #[test]
    fn long_names_are_cut_as_the_server_cuts_them() {
        assert_eq!(chosen("users", Some("email"), "key"), "users_email_key");
        assert_eq!(chosen("users", None, "pkey"), "users_pkey");
        let long = chosen(&"t".repeat(40), Some(&"c".repeat(40)), "fkey");
        assert_eq!(long, format!("{}_{}_fkey", "t".repeat(29), "c".repeat(28)));
        assert_eq!(long.len(), 63);
        assert_eq!(chosen(&"é".repeat(40), None, "pkey").len(), 63);
    }
}
