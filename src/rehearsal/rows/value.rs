//! Values of a type, as texts that PostgreSQL reads.

use super::{Limits, Shape};

/// Letters, for texts of one character.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Characters of the longest text.
const LONG: usize = 10_000;

/// An ordinary value, another one for each `number` as far as there are so
/// many; `None`: of a type that is not known.
pub(super) fn ordinary(shape: &Shape, limits: &Limits, number: usize) -> Option<String> {
    if let Some(at) = number.checked_rem(limits.choices.len()) {
        return Some(limits.choices[at].clone());
    }
    if let Some(from) = &limits.from {
        return Some(from.clone());
    }
    let count = i64::try_from(number).unwrap_or(i64::MAX - 1);
    Some(match shape {
        Shape::Integer { least, most } => {
            let least = limits.least.map_or(*least, |other| other.max(*least));
            let most = limits.most.map_or(*most, |other| other.min(*most));
            within(count, least, most).to_string()
        }
        Shape::Numeric(None) | Shape::Float => {
            let least = limits.least.unwrap_or(i64::MIN);
            within(count, least, limits.most.unwrap_or(i64::MAX)).to_string()
        }
        Shape::Numeric(Some((precision, scale))) => numeric(*precision, *scale, limits, count),
        Shape::Text(most) => text(*most, limits, number),
        Shape::Boolean => number.is_multiple_of(2).to_string(),
        Shape::Date => date(number),
        Shape::Time => format!("{:02}:{:02}:00", number / 60 % 24, number % 60),
        Shape::Timestamp => format!("{} {:02}:30:00+00", date(number), number % 24),
        Shape::Interval => format!("{} minutes", number + 1),
        Shape::Uuid => format!("00000000-0000-4000-8000-{:012x}", number + 1),
        Shape::Bytes => format!("\\x{:08x}", number + 1),
        Shape::Json => format!(
            "{{\"number\": {}, \"name\": \"name {number}\"}}",
            number + 1
        ),
        Shape::Network => format!("10.{}.{}.1", number / 256 % 256, number % 256),
        Shape::Bits(width, is_exact) => bits(*width, *is_exact, number),
        Shape::Array(element) => {
            let element = ordinary(element, &Limits::default(), number)?;
            let least = limits.length_least.unwrap_or(1).clamp(1, 100);
            let elements = vec![quoted(&element); limits.length_most.unwrap_or(least).min(least)];
            format!("{{{}}}", elements.join(","))
        }
        Shape::Choice(labels) => labels[number % labels.len()].clone(),
        Shape::Range(bound) => {
            // No two of them overlap.
            let lower = ordinary(bound, &Limits::default(), 2 * number)?;
            let upper = ordinary(bound, &Limits::default(), 2 * number + 1)?;
            format!("[{},{})", quoted(&lower), quoted(&upper))
        }
        Shape::Composite(fields) => {
            let fields = fields.iter().map(|field| {
                let value = ordinary(field, &Limits::default(), number);
                value.map_or_else(String::new, |value| quoted(&value))
            });
            format!("({})", fields.collect::<Vec<_>>().join(","))
        }
        Shape::Unknown => return None,
    })
}

/// Values that many forget, the likeliest first.
pub(super) fn specials(shape: &Shape, limits: &Limits) -> Vec<String> {
    let owned =
        |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
    let bounds = [limits.least, limits.most].into_iter().flatten();
    let bounds: Vec<String> = bounds.map(|bound| bound.to_string()).collect();
    let mut specials = match shape {
        Shape::Integer { least, most } => {
            let mut all = owned(&["0", "-1"]);
            all.extend([most.to_string(), least.to_string()]);
            all
        }
        Shape::Numeric(Some((precision, scale))) => {
            let digits = "9".repeat(*precision as usize);
            let whole = (*precision).saturating_sub(*scale) as usize;
            let most = format!("{}.{}", &digits[..whole], &digits[whole..]);
            let most = if most.starts_with('.') {
                format!("0{most}")
            } else {
                most.trim_end_matches('.').to_owned()
            };
            vec!["0".to_owned(), "-1".to_owned(), format!("-{most}"), most]
        }
        Shape::Numeric(None) => owned(&["0", "-1", "0.000000001", "12345678901234567890.5"]),
        Shape::Float => owned(&["0", "-1", "0.1"]),
        Shape::Text(most) => {
            let long = most.unwrap_or(LONG).min(LONG);
            let mut all = vec![String::new(), "Ünï cödé 日本 🙂".to_owned()];
            all.push("x".repeat(long));
            all.extend(owned(&["it's \"a\" \\ b", "  spaces  ", "UPPER lower"]));
            all
        }
        Shape::Boolean => owned(&["false", "true"]),
        Shape::Date => owned(&["2024-02-29", "0001-01-01", "9999-12-31"]),
        Shape::Time => owned(&["00:00:00", "23:59:59.999999"]),
        Shape::Timestamp => owned(&[
            "2024-02-29 23:59:59.999999+00",
            "0001-01-02 00:00:00+00",
            "9999-12-30 00:00:00+00",
        ]),
        Shape::Interval => owned(&["0", "-1 day", "1 year 2 months 3 days 04:05:06.789"]),
        Shape::Uuid => owned(&["00000000-0000-0000-0000-000000000000"]),
        Shape::Bytes => owned(&["", "\\x00ff"]),
        Shape::Json => owned(&[
            "{}",
            "[]",
            "null",
            "\"text\"",
            "1",
            "{\"a\": {\"b\": [1, null, \"ü\"]}}",
        ]),
        Shape::Network => owned(&["::1", "0.0.0.0"]),
        Shape::Bits(width, _) => vec!["0".repeat(*width), "1".repeat(*width)],
        Shape::Array(_) => owned(&["{}", "{NULL}"]),
        Shape::Choice(labels) => labels.clone(),
        Shape::Range(_) => owned(&["empty", "(,)"]),
        Shape::Composite(fields) => vec![format!("({})", ",".repeat(fields.len().max(1) - 1))],
        Shape::Unknown => Vec::new(),
    };
    specials.extend(bounds);
    specials.extend(limits.choices.iter().cloned());
    specials.extend(limits.texts.iter().chain(&limits.from).cloned());
    specials
}

