//! A matrix as Markdown, for documents and comments: code across, schema down.

use std::fmt::Write as _;

use crate::matrix::{Failure, Matrix, Placed, Sessions, Sight};

/// How a cell is drawn.
const fn sign(sight: Sight) -> &'static str {
    match sight {
        Sight::MustWork => "✅",
        Sight::Works => "☑️",
        Sight::NeedNot => "❌",
        Sight::Fails => "🛑 **FAILS**",
        Sight::NotRun => "❔",
    }
}

/// The matrix.
pub(crate) fn markdown(matrix: &Matrix) -> String {
    let mut text = "| Schema ⬇️ Code ➡️ | State |".to_owned();
    for app in &matrix.apps {
        let kept = match app.sessions {
            Sessions::Kept => ", sessions kept",
            Sessions::Fresh => "",
        };
        // Writing into a string cannot fail, here and below.
        let _ = write!(text, " {}{kept} |", app.version);
    }
    let _ = write!(
        text,
        "\n| --- | --- |{}\n",
        " :-: |".repeat(matrix.apps.len())
    );
    for group in matrix.groups() {
        for index in group.first..group.first + group.rows {
            let version = match group.version {
                Some(version) if index == group.first => format!(" **{version}**"),
                _ => String::new(),
            };
            let state = code(&matrix.states[index].name);
            let _ = write!(text, "|{version} | {state} |");
            for cell in &matrix.cells[index] {
                let _ = write!(text, " {} |", sign(cell.sight()));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    let seen = Sight::ALL.into_iter();
    let seen = seen.filter(|sight| matrix.count(*sight) > 0);
    let legend = seen.map(|sight| format!("{} {}", sign(sight), sight.meaning()));
    text.push_str(&legend.collect::<Vec<_>>().join(" · "));
    text.push('\n');
    for (placed, failure) in matrix.failed() {
        text.push('\n');
        text.push_str(&failed(placed, failure));
    }
    for (why, about) in matrix.not_run() {
        let number = about.len();
        let _ = writeln!(
            text,
            "\n{} not run ({number}): {}",
            sign(Sight::NotRun),
            plain(why)
        );
    }
    text
}

fn failed(Placed { state, app, .. }: Placed<'_>, failure: &Failure) -> String {
    let mut text = format!(
        "{} code {} in {}: {}\n",
        sign(Sight::Fails),
        app.version,
        inline(&state.name),
        plain(&failure.reason)
    );
    if failure.tail.is_empty() {
        return text;
    }
    let tail = failure.tail.join("\n");
    let fence = fence(&tail);
    let _ = write!(
        text,
        "\n<details><summary>What it printed last</summary>\n\n{fence}text\n{tail}\n{fence}\n\n</details>\n"
    );
    text
}

/// A piece of code in a cell of a table.
fn code(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// A piece of code in a sentence.
fn inline(text: &str) -> String {
    let one_line = text.replace(['\n', '\r'], " ");
    if one_line.contains('`') {
        format!("`` {one_line} ``")
    } else {
        format!("`{one_line}`")
    }
}

/// A sentence in which nothing but code between backticks means something.
fn plain(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('<', "&lt;")
}

/// More backticks than stand anywhere in `text`, at least three.
fn fence(text: &str) -> String {
    let runs = text.split(|character| character != '`').map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::example;

    #[test]
    fn it_is_a_table_with_a_legend() {
        let expected = "\
| Schema ⬇️ Code ➡️ | State | 1.0.0 | 1.1.0 | 2.0.0, sessions kept |
| --- | --- | :-: | :-: | :-: |
| | `empty` | ❌ | ❌ | ❌ |
| **1.0.0** | `01-jobs.sql` | ✅ | ❌ | ❌ |
| | `02-add.sql@ready` | ✅ | ❌ | ❌ |
| **1.1.0** | `02-add.sql` | ✅ | ✅ | ❌ |
| | `03-index.sql@building` | ✅ | 🛑 **FAILS** | ☑️ |
| **2.0.0** | `03-index.sql` | ❌ | ❔ | ✅ |

✅ must work, and does · ☑️ works, and need not · ❌ need not work, and does not · 🛑 **FAILS** must work, and does not · ❔ not run

🛑 **FAILS** code 1.1.0 in `03-index.sql@building`: exit status 1

<details><summary>What it printed last</summary>

```text
ERROR:  relation \"jobs\" does not exist
LINE 1: SELECT * FROM jobs;
```

</details>

❔ not run (1): ended by SIGINT
";
        assert_eq!(markdown(&example::matrix()), expected);
    }

    #[test]
    fn names_and_output_stay_what_they_are() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(inline("a|b"), "`a|b`");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(fence("````"), "`````");
        assert_eq!(fence("x"), "```");
    }
}
