//! The pages in `rules/` agree with the program.
//!
//! Each `sql` block below "Bad" is followed by a `text` block with exactly what
//! the rule says of it, and the rule has nothing to say of those below "Good".
//! A block is a file; blocks that follow "`NAME.sql`:" are the files of one
//! deployment. `UPDATE_EXPECTED=1` writes the `text` blocks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue::diagnostic::{Style, render};
use segue::lint::{File, Release, Rule, Settings, TABLE, lint};
use segue::text::Source;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

/// What `rule` says of the files of one deployment.
fn said(rule: &Rule, files: &[(String, String)]) -> String {
    let read: Vec<(File, Arc<Source>)> = files
        .iter()
        .map(|(name, text)| {
            let source = Arc::new(Source::new(format!("migrations/{name}"), text.clone()));
            let file = File::of_text(name, &source);
            let file = file.unwrap_or_else(|wrong| panic!("{}: {name}: {wrong:?}", rule.name));
            (file, source)
        })
        .collect();
    let others = TABLE.iter().filter(|other| other.name != rule.name);
    let settings = Settings {
        off: others
            .map(|other| other.name.to_owned())
            .collect::<BTreeSet<_>>(),
        release: Release::Together,
    };
    let all: Vec<File> = read.iter().map(|(file, _)| file.clone()).collect();
    let texts = lint(&all, &settings).into_iter().map(|finding| {
        let of = read.iter().find(|(file, _)| file.name == finding.migration);
        let (_, source) = of.expect("one of the files");
        render(&finding.diagnostic.source(source), Style::Plain)
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The page as it should be, what is said of its good examples, and how many
/// examples there are of each kind.
fn rewritten(rule: &Rule) -> (String, String, [usize; 2]) {
    let mut expected = String::new();
    let mut of_good = String::new();
    let mut counts = [0, 0];
    let mut section = "";
    let mut name = None;
    let mut files: Vec<(String, String)> = Vec::new();
    let mut lines = rule.page.lines().peekable();
    while let Some(line) = lines.next() {
        expected.push_str(line);
        expected.push('\n');
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        if let Some(named) = line
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix("`:"))
        {
            name = Some(named.to_owned());
        }
        if line != "```sql" {
            continue;
        }
        let text = lines.by_ref().take_while(|line| *line != "```");
        let text: String = text.flat_map(|line| [line, "\n"]).collect();
        expected.push_str(&text);
        expected.push_str("```\n");
        files.push((
            name.take().unwrap_or_else(|| "example.sql".to_owned()),
            text,
        ));
        // Another file of the same example follows.
        let mut ahead = lines.clone();
        if ahead.next() == Some("") && ahead.next().is_some_and(|next| next.ends_with(".sql`:")) {
            continue;
        }
        let found = said(rule, &std::mem::take(&mut files));
        if section == "Good" {
            counts[1] += 1;
            of_good.push_str(&found);
            continue;
        }
        counts[0] += 1;
        // The text block that stands there is replaced.
        if lines.peek() == Some(&"") {
            let mut ahead = lines.clone();
            ahead.next();
            if ahead.next() == Some("```text") {
                lines = ahead;
                lines.by_ref().find(|line| *line == "```");
            }
        }
        expected.extend(["\n```text\n", &found, "```\n"]);
    }
    (expected, of_good, counts)
}

#[test]
fn bad_examples_are_found_with_the_text_shown() {
    for rule in TABLE {
        let (expected, _, _) = rewritten(rule);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(folder().join(format!("{}.md", rule.name)), &expected)
                .expect("the folder of pages is writable");
            continue;
        }
        assert!(
            rule.page == expected,
            "{}",
            similar::TextDiff::from_lines(rule.page, &expected)
                .unified_diff()
                .header(rule.name, "what segue says")
        );
    }
}

#[test]
fn bad_examples_are_bad_and_good_ones_good() {
    for rule in TABLE {
        let (expected, of_good, [bad, good]) = rewritten(rule);
        assert_eq!(of_good, "", "{}", rule.name);
        assert!(bad > 0 && good > 0, "{}: {bad} bad, {good} good", rule.name);
        assert!(!expected.contains("```text\n```"), "{}", rule.name);
    }
}

#[test]
fn each_rule_has_its_page_and_each_page_its_rule() {
    let mut pages: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of pages is there")
        .map(|file| file.expect("readable").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    pages.sort_unstable();
    let mut names: Vec<String> = TABLE
        .iter()
        .map(|rule| format!("{}.md", rule.name))
        .collect();
    names.sort_unstable();
    assert_eq!(pages, names);
}
