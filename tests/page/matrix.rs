//! The page of `segue compat` in a browser: fits, is legible, takes nothing
//! from elsewhere, leads from a cell to what is wrong, and can be heard.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use segue::compatibility::{Rules, Verdict};
use segue::matrix::{App, Cell, Failure, Matrix, Origin, Ran, Sessions, State};
use segue::page;
use segue::version::Version;
use tempfile::TempDir;

use super::look;
use super::support::{Browser, Scheme};

/// Code by the side, states by the other; `fails` are cells that must work.
fn matrix(apps: &[&str], states: &[(&str, &str)], fails: &[(usize, usize)]) -> Matrix {
    let rules = Rules::default();
    let version = |text: &str| Version::parse_short(text).expect("a version");
    let apps: Vec<App> = apps
        .iter()
        .map(|text| App {
            version: version(text),
            origin: Origin::Ref(format!("v{text}")),
            test: "make test-database".to_owned(),
            sessions: if text.ends_with(".1.0") {
                Sessions::Kept
            } else {
                Sessions::Fresh
            },
            needs: rules.needs(version(text)).to_string(),
        })
        .collect();
    let states: Vec<State> = states
        .iter()
        .map(|(name, text)| State {
            name: (*name).to_owned(),
            version: Some(version(text)),
        })
        .collect();
    let cell = |row: usize, column: usize| {
        let promise = rules.verdict(apps[column].version, states[row].version);
        let failed = |tail: &[&str]| {
            Ran::Failed(Failure {
                again: None,
                reason: "exit status 1".to_owned(),
                tail: tail.iter().map(|line| (*line).to_owned()).collect(),
                log: None,
            })
        };
        let ran = match promise {
            Verdict::Must if fails.contains(&(row, column)) => failed(&[
                "ERROR:  column \"task_rank\" of relation \"tasks\" does not exist",
                "LINE 1: INSERT INTO tasks (id, task_rank) VALUES ('a-very-long-identifier-without-any-place-to-break-it-at-all-so-that-it-has-to-break-somewhere', 1)",
                "                           ^",
            ]),
            Verdict::Must => Ran::Passed,
            Verdict::NeedNot if (row + column).is_multiple_of(5) => Ran::Passed,
            Verdict::NeedNot => failed(&[]),
        };
        Cell {
            promise,
            ran,
            took: Duration::from_millis(120),
            is_earlier: false,
        }
    };
    let cells = (0..states.len())
        .map(|row| (0..apps.len()).map(|column| cell(row, column)).collect())
        .collect();
    Matrix {
        project: "queue".to_owned(),
        major: 17,
        apps,
        states,
        cells,
        is_whole: true,
    }
}

/// File name safe; the matrix.
fn all() -> Vec<(&'static str, Matrix)> {
    let few = [
        ("2024-08-01-09-00-00-jobs.sql", "2.13.0"),
        ("2024-09-20-10-00-00-abort-requested.sql@ready", "2.13.0"),
        ("2024-09-20-10-00-00-abort-requested.sql", "3.0.0"),
        ("2024-09-27-10-00-00-drop-aborting.sql", "3.1.0"),
    ];
    let good = matrix(&["2.13.0", "3.0.0", "3.1.0"], &few, &[]);
    let mut ended = matrix(&["2.13.0", "3.0.0"], &few, &[]);
    for row in &mut ended.cells[2..] {
        row[1] = Cell::not_run(
            row[1].promise,
            "`prepare` of code 3.0.0 failed: exit status 2",
        );
    }
    let names: Vec<String> = (0..30)
        .map(|index| match index % 3 {
            0 => format!(
                "2025-{:02}-01-12-00-00-a-step-of-the-way.sql",
                index / 3 + 1
            ),
            1 => format!(
                "2025-{:02}-02-12-00-00-index-events.sql@building",
                index / 3 + 1
            ),
            _ => format!("2025-{:02}-02-12-00-00-index-events.sql", index / 3 + 1),
        })
        .collect();
    let versions: Vec<String> = (0..30)
        .map(|index| format!("{}.{}.0", 1 + index / 15, index % 15 / 3))
        .collect();
    let many: Vec<(&str, &str)> = names
        .iter()
        .zip(&versions)
        .map(|(name, version)| (name.as_str(), version.as_str()))
        .collect();
    let apps = [
        "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0",
    ];
    let large = matrix(&apps, &many, &[(4, 0), (4, 1), (22, 6)]);
    let mut none = good.clone();
    none.apps.clear();
    none.cells = vec![Vec::new(); none.states.len()];
    vec![
        ("good", good),
        ("ended", ended),
        ("large", large),
        ("none", none),
    ]
}

