//! What a server says at `client_min_messages = debug1` of the work that a
//! statement does.
//!
//! These texts are `errmsg_internal`, never translated, and the same in
//! PostgreSQL 14 to 18; a test runs statements and looks for each.

/// What one message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A table is written anew.
    Rewriting {
        /// The table, without its namespace.
        table: String,
    },
    /// All rows of a table are checked.
    Verifying {
        /// The table, without its namespace.
        table: String,
    },
    /// The rows of a foreign key are looked up.
    ValidatingForeignKey {
        /// The constraint.
        constraint: String,
    },
    /// An index is built or built anew.
    Building {
        /// The index, without its namespace.
        index: String,
        /// Its table.
        table: String,
    },
}

impl Message {
    /// `None` of everything else.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let quoted = |rest: &str| Some(rest.split('"').nth(1)?.to_owned());
        if let Some(rest) = text.strip_prefix("rewriting table ") {
            return Some(Self::Rewriting {
                table: quoted(rest)?,
            });
        }
        if let Some(rest) = text.strip_prefix("verifying table ") {
            return Some(Self::Verifying {
                table: quoted(rest)?,
            });
        }
        if let Some(rest) = text.strip_prefix("validating foreign key constraint ") {
            return Some(Self::ValidatingForeignKey {
                constraint: quoted(rest)?,
            });
        }
        let rest = text.strip_prefix("building index ")?;
        let table = rest.split('"').nth(3)?.to_owned();
        Some(Self::Building {
            index: quoted(rest)?,
            table,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_known_by_its_words() {
        let named = |table: &str| table.to_owned();
        let check = |text: &str, expected| assert_eq!(Message::of(text), expected);
        check(
            "rewriting table \"t\"",
            Some(Message::Rewriting { table: named("t") }),
        );
        check(
            "verifying table \"t\"",
            Some(Message::Verifying { table: named("t") }),
        );
        check(
            "building index \"i\" on table \"t\" serially",
            Some(Message::Building {
                index: named("i"),
                table: named("t"),
            }),
        );
        check(
            "ALTER TABLE / ADD PRIMARY KEY will create implicit index",
            None,
        );
    }
}
