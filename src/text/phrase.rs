//! Pieces of sentences: counts and names.

use std::fmt::Display;
use std::time::Duration;

use super::list;

/// `1 migration`, `3 migrations`, `12,000 migrations`
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number as u64))
}

/// `12,345,678`
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `` `a.sql`, `b.sql` and 7 more ``; empty of nothing.
#[must_use]
pub fn names<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN_MAX: usize = 5;
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    // To leave out a single one saves nothing.
    if quoted.len() <= SHOWN_MAX + 1 {
        return list(quoted);
    }
    let (shown, more) = quoted.split_at(SHOWN_MAX);
    format!("{} and {} more", shown.join(", "), more.len())
}

/// `43s`, `5m 20s`, `2h 5m`: time left, which is never exact.
#[must_use]
pub fn left(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{}s", seconds.max(1)),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(count(1, "migration"), "1 migration");
        assert_eq!(count(0, "migration"), "0 migrations");
        assert_eq!(count(10_000, "migration"), "10,000 migrations");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(100), "100");
    }

    #[test]
    fn long_lists_are_cut() {
        let all = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(names(&all[..1]), "`a`");
        assert_eq!(names(&all[..2]), "`a` and `b`");
        assert_eq!(names(&all[..6]), "`a`, `b`, `c`, `d`, `e` and `f`");
        assert_eq!(names(all), "`a`, `b`, `c`, `d`, `e` and 2 more");
        assert_eq!(names(&all[..0]), "");
    }

    #[test]
    fn time_left_is_rough() {
        assert_eq!(left(Duration::from_millis(200)), "1s");
        assert_eq!(left(Duration::from_secs(320)), "5m 20s");
        assert_eq!(left(Duration::from_mins(125)), "2h 5m");
    }
}
