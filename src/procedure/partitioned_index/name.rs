//! The name that PostgreSQL gives to an index which has none.
//!
//! As `ChooseIndexName` of PostgreSQL does it: table, columns, `idx`, cut so
//! that it fits, with a number behind it as long as the namespace has another
//! relation of that name.

/// `NAMEDATALEN - 1`.
const BYTES_MAX: usize = 63;

/// How the database counts the bytes of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// One byte for each character: the Latin ones, for example.
    OneByte,
}

impl Encoding {
    fn bytes(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::OneByte => text.chars().count(),
        }
    }

    /// As many whole characters of `text` as fit into `max` bytes.
    fn clip(self, text: &str, max: usize) -> &str {
        match self {
            Self::Utf8 => {
                let mut end = max.min(text.len());
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                &text[..end]
            }
            Self::OneByte => match text.char_indices().nth(max) {
                Some((end, _)) => &text[..end],
                None => text,
            },
        }
    }
}

/// The name that is tried after `pass` others were taken.
#[must_use]
pub fn candidate(table: &str, columns: &[String], pass: usize, encoding: Encoding) -> String {
    let label = match pass {
        0 => "idx".to_owned(),
        pass => format!("idx{pass}"),
    };
    let addition = addition(columns, encoding);
    let available = BYTES_MAX - label.len() - 2;
    let (mut first, mut second) = (encoding.bytes(table), encoding.bytes(&addition));
    while first + second > available {
        if first > second {
            first -= 1;
        } else {
            second -= 1;
        }
    }
    format!(
        "{}_{}_{label}",
        encoding.clip(table, first),
        encoding.clip(&addition, second),
    )
}

/// The columns' names; none follows once there is no room for it.
fn addition(columns: &[String], encoding: Encoding) -> String {
    let mut addition = String::new();
    for column in columns {
        if !addition.is_empty() {
            addition.push('_');
        }
        addition.push_str(column);
        if encoding.bytes(&addition) > BYTES_MAX {
            break;
        }
    }
    addition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: &str, columns: &[&str], pass: usize, expected: &str) {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        assert_eq!(candidate(table, &columns, pass, Encoding::Utf8), expected);
        assert!(expected.len() <= BYTES_MAX);
    }

    #[test]
    fn a_name_is_of_table_columns_and_a_number() {
        check("t", &["a"], 0, "t_a_idx");
        check("t", &["a", "lower"], 2, "t_a_lower_idx2");
    }

    #[test]
    fn the_longer_part_is_cut_first() {
        let long = "x".repeat(63);
        check(&long, &["a"], 0, &format!("{}_a_idx", "x".repeat(57)));
        check(&long, &["a"], 10, &format!("{}_a_idx10", "x".repeat(55)));
        check(
            &long,
            &[&"y".repeat(63)],
            0,
            &format!("{}_{}_idx", "x".repeat(29), "y".repeat(29)),
        );
        check(
            "t",
            &[&"y".repeat(40), &"z".repeat(40), "never"],
            0,
            &format!("t_{}_{}_idx", "y".repeat(40), "z".repeat(16)),
        );
    }

    #[test]
    fn a_character_is_cut_as_a_whole() {
        let long = "ä".repeat(31);
        check(&long, &["a"], 0, &format!("{}_a_idx", "ä".repeat(28)));
        let columns = ["a".to_owned()];
        assert_eq!(
            candidate(&"ä".repeat(63), &columns, 0, Encoding::OneByte),
            format!("{}_a_idx", "ä".repeat(57))
        );
    }
}
