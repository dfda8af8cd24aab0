//! Medians, and tables of them in Markdown.

use std::fmt;
use std::time::Duration;

/// Times of the same thing, measured again and again.
#[derive(Default)]
pub struct Series(Vec<Duration>);

/// A table with a heading and what has to be known of it.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What was measured, and how.
    pub text: String,
    /// Its columns.
    pub columns: Vec<&'static str>,
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Series {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The middle one; of an even number the later one of both.
    pub fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// As many as 99 of a hundred take at most so long.
    pub fn p99(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * 99).div_ceil(100) - 1]
    }

    /// `412 ms (398 to 430)`
    pub fn show(&self) -> String {
        let least = self.0.iter().min().copied().unwrap_or_default();
        let most = self.0.iter().max().copied().unwrap_or_default();
        format!(
            "{} ms ({} to {})",
            milliseconds(self.median()),
            milliseconds(least),
            milliseconds(most)
        )
    }

    /// This median over the other's.
    pub fn over(&self, other: &Self) -> String {
        format!(
            "{:.2}",
            self.median().as_secs_f64() / other.median().as_secs_f64()
        )
    }
}

/// With as many digits as mean something.
pub fn milliseconds(time: Duration) -> String {
    let value = time.as_secs_f64() * 1e3;
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Memory, in whole megabytes.
pub fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(
        || "not known".to_owned(),
        |bytes| format!("{} MB", bytes.div_ceil(1_000_000)),
    )
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "## {}\n\n{}\n", self.title, self.text)?;
        writeln!(formatter, "| {} |", self.columns.join(" | "))?;
        writeln!(formatter, "|{}", "---|".repeat(self.columns.len()))?;
        for row in &self.rows {
            writeln!(formatter, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}
