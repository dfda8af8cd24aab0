//! A matrix as `JUnit` XML: a suite per version of the code, a case per state.
//!
//! What need not work and does not is skipped, so that a host of pipelines
//! counts it neither as passed nor as failed.

use std::fmt::Write as _;
use std::time::Duration;

use crate::matrix::{Matrix, Placed, Ran, Sight};

/// The result, a whole document.
pub(crate) fn junit(matrix: &Matrix) -> String {
    let all: Vec<Placed<'_>> = matrix.placed().collect();
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let name = format!("segue compat {}", matrix.project);
    let _ = writeln!(text, "<testsuites{}>", attributes(&name, &all));
    for app in &matrix.apps {
        let suite = all.iter().filter(|one| one.app.version == app.version);
        let suite: Vec<Placed<'_>> = suite.copied().collect();
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "  <testsuite{}>",
            attributes(&app.version.to_string(), &suite)
        );
        for placed in &suite {
            case(&mut text, *placed);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Name and counts of a list of cases.
fn attributes(name: &str, cases: &[Placed<'_>]) -> String {
    let count = |is: fn(&Placed<'_>) -> bool| cases.iter().filter(|one| is(one)).count();
    let took = cases.iter().map(|one| one.cell.took).sum();
    format!(
        " name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        escaped(name),
        cases.len(),
        count(is_failure),
        count(is_error),
        count(is_skipped),
        seconds(took)
    )
}

fn is_failure(placed: &Placed<'_>) -> bool {
    placed.cell.sight() == Sight::Fails
}

/// A promise that nobody has looked at does not hold either.
fn is_error(placed: &Placed<'_>) -> bool {
    placed.cell.sight() == Sight::NotRun && !placed.cell.is_well()
}

fn is_skipped(placed: &Placed<'_>) -> bool {
    match placed.cell.sight() {
        Sight::NeedNot => true,
        Sight::NotRun => !is_error(placed),
        Sight::MustWork | Sight::Works | Sight::Fails => false,
    }
}

fn case(text: &mut String, placed: Placed<'_>) {
    let Placed { state, app, cell } = placed;
    let version = state.version.map_or_else(
        || "no schema version".to_owned(),
        |version| format!("schema {version}"),
    );
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escaped(&format!("code {}", app.version)),
        escaped(&format!("{}, {version}", state.name)),
        seconds(cell.took)
    );
    let (element, message, body) = match (&cell.ran, cell.sight()) {
        (Ran::Failed(failure), Sight::Fails) => {
            ("failure", failure.reason.as_str(), failure.tail.join("\n"))
        }
        (Ran::Failed(failure), _) => {
            let message = format!("{}: {}", Sight::NeedNot.meaning(), failure.reason);
            let _ = writeln!(
                text,
                ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                escaped(&message)
            );
            return;
        }
        (Ran::NotRun(why), _) if is_error(&placed) => ("error", why.as_str(), String::new()),
        (Ran::NotRun(why), _) => ("skipped", why.as_str(), String::new()),
        (Ran::Passed, _) => {
            text.push_str("/>\n");
            return;
        }
    };
    let _ = writeln!(
        text,
        ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
        escaped(message),
        escaped(&body)
    );
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// As text and between double quotes; what XML 1.0 cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other if other.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::example;

    #[test]
    fn each_version_is_a_suite() {
        let text = junit(&example::matrix());
        let head: Vec<_> = text.lines().take(3).collect();
        assert_eq!(
            head,
            [
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                "<testsuites name=\"segue compat queue\" tests=\"18\" failures=\"1\" errors=\"1\" skipped=\"9\" time=\"1.200\">",
                "  <testsuite name=\"1.0.0\" tests=\"6\" failures=\"0\" errors=\"0\" skipped=\"2\" time=\"0.000\">",
            ]
        );
        let suite = text.split("<testsuite name=\"1.1.0\"").nth(1);
        let suite = suite.and_then(|rest| rest.split("</testsuite>").next());
        assert_eq!(
            suite.unwrap_or_default(),
            " tests=\"6\" failures=\"1\" errors=\"1\" skipped=\"3\" time=\"1.200\">
    <testcase classname=\"code 1.1.0\" name=\"empty, no schema version\" time=\"0.000\">
      <skipped message=\"need not work, and does not: exit status 1\"/>
    </testcase>
    <testcase classname=\"code 1.1.0\" name=\"01-jobs.sql, schema 1.0.0\" time=\"0.000\">
      <skipped message=\"need not work, and does not: exit status 1\"/>
    </testcase>
    <testcase classname=\"code 1.1.0\" name=\"02-add.sql@ready, schema 1.0.0\" time=\"0.000\">
      <skipped message=\"need not work, and does not: exit status 1\"/>
    </testcase>
    <testcase classname=\"code 1.1.0\" name=\"02-add.sql, schema 1.1.0\" time=\"0.000\"/>
    <testcase classname=\"code 1.1.0\" name=\"03-index.sql@building, schema 1.1.0\" time=\"1.200\">
      <failure message=\"exit status 1\">ERROR:  relation &quot;jobs&quot; does not exist
LINE 1: SELECT * FROM jobs;</failure>
    </testcase>
    <testcase classname=\"code 1.1.0\" name=\"03-index.sql, schema 2.0.0\" time=\"0.000\">
      <error message=\"ended by SIGINT\"></error>
    </testcase>
  "
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("\u{1b}[31m<a & \"b\">"),
            "\u{fffd}[31m&lt;a &amp; &quot;b&quot;&gt;"
        );
    }
}
