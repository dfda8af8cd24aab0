//! `/metrics`, read as strictly as Prometheus's documentation has the format.

use std::collections::BTreeMap;

use regex::Regex;

use super::{INDEX, Served, project};
use crate::support::{TestDatabase, wait_until};

/// Samples by name and labels.
type Samples = BTreeMap<String, f64>;

/// Reads "Exposition formats", text format 0.0.4; panics where it is not kept.
#[track_caller]
fn parse(text: &str) -> Samples {
    let sample = Regex::new(
        r#"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$"#,
    )
    .expect("a pattern");
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = Vec::new();
    let mut family = String::new();
    let mut samples = Samples::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            assert!(!help.is_empty() && help.ends_with('.'), "{line}");
            assert!(!helped.contains(&name.to_owned()), "{name} comes twice");
            helped.push(name.to_owned());
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(
                helped.last().map(String::as_str),
                Some(name),
                "HELP before TYPE"
            );
            assert!(["gauge", "counter"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            types.insert(name.to_owned(), kind.to_owned());
            name.clone_into(&mut family);
            continue;
        }
        let parts = sample
            .captures(line)
            .unwrap_or_else(|| panic!("no sample: {line}"));
        assert_eq!(&parts[1], family, "samples of a family stand together");
        let labels = parts.get(2).map_or("", |labels| labels.as_str());
        let value: f64 = parts[3].parse().expect("a number");
        let before = samples.insert(format!("{}{labels}", &parts[1]), value);
        assert_eq!(before, None, "{line} comes twice");
    }
    samples
}

fn read(served: &Served<'_>) -> Samples {
    let answer = served.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    parse(&answer.body)
}

#[test]
fn they_follow_the_format_in_every_state() {
    let database = TestDatabase::new();
    let project = project(&database);
    // What a label's value has to be protected from.
    let odd = "2-\"i\\n\\\" größer.sql";
    project.file(odd, INDEX);
    let served = Served::start(&project, &[]);
    read(&served);
    served.process.wait_for_stderr("Not ready");
    wait_until("a look", || {
        read(&served)["segue_looks_total{project=\"main\"}"] > 0.0
    });
    assert!(read(&served)["segue_ready{project=\"main\"}"] < 0.5);
    project.segue(&["up", "--until", "ready"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is ready");
    let writer = database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let settling = project.spawn(&["settle"]);
    let blockers = r#"segue_tail_blocked{project="main",migration="2-\"i\\n\\\" größer.sql"}"#;
    wait_until("a blocker", || read(&served).get(blockers) == Some(&1.0));
    let samples = read(&served);
    let value = |name: &str| samples[name];
    assert!(value(r#"segue_state{project="main",state="ready"}"#) > 0.5);
    assert!(value(r#"segue_migrations{project="main",kind="concurrent",state="running"}"#) > 0.5);
    let seconds = value(r#"segue_state_seconds{project="main"}"#);
    assert!((0.0..60.0).contains(&seconds), "{seconds}");
    let age = value(r#"segue_last_seen_age_seconds{project="main"}"#);
    assert!((0.0..30.0).contains(&age), "{age}");
    writer.run("COMMIT");
    settling.wait().expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
    assert!(!read(&served).contains_key(blockers));
}
