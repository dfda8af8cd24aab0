//! Rules, as their own tests see them.

use std::sync::Arc;

use super::*;

/// Reads files.
#[track_caller]
pub(super) fn files(texts: &[(&str, &str)]) -> Vec<(File, Arc<Source>)> {
    let read = texts.iter().map(|(name, text)| {
        let source = Arc::new(Source::new(*name, *text));
        let file = File::of_text(name, &source).expect("a valid file");
        (file, source)
    });
    read.collect()
}

/// What is said of files: `FILE:LINE:COLUMN RULE: MESSAGE`, and whether it is
/// waived.
#[track_caller]
pub(super) fn said(texts: &[(&str, &str)], settings: &Settings) -> Vec<String> {
    let read = files(texts);
    let files: Vec<File> = read.iter().map(|(file, _)| file.clone()).collect();
    let shown = lint(&files, settings).into_iter().map(|finding| {
        let source = read
            .iter()
            .find(|(file, _)| file.name == finding.migration)
            .map(|(_, source)| source)
            .expect("a file");
        let at = source.position(finding.span().start);
        let waived = finding.waived.as_ref().map(|why| format!(" ({why})"));
        format!(
            "{}:{}:{} {}: {}{}",
            finding.migration,
            at.line,
            at.column,
            finding.code(),
            finding.diagnostic.message,
            waived.unwrap_or_default()
        )
    });
    shown.collect()
}

/// What one rule says of one file: `LINE:COLUMN MESSAGE`.
#[track_caller]
pub(super) fn check(rule: &str, sql: &str, expected: &[&str]) {
    check_files(rule, &[("b.sql", sql)], Release::Apart, expected);
}

/// What one rule says of the last one of several files.
#[track_caller]
pub(super) fn check_files(rule: &str, texts: &[(&str, &str)], release: Release, expected: &[&str]) {
    assert!(Rule::named(rule).is_some(), "{rule}");
    let settings = Settings {
        release,
        off: TABLE
            .iter()
            .map(|one| one.name.to_owned())
            .filter(|name| name != rule)
            .collect(),
    };
    let (last, _) = texts.last().expect("a file");
    let found: Vec<String> = said(texts, &settings)
        .into_iter()
        .filter_map(|line| {
            let rest = line.strip_prefix(&format!("{last}:"))?;
            Some(rest.replacen(&format!(" {rule}: "), " ", 1))
        })
        .collect();
    assert_eq!(found, expected, "{texts:?}");
}

#[test]
fn a_release_is_one_batch() {
    let files = [
        ("a.sql", "CREATE TABLE t (a int)"),
        ("b.sql", "CREATE INDEX i ON t (a)"),
    ];
    check_files("index-not-concurrently", &files, Release::Together, &[]);
    check_files(
        "index-not-concurrently",
        &files,
        Release::Apart,
        &["1:8 no row of `t` can be written while this index is built"],
    );
    let concurrent = [
        ("a.sql", "CREATE TABLE t (a int)"),
        (
            "b.sql",
            "-- segue: begin-concurrent-migration-with: a.sql\nCREATE INDEX i ON t (a)",
        ),
    ];
    check_files(
        "index-not-concurrently",
        &concurrent,
        Release::Together,
        &["2:8 no row of `t` can be written while this index is built"],
    );
}

#[test]
fn a_waiver_holds_in_its_file_and_is_used() {
    let settings = Settings::default();
    let found = said(
        &[
            (
                "a.sql",
                "-- segue: allow: index-not-concurrently, it is small\n\
                 CREATE INDEX i ON t (a);\nCREATE INDEX j ON t (a)",
            ),
            (
                "b.sql",
                "-- segue: allow: rename-breaks-code, nobody reads it\n\
                 -- segue: allow: index-not-concurently, x\n\
                 CREATE INDEX k ON t (a)",
            ),
        ],
        &settings,
    );
    assert_eq!(
        found,
        [
            "a.sql:2:8 index-not-concurrently: no row of `t` can be written while this index is built (it is small)",
            "a.sql:3:8 index-not-concurrently: no row of `t` can be written while this index is built (it is small)",
            "b.sql:1:18 unused-waiver: nothing in this file needs `rename-breaks-code` to be waived",
            "b.sql:2:18 unknown-rule: there is no rule `index-not-concurently`",
            "b.sql:3:8 index-not-concurrently: no row of `t` can be written while this index is built",
        ]
    );
}

#[test]
fn what_is_not_judged_tells_what_there_is() {
    let mut read: Vec<File> = files(&[
        ("a.sql", "CREATE INDEX h ON t (a); CREATE TABLE u (a int)"),
        ("b.sql", "CREATE INDEX i ON u (a)"),
    ])
    .into_iter()
    .map(|(file, _)| file)
    .collect();
    read[0].is_judged = false;
    let settings = Settings {
        release: Release::Together,
        ..Settings::default()
    };
    let found = lint(&read, &settings);
    let found: Vec<&str> = found.iter().map(|one| one.migration.as_str()).collect();
    assert_eq!(found, ["b.sql"]);
}

#[test]
fn names_of_rules_are_theirs_alone_and_their_pages_say_them() {
    let mut names: Vec<&str> = TABLE.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());
    for rule in TABLE {
        assert!(crate::diagnostic::Code::named(rule.name).is_none());
        assert!(rule.page.starts_with(&format!("# `{}`\n", rule.name)));
        let summary = rule.summary();
        assert!(summary.ends_with('.') && summary.len() < 200, "{summary}");
    }
}
