//! The name that `segue add` gives to a file: `YYYY-MM-DD-HH-MM-SS-slug.sql`.
//!
//! What time it is, and which names there are already, is asked by the caller.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Name;

/// The part of a migration's name that people choose: not empty, without
/// `.sql`, without what would end a name in a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(String);

/// Longest slug in bytes: with time and `.sql` a name fits every file system.
const SLUG_BYTES_MAX: usize = 200;

/// A time, as in a name.
const FORMAT: &str = "%Y-%m-%d-%H-%M-%S";

/// Length of a formatted time.
const STAMP_BYTES: usize = "2026-01-01-00-00-00".len();

impl Slug {
    /// From the name of a file, `add email.sql` gives `add-email`; a time that
    /// is there already is taken off. `None` if nothing is left.
    #[must_use]
    pub fn of(file_name: &str) -> Option<Self> {
        let stem = file_name.strip_suffix(".sql").unwrap_or(file_name);
        let stem = match stem.split_at_checked(STAMP_BYTES) {
            Some((time, rest)) if is_stamp(time) && (rest.is_empty() || rest.starts_with('-')) => {
                rest
            }
            _ => stem,
        };
        let mut slug = String::new();
        for character in stem.chars() {
            // Directives list names with commas and end them at a space; the
            // rest is what some file system or shell stumbles over.
            let is_plain = !character.is_whitespace()
                && !character.is_control()
                && !",;:\"'`\\/*?<>|$&(){}[]!#".contains(character);
            if is_plain {
                if slug.len() + character.len_utf8() > SLUG_BYTES_MAX {
                    break;
                }
                slug.push(character);
            } else if !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_matches(['-', '.']);
        (!slug.is_empty()).then(|| Self(slug.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a migration that is added at `now`, or as soon afterwards
    /// as a name sorts after `newest`. `None` if no time makes it sort there.
    #[must_use]
    pub fn name(&self, now: Timestamp, newest: Option<&Name>) -> Option<Name> {
        let at = |second: i64| -> Option<Name> {
            let time = Timestamp::from_second(second).ok()?;
            let time = time.to_zoned(TimeZone::UTC).strftime(FORMAT);
            Some(Name::new(&format!("{time}-{}.sql", self.0)))
        };
        let is_later = |name: &Name| newest.is_none_or(|newest| name > newest);
        let now = now.as_second();
        let first = at(now)?;
        if is_later(&first) {
            return Some(first);
        }
        // Late in the year 9999, the last that four digits can say.
        let last = Timestamp::MAX.as_second();
        if !is_later(&at(last)?) {
            return None;
        }
        // Names grow with the time, so the first one that is late enough is
        // found by halving: the newest may be years ahead of the clock.
        let (mut early, mut late) = (now, last);
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            if is_later(&at(middle)?) {
                late = middle;
            } else {
                early = middle;
            }
        }
        at(late)
    }
}

/// The time that the name of a file begins with; `None` if it begins with none.
#[must_use]
pub fn stamp_of(file_name: &str) -> Option<Timestamp> {
    let (time, rest) = file_name.split_at_checked(STAMP_BYTES)?;
    if !is_stamp(time) || !(rest.is_empty() || rest.starts_with('-')) {
        return None;
    }
    let time = DateTime::strptime(FORMAT, time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Whether `text` has the form of a time: digits and hyphens.
fn is_stamp(text: &str) -> bool {
    text.len() == STAMP_BYTES
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 | 10 | 13 | 16 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn slug(file_name: &str, expected: &str) {
        let slug = Slug::of(file_name);
        assert_eq!(slug.as_ref().map_or("", Slug::as_str), expected);
    }

    #[track_caller]
    fn name(now: &str, newest: &str, expected: &str) {
        let now = now.parse().expect("a time");
        let newest = (!newest.is_empty()).then(|| Name::new(newest));
        let name = Slug("x".to_owned()).name(now, newest.as_ref());
        let name = name.map(|name| name.to_string());
        assert_eq!(name.as_deref().unwrap_or(""), expected);
    }

    #[test]
    fn a_slug_is_the_base_name() {
        slug("add-email.sql", "add-email");
        slug("2026-01-01-00-00-00-add-email.sql", "add-email");
        slug("2026-01-01-00-00-000-add.sql", "2026-01-01-00-00-000-add");
        slug("2026-01-01-add.sql", "2026-01-01-add");
        slug("Add_E.mail.sql", "Add_E.mail");
        slug("größe.sql", "größe");
        slug("add email, and more.sql", "add-email-and-more");
        slug(" (1).sql", "1");
        slug("2026-01-01-00-00-00.sql", "");
        slug("..sql", "");
        slug(&format!("{}.sql", "é".repeat(150)), &"é".repeat(100));
    }

    #[test]
    fn a_name_is_the_time_unless_that_is_too_early() {
        let now = "2026-11-21T14:03:09.9Z";
        name(now, "", "2026-11-21-14-03-09-x.sql");
        name(
            now,
            "2025-01-01-00-00-00-y.sql",
            "2026-11-21-14-03-09-x.sql",
        );
        name(now, "0001-init.sql", "2026-11-21-14-03-09-x.sql");
    }

    #[test]
    fn a_name_sorts_after_the_newest_one() {
        let now = "2026-11-21T14:03:09Z";
        // In the same second, the slug decides.
        name(
            now,
            "2026-11-21-14-03-09-w.sql",
            "2026-11-21-14-03-09-x.sql",
        );
        name(
            now,
            "2026-11-21-14-03-09-x.sql",
            "2026-11-21-14-03-10-x.sql",
        );
        name(
            now,
            "2026-11-21-14-03-59-y.sql",
            "2026-11-21-14-04-00-x.sql",
        );
        name(
            now,
            "2026-12-31-23-59-59-y.sql",
            "2027-01-01-00-00-00-x.sql",
        );
        name(now, "2030-01-01-y.sql", "2030-01-02-00-00-00-x.sql");
        name(now, "V12__y.sql", "");
        name(now, "9999-12-31-23-59-59-y.sql", "");
    }
}
