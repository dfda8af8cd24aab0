//! What is told of a backfill while it runs.

use std::fmt;
use std::time::Duration;

use crate::apply::human;
use crate::text::thousands;

/// Something that is worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Its first batch of this run is next.
    Began {
        /// Qualified and quoted where needed.
        table: String,
        /// Columns of the key, or `ctid`.
        key: String,
        /// Rows of the table whose turn was in an earlier run.
        rows: u64,
        /// All rows of the table, an estimate.
        total: Option<u64>,
        /// The last key of an earlier run.
        after: Option<String>,
        /// Why what an earlier run has done does not count.
        anew: Option<String>,
    },
    /// A row could not be done and is left for later.
    SetAside {
        /// Its key.
        key: String,
        /// The server's words.
        error: String,
        /// How often it has failed by now.
        tries: u32,
    },
    /// A user has asked it to pause.
    Paused {
        /// Who.
        by: String,
    },
    /// Something is in the way; told again while it lasts.
    Throttled {
        /// What, for people.
        signals: Vec<String>,
        /// For how long by now.
        since: Duration,
    },
    /// It goes on after one of those.
    GoesOn {
        /// After how long.
        after: Duration,
    },
    /// A signal is not seen that would keep it waiting.
    Unseen {
        /// Which, why, and what to do.
        what: String,
    },
    /// It does not end in the time that it was given.
    Impossible {
        /// Why, and what would make it possible.
        why: String,
    },
}

impl News {
    /// Whether somebody may have to do something about it.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::Began { .. })
    }

    /// One word, as JSON has it behind `backfill-`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::SetAside { .. } => "set-aside",
            Self::Paused { .. } => "paused",
            Self::Throttled { .. } => "throttled",
            Self::GoesOn { .. } => "goes-on",
            Self::Unseen { .. } => "unseen",
            Self::Impossible { .. } => "impossible",
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began {
                table,
                key,
                rows,
                total,
                after,
                anew,
            } => {
                write!(formatter, "backfill of `{table}` by {key}")?;
                match after {
                    Some(after) => write!(formatter, " goes on after {after}")?,
                    None => formatter.write_str(" begins")?,
                }
                let (rows, total) = (thousands(*rows), total.map(thousands));
                match (after, total) {
                    (Some(_), Some(total)) => {
                        write!(formatter, ", {rows} of about {total} rows done")?;
                    }
                    (Some(_), None) => write!(formatter, ", {rows} rows done")?,
                    (None, Some(total)) => write!(formatter, ", about {total} rows")?,
                    (None, None) => {}
                }
                if let Some(anew) = anew {
                    write!(formatter, "; anew: {anew}")?;
                }
                Ok(())
            }
            Self::SetAside { key, error, tries } => {
                write!(formatter, "row {key} is set aside")?;
                if *tries > 1 {
                    write!(formatter, " after {tries} tries")?;
                }
                write!(formatter, ": {error}")
            }
            Self::Paused { by } => write!(formatter, "paused by {by}"),
            Self::Throttled { signals, since } if since.as_secs() == 0 => {
                write!(formatter, "waits: {}", signals.join("; "))
            }
            Self::Throttled { signals, since } => {
                let since = human(since);
                write!(formatter, "has waited {since}: {}", signals.join("; "))
            }
            Self::GoesOn { after } => write!(formatter, "goes on after {}", human(after)),
            Self::Unseen { what: text } | Self::Impossible { why: text } => {
                formatter.write_str(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_line() {
        let began = |after: Option<&str>, total, anew: Option<&str>| News::Began {
            table: "person".to_owned(),
            key: "id".to_owned(),
            rows: 7,
            total,
            after: after.map(str::to_owned),
            anew: anew.map(str::to_owned),
        };
        let all = [
            began(None, None, None),
            began(None, Some(9), Some("its text has been changed")),
            began(Some("17"), Some(9), None),
            News::SetAside {
                key: "17".to_owned(),
                error: "value too long".to_owned(),
                tries: 2,
            },
            News::Throttled {
                signals: vec!["standby b is 14 s behind".to_owned()],
                since: Duration::from_secs(61),
            },
            News::Impossible {
                why: "impossible: needs 11 days at this budget".to_owned(),
            },
        ];
        let told: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "backfill of `person` by id begins",
                "backfill of `person` by id begins, about 9 rows; anew: its text has been changed",
                "backfill of `person` by id goes on after 17, 7 of about 9 rows done",
                "row 17 is set aside after 2 tries: value too long",
                "has waited 61s: standby b is 14 s behind",
                "impossible: needs 11 days at this budget",
            ]
        );
    }
}
