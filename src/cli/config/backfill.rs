//! `[backfill]` of `segue.toml` → [`Limits`].

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::backfill::throttle::{Limits, Vacuums};
use crate::cli::duration::HumanDuration;

/// For what backfills wait; what is left out is as [`Limits::default`] has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Backfill {
    /// How often to look at the signals.
    signal_every: Option<Every>,
    /// How long to wait for signals in one stretch.
    signal_wait: Option<Limit<HumanDuration>>,
    /// How far a standby or subscriber may be behind.
    replication_lag: Option<Limit<HumanDuration>>,
    /// `application_name` of those that may be behind as far as they like.
    ignore_standbys: Vec<String>,
    /// Files of WAL that may wait for the archive.
    archive_backlog: Option<Limit<u64>>,
    /// WAL of the whole server in a second.
    wal_rate: Option<Limit<Size>>,
    /// Sessions of the database that may wait for locks of others.
    lock_waiters: Option<Limit<u64>>,
    /// Which vacuums of the table count.
    autovacuum: Option<Vacuum>,
    /// Statements of clients that may run.
    running_queries: Option<Limit<u64>>,
    /// A query whose one value says whether to wait.
    query: Option<Limit<String>>,
    /// A file that holds backfills up, from the folder of `segue.toml`.
    flag_file: Option<Limit<String>>,
}

impl Backfill {
    /// With our own defaults; `base` is the folder from which paths count.
    #[must_use]
    pub fn limits(&self, base: &Path) -> Limits {
        fn limit<T: Clone, U>(
            said: Option<&Limit<T>>,
            default: Option<U>,
            value: impl Fn(T) -> U,
        ) -> Option<U> {
            match said {
                Some(Limit::At(limit)) => Some(value(limit.clone())),
                Some(Limit::Off) => None,
                None => default,
            }
        }
        let default = Limits::default();
        Limits {
            every: self.signal_every.map_or(default.every, |every| every.0),
            longest: limit(self.signal_wait.as_ref(), default.longest, |one| one.0),
            replication_lag: limit(
                self.replication_lag.as_ref(),
                default.replication_lag,
                |one| one.0,
            ),
            ignore_standbys: self.ignore_standbys.clone(),
            archive_backlog: limit(
                self.archive_backlog.as_ref(),
                default.archive_backlog,
                |one| one,
            ),
            wal_rate: limit(self.wal_rate.as_ref(), default.wal_rate, |one| one.0),
            lock_waiters: limit(self.lock_waiters.as_ref(), default.lock_waiters, |one| one),
            vacuum: self.autovacuum.map_or(default.vacuum, |one| one.0),
            running_queries: limit(
                self.running_queries.as_ref(),
                default.running_queries,
                |one| one,
            ),
            query: limit(self.query.as_ref(), default.query, |one| one),
            flag_file: limit(self.flag_file.as_ref(), default.flag_file, |one| {
                base.join(PathBuf::from(one))
            }),
        }
    }
}

/// A limit or `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Limit<T> {
    Off,
    At(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor(PhantomData))
    }
}

struct LimitVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LimitVisitor<T> {
    type Value = Limit<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value, or `false` to do without")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<Limit<T>, E> {
        if on {
            return Err(E::custom(
                "`true` sets no limit: write one, or leave the key out for the default",
            ));
        }
        Ok(Limit::Off)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit<T>, E> {
        T::deserialize(de::value::StrDeserializer::new(text)).map(Limit::At)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit<T>, E> {
        T::deserialize(de::value::I64Deserializer::new(number)).map(Limit::At)
    }
}

/// How often to look: from ten times a second to once a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "HumanDuration")]
struct Every(Duration);

impl TryFrom<HumanDuration> for Every {
    type Error = String;

    fn try_from(every: HumanDuration) -> Result<Self, String> {
        const SHORTEST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_mins(1);
        if (SHORTEST..=LONGEST).contains(&every.0) {
            return Ok(Self(every.0));
        }
        Err(format!("`{every}` is not between `100ms` and `1m`"))
    }
}

/// `"32MB"`, in PostgreSQL's units, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start() {
            "" | "B" => 1,
            "kB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            "TB" => 1 << 40,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a size such as `32MB`, or a number of bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).ok_or_else(|| {
                    E::custom(format!(
                        "`{text}` is no size: write `512kB`, `32MB` or `1GB`"
                    ))
                })
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Size, E> {
                let bytes = u64::try_from(number);
                bytes
                    .map(Size)
                    .map_err(|_| E::custom(format!("`{number}` is less than nothing")))
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

/// `true`, `false` or `"wraparound"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vacuum(Vacuums);

impl<'de> Deserialize<'de> for Vacuum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VacuumVisitor;
        impl Visitor<'_> for VacuumVisitor {
            type Value = Vacuum;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`true`, `false` or `\"wraparound\"`")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Vacuum, E> {
                Ok(Vacuum(if on { Vacuums::All } else { Vacuums::Never }))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vacuum, E> {
                match text {
                    "wraparound" => Ok(Vacuum(Vacuums::Wraparound)),
                    text => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(VacuumVisitor)
    }
}
