//! Durations as a file of migrations has them: `11 days`, `200 ms`.

use std::fmt;
use std::time::Duration;

/// A whole number of a unit. What it prints, `backfill:` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    number: u64,
    unit: usize,
}

/// Names and milliseconds, from small to large.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("second", 1000),
    ("minute", 60 * 1000),
    ("hour", 60 * 60 * 1000),
    ("day", 24 * 60 * 60 * 1000),
];

impl Span {
    /// The nearest number of the unit of which it has three or more.
    pub fn near(duration: Duration) -> Self {
        let unit = unit(duration);
        let milliseconds = milliseconds(duration);
        let number = (milliseconds + UNITS[unit].1 / 2) / UNITS[unit].1;
        Self { number, unit }
    }

    /// Not less than `duration`.
    pub fn above(duration: Duration) -> Self {
        let unit = unit(duration);
        let number = milliseconds(duration).div_ceil(UNITS[unit].1);
        Self { number, unit }
    }

    /// Not more than `duration`.
    pub fn below(duration: Duration) -> Self {
        let unit = unit(duration);
        let number = milliseconds(duration) / UNITS[unit].1;
        Self { number, unit }
    }

    /// Two durations in a unit that tells them apart, if one does.
    pub fn apart(left: Duration, right: Duration) -> (Self, Self) {
        let in_unit = |duration: Duration, unit: usize| {
            let number = (milliseconds(duration) + UNITS[unit].1 / 2) / UNITS[unit].1;
            Self { number, unit }
        };
        let (mut near_left, mut near_right) = (Self::near(left), Self::near(right));
        while near_left == near_right && near_left.unit > 0 {
            let unit = near_left.unit - 1;
            (near_left, near_right) = (in_unit(left, unit), in_unit(right, unit));
        }
        (near_left, near_right)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

fn unit(duration: Duration) -> usize {
    let milliseconds = milliseconds(duration);
    UNITS
        .iter()
        .rposition(|(_, unit)| milliseconds >= 3 * unit)
        .unwrap_or(0)
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, unit } = self;
        let name = UNITS[*unit].0;
        let plural = if *unit == 0 || *number == 1 { "" } else { "s" };
        write!(formatter, "{number} {name}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_three_or_more() {
        let near = |milliseconds| Span::near(Duration::from_millis(milliseconds)).to_string();
        assert_eq!(near(0), "0 ms");
        assert_eq!(near(2_500), "2500 ms");
        assert_eq!(near(3_400), "3 seconds");
        assert_eq!(near(179_000), "179 seconds");
        assert_eq!(near(11 * 86_400_000 + 1), "11 days");
        assert_eq!(near(2 * 86_400_000), "48 hours");
    }

    #[test]
    fn rounding_has_a_direction_where_it_matters() {
        let time = Duration::from_millis(7_200);
        assert_eq!(Span::above(time).to_string(), "8 seconds");
        assert_eq!(Span::below(time).to_string(), "7 seconds");
    }

    #[test]
    fn two_that_differ_are_told_apart() {
        let apart = |left, right| {
            let (left, right) = Span::apart(Duration::from_secs(left), Duration::from_secs(right));
            format!("{left}, {right}")
        };
        assert_eq!(apart(11 * 86_400, 7 * 86_400), "11 days, 7 days");
        assert_eq!(apart(626_400, 604_800), "174 hours, 168 hours");
        assert_eq!(apart(60, 60), "60000 ms, 60000 ms");
    }
}
