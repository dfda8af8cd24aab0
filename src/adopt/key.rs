//! What another tool knows a migration by.

/// Identity of a migration in another tool's ledger; in the order in which the
/// tool runs them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// By number.
    Version(Version),
    /// By the name of its file, after all that have numbers, again whenever
    /// its text changes.
    Repeatable(String),
    /// By the name of its file.
    Name(String),
}

/// `20240101120000`, `7` or `1.2.3`; zeros at its end say nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u64>);

impl Version {
    /// From the numbers between the dots.
    #[must_use]
    pub fn new(mut parts: Vec<u64>) -> Self {
        while parts.last() == Some(&0) {
            parts.pop();
        }
        Self(parts)
    }

    /// The number, `1.2` with a dot; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        });
        Some(Self::new(parts.collect::<Option<_>>()?))
    }

    /// The numbers between the dots, without zeros at the end.
    #[must_use]
    pub fn parts(&self) -> &[u64] {
        &self.0
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        match parts.as_slice() {
            [] => formatter.write_str("0"),
            parts => formatter.write_str(&parts.join(".")),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => version.fmt(formatter),
            Self::Repeatable(name) | Self::Name(name) => formatter.write_str(name),
        }
    }
}

/// The version at the start of a name, and the rest of it. Digits, or digits
/// with dots, or a time with hyphens as `segue add` and diesel write it, whose
/// hyphens say nothing.
pub(super) fn leading(name: &str) -> Option<(Version, &str)> {
    if let Some((digits, rest)) = stamp(name) {
        return Some((Version::new(vec![digits.parse().ok()?]), rest));
    }
    let end = name
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(name.len());
    let (number, rest) = name.split_at(end);
    // `1.sql` has a dot that is none of its number.
    let number = number.trim_end_matches('.');
    Some((Version::parse(number)?, rest))
}

/// The digits of a time with hyphens at the start of a name, and the rest.
fn stamp(name: &str) -> Option<(String, &str)> {
    for form in ["dddd-dd-dd-dd-dd-dd", "dddd-dd-dd-dddddd"] {
        let Some((time, rest)) = name.split_at_checked(form.len()) else {
            continue;
        };
        let fits = time
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                form => byte == form,
            });
        if fits && !rest.starts_with(|next: char| next.is_ascii_digit()) {
            return Some((time.replace('-', ""), rest));
        }
    }
    None
}

/// Whether a name has the ending of SQL files; capitals are none for segue.
pub(super) fn is_sql(name: &str) -> bool {
    name.as_bytes().ends_with(b".sql")
}

/// The key of a name that begins with a number, then one of `separators`;
/// the title after it, without the ending.
pub(super) fn numbered<'a>(name: &'a str, separators: &[&str]) -> Option<(Version, &'a str)> {
    let stem = name.strip_suffix(".sql")?;
    let (version, rest) = leading(stem)?;
    let title = separators
        .iter()
        .find_map(|separator| rest.strip_prefix(separator));
    Some((version, title?))
}