/// A page in a file of its own.
fn written(matrix: &Matrix) -> (TempDir, String) {
    let folder = tempfile::Builder::new().prefix("segue-matrix-").tempdir();
    let folder = folder.expect("a folder");
    let path = folder.path().join("matrix.html");
    std::fs::write(&path, page::matrix::html(matrix)).expect("written");
    let url = format!("file://{}", path.display());
    (folder, url)
}

/// Where pictures go, with `SEGUE_TEST_PICTURES=1`: `target/tmp/page/`.
fn folder() -> Option<PathBuf> {
    std::env::var_os("SEGUE_TEST_PICTURES").filter(|value| value == "1")?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).expect("a folder");
    Some(folder)
}

#[test]
fn each_matrix_fits_and_is_legible_in_both_schemes() {
    let browser = Browser::start();
    let mut problems = Vec::new();
    for (name, matrix) in all() {
        let (_folder, url) = written(&matrix);
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.look(look::WIDTHS[0], 900, scheme).open(&url);
            for width in look::WIDTHS {
                browser.look(width, 900, scheme);
                let place = format!("{name} {scheme:?} {width}");
                let found = browser.run(include_str!("legible.js"));
                for problem in found.as_array().expect("a list") {
                    problems.push(format!("{place}: {problem}"));
                }
                if let Some(folder) = folder() {
                    let file = format!("matrix-{name}-{scheme:?}-{width}.png").to_lowercase();
                    browser.screenshot(&folder.join(file));
                }
            }
        }
        browser.open("about:blank");
        let log = browser.log();
        problems.extend(log.problems.iter().map(|line| format!("{name}: {line}")));
        let strange = log
            .requests
            .iter()
            .filter(|asked| **asked != url && *asked != "about:blank");
        problems.extend(strange.map(|asked| format!("{name}: asks for {asked}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_cell_leads_to_what_is_wrong_and_says_it_by_itself() {
    let browser = Browser::start();
    let (_, large) = all().swap_remove(2);
    let (_folder, url) = written(&large);
    browser.look(1440, 900, Scheme::Light).open(&url);
    let said = browser.run(
        "return [...document.querySelectorAll('td a')].map((link) => {\
           const target = document.querySelector(link.hash);\
           return `${link.innerText.trim()}: ${target.querySelector('h3').innerText}`;\
         });",
    );
    assert_eq!(
        said,
        serde_json::json!([
            "FAILS: Code 1.0.0 in 2025-02-02-12-00-00-index-events.sql@building",
            "FAILS: Code 1.1.0 in 2025-02-02-12-00-00-index-events.sql@building",
            "FAILS: Code 2.1.0 in 2025-08-02-12-00-00-index-events.sql@building",
        ])
    );
    // Who listens hears the word, also where there is room for the shape only.
    browser.look(320, 900, Scheme::Light);
    let told = browser.accessibility();
    let cells = told
        .iter()
        .filter(|(role, _)| role == "cell" || role == "gridcell");
    let fails = cells.filter(|(_, name)| name.contains("FAILS")).count();
    assert_eq!(fails, 3, "{told:?}");
    let heads: Vec<&str> = told
        .iter()
        .filter(|(role, name)| role == "columnheader" && name.starts_with('2'))
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(heads.len(), 5, "{told:?}");
}

#[test]
fn every_element_of_a_matrix_is_closed() {
    let tags = Regex::new("<(/?)([a-z][a-z0-9]*)([^>]*)>").expect("a pattern");
    for (name, matrix) in all() {
        let html = page::matrix::html(&matrix);
        // Its style has `>` of its own.
        let (head, rest) = html.split_once("<style>").expect("a style");
        let (_, body) = rest.split_once("</style>").expect("its end");
        let mut open = Vec::new();
        for tag in tags.captures_iter(&format!("{head}{body}")) {
            let element = tag[2].to_owned();
            if element == "meta" || tag[3].ends_with('/') {
                continue;
            }
            if &tag[1] == "/" {
                assert_eq!(open.pop(), Some(element), "{name}");
            } else {
                open.push(element);
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}
