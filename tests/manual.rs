//! The documents agree with the program.
//!
//! In `directives/NAME.md`, each `sql` block below "Accepted" parses without a
//! diagnostic, and each one below "Rejected" is followed by a `text` block with
//! exactly what segue says of it. `UPDATE_EXPECTED=1` writes those blocks.
//! The pages of lint rules, README, the example and the links are in files of
//! their own.

#[path = "manual/hang.rs"]
mod hang;
#[path = "manual/links.rs"]
mod links;
#[path = "manual/rules.rs"]
mod rules;
#[path = "manual/story.rs"]
mod story;
#[path = "support/support.rs"]
mod support;
#[path = "manual/two.rs"]
mod two;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue::diagnostic::{Style, render};
use segue::directive::{Entry, TABLE, parse};
use segue::files::embedded::{self, EmbeddedFile};
use segue::files::{Depth, outline};
use segue::text::{Source, Variables};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("directives")
}

/// What segue says of a migration, without colours: of its header, or else of
/// its statements.
fn diagnose(migration: &str) -> String {
    const PATH: &str = "migrations/example.sql";
    let (_, mut diagnostics) = parse(&Arc::new(Source::new(PATH, migration)));
    if diagnostics.is_empty() {
        let file = EmbeddedFile {
            path: PATH,
            bytes: migration.to_owned().leak().as_bytes(),
        };
        let read = embedded::read(&[file], &Variables::default());
        let (mut migrations, _) = read.expect("it is at hand");
        let mut all: Vec<_> = migrations.iter_mut().collect();
        diagnostics = outline(&mut all, Depth::Relations).expect("it is at hand");
    }
    let texts = diagnostics
        .iter()
        .map(|diagnostic| render(diagnostic, Style::Plain));
    texts.collect::<Vec<_>>().join("\n")
}

/// The page as it should be: with the right `text` block after each rejected
/// example. Also the diagnostics of its accepted examples.
fn rewritten(page: &str) -> (String, String, usize) {
    let mut expected = String::new();
    let mut of_accepted = String::new();
    let mut examples = 0;
    let mut section = "";
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        expected.push_str(line);
        expected.push('\n');
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        if line != "```sql" {
            continue;
        }
        let migration = lines.by_ref().take_while(|line| *line != "```");
        let migration: String = migration.flat_map(|line| [line, "\n"]).collect();
        expected.push_str(&migration);
        expected.push_str("```\n");
        examples += 1;
        if section == "Accepted" {
            of_accepted.push_str(&diagnose(&migration));
            continue;
        }
        // The text block that stands there is replaced.
        if lines.peek() == Some(&"") {
            let mut ahead = lines.clone();
            ahead.next();
            if ahead.next() == Some("```text") {
                lines = ahead;
                lines.by_ref().find(|line| *line == "```");
            }
        }
        expected.extend(["\n```text\n", &diagnose(&migration), "```\n"]);
    }
    (expected, of_accepted, examples)
}

#[test]
fn rejected_examples_are_rejected_with_the_text_shown() {
    for entry in TABLE {
        let (expected, _, _) = rewritten(entry.page);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(folder().join(format!("{}.md", entry.name)), &expected)
                .expect("the folder of pages is writable");
            continue;
        }
        assert!(
            entry.page == expected,
            "{}",
            similar::TextDiff::from_lines(entry.page, &expected)
                .unified_diff()
                .header(entry.name, "what segue says")
        );
    }
}

#[test]
fn rejected_examples_are_rejected() {
    for entry in TABLE {
        let rejected = entry.page.split("## Rejected").nth(1);
        let rejected = rejected.unwrap_or_else(|| panic!("{}: no example", entry.name));
        let examples = rejected.matches("```sql\n").count();
        let texts = rejected.matches("```text\nerror[").count();
        assert!(examples > 0, "{}", entry.name);
        assert_eq!(examples, texts, "{}", entry.name);
    }
}

#[test]
fn accepted_examples_are_accepted() {
    for entry in TABLE {
        let (_, of_accepted, examples) = rewritten(entry.page);
        assert_eq!(of_accepted, "", "{}", entry.name);
        assert!(examples >= 2, "{}: {examples} examples", entry.name);
        assert!(entry.page.contains("## Accepted"), "{}", entry.name);
    }
}

#[test]
fn each_directive_has_its_page_and_each_page_its_directive() {
    let mut pages: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of pages is there")
        .map(|file| file.expect("readable").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    pages.sort_unstable();
    let mut names: Vec<String> = TABLE
        .iter()
        .map(|entry| format!("{}.md", entry.name))
        .collect();
    names.sort_unstable();
    assert_eq!(pages, names);
    for Entry { name, page, .. } in TABLE {
        assert!(page.starts_with(&format!("# `{name}`\n")), "{name}");
        assert!(page.contains(&format!("\n-- segue: {name}")), "{name}");
    }
}