/// Further values for where an ordinary one is refused; `%n` is the number of
/// the row.
pub(super) fn patterns(shape: &Shape, limits: &Limits) -> Vec<String> {
    let mut patterns: Vec<String> = limits.texts.clone();
    let of_texts = [
        "%n",
        "user%n@example.com",
        "https://example.com/%n",
        "/a/%n",
        "a%n",
        "A%n",
        "abc",
        "ABC",
        "ab",
        "AB",
        "a-b-%n",
        "+4930123%n",
        "2024-01-01",
        "#00ff00",
        "{}",
        "00000000-0000-4000-8000-000000000001",
        "1.0.%n",
        "12:00",
        "12345",
        "",
    ];
    let more: &[&str] = match shape {
        Shape::Text(_) => &of_texts,
        Shape::Json => &["{}", "[]", "\"%n\"", "%n", "null"],
        Shape::Integer { .. } | Shape::Numeric(_) | Shape::Float => &["0", "1", "100", "-1"],
        Shape::Date | Shape::Timestamp => &["2020-01-01", "2000-01-01", "2024-01-01", "2099-01-01"],
        Shape::Boolean => &["true", "false"],
        Shape::Array(_) => &["{}"],
        _ => &[],
    };
    patterns.extend(more.iter().map(|text| (*text).to_owned()));
    if let Shape::Choice(labels) = shape {
        patterns.extend(labels.iter().cloned());
    }
    patterns
}

/// A number that grows with `count` and stays between the bounds: from 1 on
/// where they allow that.
fn within(count: i64, least: i64, most: i64) -> i64 {
    let start = if least <= 1 && most >= 1 {
        1
    } else if least > 1 {
        least
    } else {
        most.min(0).max(least)
    };
    if least > most {
        return least;
    }
    if start.checked_add(count).is_some_and(|value| value <= most) {
        return start + count;
    }
    // What lies below the start, then round again.
    let span = i128::from(most) - i128::from(least) + 1;
    let value = i128::from(least) + i128::from(count) % span;
    i64::try_from(value).unwrap_or(most)
}

fn numeric(precision: u32, scale: u32, limits: &Limits, count: i64) -> String {
    let whole = precision.saturating_sub(scale).min(15);
    let most = 10_i64.pow(whole) - 1;
    if most > 0 {
        let least = limits.least.map_or(-most, |other| other.max(-most));
        let most = limits.most.map_or(most, |other| other.min(most));
        return within(count, least, most).to_string();
    }
    // Only a fraction: `numeric(2, 2)`.
    let digits = (scale.min(15)) as usize;
    let cycle = 10_i64.pow(precision.min(15));
    format!("0.{:0digits$}", (count + 1) % cycle)
}

fn text(most: Option<usize>, limits: &Limits, number: usize) -> String {
    let least = limits.length_least.unwrap_or(0).min(LONG);
    let most = [most, limits.length_most].into_iter().flatten().min();
    let most = most.unwrap_or(LONG).max(1);
    let mut text = format!("name {number}");
    if text.len() > most {
        // Digits to the base of 26.
        let (mut digits, mut rest) = (Vec::new(), number);
        while digits.is_empty() || rest > 0 {
            digits.push(LETTERS[rest % LETTERS.len()]);
            rest /= LETTERS.len();
        }
        digits.truncate(most);
        text = digits.into_iter().map(char::from).collect();
    }
    while text.len() < least {
        text.push('x');
    }
    text
}

fn date(number: usize) -> String {
    let (day, month) = (number % 28 + 1, number / 28 % 12 + 1);
    format!("{:04}-{month:02}-{day:02}", 2020 + number / (28 * 12))
}

fn bits(width: usize, is_exact: bool, number: usize) -> String {
    let shown = format!("{number:b}");
    let start = shown.len().saturating_sub(width);
    let shown = &shown[start..];
    if is_exact {
        format!("{shown:0>width$}")
    } else {
        shown.to_owned()
    }
}

/// An element of an array, a bound of a range, a field of a composite.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
