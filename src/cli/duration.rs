//! Durations as people type them: `500ms`, `10s`, `5m`, `2h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration from the command line or from `segue.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No digits at the start.
    #[error("`{0}` is not a duration: write `500ms`, `10s`, `5m`, `2h` or `7d`")]
    NoNumber(String),
    /// A number and nothing behind it.
    #[error("`{0}` has no unit: did you mean `{0}s`?")]
    NoUnit(String),
    /// A unit that is none of ours.
    #[error("`{unit}` in `{text}` is not a unit: `ms`, `s`, `m`, `h` and `d` are")]
    UnknownUnit {
        /// As written.
        unit: String,
        /// All of it.
        text: String,
    },
    /// More than a hundred years.
    #[error("`{0}` is too long: at most `36500d`")]
    TooLong(String),
}

/// A hundred years: far beyond any sensible wait, and safe to add to a clock.
const MILLISECONDS_MAX: u64 = 36_500 * 24 * 60 * 60 * 1000;

/// Units and their milliseconds, the longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

impl FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::NoNumber(text.to_owned()));
        }
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        };
        number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(*factor))
            .filter(|milliseconds| *milliseconds <= MILLISECONDS_MAX)
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or_else(|| DurationError::TooLong(text.to_owned()))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parsed ones are below the bound; others are only shown.
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, factor) = UNITS
            .iter()
            .find(|(_, factor)| milliseconds >= *factor && milliseconds.is_multiple_of(*factor))
            .unwrap_or(&("ms", 1));
        write!(formatter, "{}{unit}", milliseconds / factor)
    }
}

impl<'de> serde::Deserialize<'de> for HumanDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(InFile)
    }
}

/// Reads one from `segue.toml`.
struct InFile;

impl serde::de::Visitor<'_> for InFile {
    type Value = HumanDuration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration such as \"10s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HumanDuration, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<HumanDuration, E> {
        Err(E::custom(format!(
            "`{number}` has no unit\nhelp: write `\"{number}s\"` for seconds"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        let parsed = text.parse::<HumanDuration>();
        match (&parsed, expected) {
            (Ok(duration), Ok(milliseconds)) => {
                assert_eq!(duration.0, Duration::from_millis(milliseconds));
                assert_eq!(duration.to_string().parse().as_ref(), Ok(duration));
            }
            (Err(error), Err(message)) => assert_eq!(error.to_string(), message),
            _ => panic!("{text}: {parsed:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        check("500ms", Ok(500));
        check("10s", Ok(10_000));
        check("5m", Ok(300_000));
        check("2h", Ok(7_200_000));
        check("7d", Ok(604_800_000));
        check("0s", Ok(0));
        check("36500d", Ok(MILLISECONDS_MAX));
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("10", Err("`10` has no unit: did you mean `10s`?"));
        check(
            "soon",
            Err("`soon` is not a duration: write `500ms`, `10s`, `5m`, `2h` or `7d`"),
        );
        check(
            "-1s",
            Err("`-1s` is not a duration: write `500ms`, `10s`, `5m`, `2h` or `7d`"),
        );
        check(
            "1.5s",
            Err("`.5s` in `1.5s` is not a unit: `ms`, `s`, `m`, `h` and `d` are"),
        );
        check(
            "10sec",
            Err("`sec` in `10sec` is not a unit: `ms`, `s`, `m`, `h` and `d` are"),
        );
        check("36501d", Err("`36501d` is too long: at most `36500d`"));
        check(
            "99999999999999999999d",
            Err("`99999999999999999999d` is too long: at most `36500d`"),
        );
    }

    #[test]
    fn they_are_shown_in_the_longest_whole_unit() {
        let shown = |milliseconds| HumanDuration(Duration::from_millis(milliseconds)).to_string();
        assert_eq!(shown(90_000), "90s");
        assert_eq!(shown(120_000), "2m");
        assert_eq!(shown(1_500), "1500ms");
        assert_eq!(shown(0), "0ms");
    }
}
