//! `examples/abort-requested` and `examples/rename-column`: the matrices of two
//! discussions, cell by cell, by programs that really run.
//!
//! What `segue compat` prints stands in each README; `UPDATE_EXPECTED=1` writes
//! it there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Project, Run, Server, TestDatabase, assert_text};

/// How a cell is drawn.
const MUST_WORK: &str = "✅";
const WORKS: &str = "☑️";
const NEED_NOT: &str = "❌";
const FAILS: &str = "🛑 **FAILS**";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// A copy of an example.
fn example(name: &str) -> Project {
    let mut project = Project::throwaway();
    copy(&folder(name), project.path());
    let cache = project.path().join("cache");
    project.env("SEGUE_CACHE_DIR", cache.into_os_string());
    project
}

/// All files of a folder, that may be run where they may be there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}

fn compat(project: &Project, arguments: &[&str]) -> Run {
    let url = Server::shared().url("postgres");
    let mut all = vec!["compat", "--on", &url, "--format", "markdown"];
    all.extend(arguments);
    project.segue(&all)
}

/// A state, and how each version of the code does in it.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    version: &'a str,
    state: &'a str,
    cells: Vec<&'a str>,
}

/// The rows of the printed table, each with its version.
fn rows(markdown: &str) -> Vec<Row<'_>> {
    let mut version = "";
    let lines = markdown.lines().filter(|line| line.starts_with('|'));
    lines
        .skip(2)
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let of = cells.next().expect("a version").trim_matches('*');
            if !of.is_empty() {
                version = of;
            }
            Row {
                version,
                state: cells.next().expect("a state").trim_matches('`'),
                cells: cells.collect(),
            }
        })
        .collect()
}

/// Whether the README of an example has this matrix.
#[track_caller]
fn is_in_readme(name: &str, matrix: &str) {
    const BEGIN: &str = "<!-- segue compat --format markdown -->\n";
    const END: &str = "<!-- end -->";
    let path = folder(name).join("README.md");
    let text = fs::read_to_string(&path).expect("a README");
    let (before, rest) = text.split_once(BEGIN).expect("a beginning");
    let (known, after) = rest.split_once(END).expect("an end");
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        let matrix = matrix.trim_end();
        let text = format!("{before}{BEGIN}\n{matrix}\n\n{END}{after}");
        fs::write(&path, text).expect("a README");
        return;
    }
    assert_text("README.md", matrix.trim(), known.trim());
}

/// procrastinate #1189: down the schema, across the code.
#[test]
fn the_matrix_of_procrastinate() {
    let project = example("abort-requested");
    let run = compat(&project, &[]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    is_in_readme("abort-requested", &run.stdout);

    let discussed = [
        ("2.13.0", [true, true, false]),
        ("3.0.0", [false, true, true]),
        ("3.1.0", [false, false, true]),
    ];
    let rows = rows(&run.stdout);
    for (version, cells) in discussed {
        let states: Vec<&Row> = rows.iter().filter(|row| row.version == version).collect();
        assert!(!states.is_empty(), "{version}");
        for row in states {
            for (must_work, seen) in cells.iter().zip(&row.cells) {
                // "If it happens to be, it's not a problem, of course".
                let expected: &[&str] = if *must_work {
                    &[MUST_WORK]
                } else {
                    &[WORKS, NEED_NOT]
                };
                assert!(expected.contains(seen), "{row:?}");
            }
        }
    }
    // Each old version really fails on a schema that it does not know, each new
    // one on a schema that does not know it.
    let last = |version: &str| {
        let row = rows.iter().rfind(|row| row.version == version);
        row.map(|row| row.cells.clone()).unwrap_or_default()
    };
    assert_eq!(last("3.1.0"), [NEED_NOT, NEED_NOT, MUST_WORK]);
    assert_eq!(rows[0].cells, [MUST_WORK, MUST_WORK, NEED_NOT]);
}

/// Taskcluster's list, with the slips that the discussion itself corrects.
#[test]
fn the_list_of_taskcluster() {
    const CODE: [&str; 3] = ["1.0", "1.1", "2.0"];
    let project = example("rename-column");
    let run = compat(&project, &[]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    is_in_readme("rename-column", &run.stdout);

    let discussed = [
        ("1.0", "1.0", MUST_WORK),
        // Written as TC-1.1 -- DB-1.1, which is OK further down.
        ("1.1", "1.0", NEED_NOT),
        ("1.0", "1.1", MUST_WORK),
        ("1.1", "1.1", MUST_WORK),
        // "Untested (but probably OK)".
        ("1.0", "1.2", MUST_WORK),
        ("1.1", "1.2", MUST_WORK),
        // TC-2.x -- DB-1.x
        ("2.0", "1.0", NEED_NOT),
        ("2.0", "1.1", NEED_NOT),
        ("2.0", "1.2", NEED_NOT),
        // TC-1.x -- DB-2.x
        ("1.0", "2.0", NEED_NOT),
        ("1.1", "2.0", NEED_NOT),
        ("2.0", "2.0", MUST_WORK),
    ];
    let rows = rows(&run.stdout);
    let mut seen = 0;
    for (code, schema, expected) in discussed {
        let column = CODE.iter().position(|one| *one == code).expect("a column");
        let version = format!("{schema}.0");
        for row in rows.iter().filter(|row| row.version == version) {
            assert_eq!(row.cells[column], expected, "code {code}, {row:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, rows.len() * CODE.len());
}

/// The blocks of a README that show what `segue gate` prints: its arguments, and
/// that.
fn gates(name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder(name).join("README.md")).expect("a README");
    let blocks = text.split("```console\n$ segue ").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("\n```")?.0.split_once('\n'));
    blocks
        .filter(|(command, _)| command.starts_with("gate "))
        .map(|(command, printed)| (command.to_owned(), format!("{printed}\n")))
        .collect()
}

/// Takes the files away that begin so; puts them back.
fn hide(project: &Project, beginning: &str, is_hidden: bool) {
    let (migrations, aside) = (
        project.path().join("migrations"),
        project.path().join("aside"),
    );
    fs::create_dir_all(&aside).expect("a folder");
    let (from, to) = if is_hidden {
        (&migrations, &aside)
    } else {
        (&aside, &migrations)
    };
    for entry in fs::read_dir(from).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        if name.to_string_lossy().starts_with(beginning) {
            fs::rename(from.join(&name), to.join(&name)).expect("a file");
        }
    }
}

/// Each block is what is printed there and then.
#[track_caller]
fn says(project: &Project, (command, printed): &(String, String), status: i32) {
    let arguments: Vec<&str> = command.split(' ').collect();
    let run = project.segue(&arguments);
    let printed = printed.replace("pid 4711 as postgres", "pid [pid] as [user]");
    assert_text("README.md", &run.stdout, &printed);
    assert_eq!(run.status, status, "{command}");
}

#[test]
fn gates_print_what_the_documents_show() {
    let database = TestDatabase::new();
    let mut project = example("abort-requested");
    project.env("DATABASE_URL", database.url());
    project.redact(r"\bas postgres\b", "as [user]");
    let blocks = gates("abort-requested");
    assert_eq!(blocks.len(), 3);
    for month in ["2026-09", "2026-10"] {
        hide(&project, month, true);
    }
    project.segue(&["up"]).expect_success();
    hide(&project, "2026-09", false);
    says(&project, &blocks[0], 0);
    let server = database.session();
    server.run("SET application_name = 'queue/2.13.0'");
    says(&project, &blocks[1], 1);
    hide(&project, "2026-10", false);
    says(&project, &blocks[2], 1);

    let database = TestDatabase::new();
    let mut project = example("rename-column");
    project.env("DATABASE_URL", database.url());
    let blocks = gates("rename-column");
    assert_eq!(blocks.len(), 2);
    hide(&project, "2026-06", true);
    project.segue(&["up"]).expect_success();
    hide(&project, "2026-06", false);
    for block in &blocks {
        says(&project, block, 1);
    }
}

/// A release that looks whether the column is there, and then relies on it: it
/// works with either schema, and not on the way from one to the other.
#[test]
fn a_release_that_breaks_in_one_state_is_caught_there_alone() {
    let project = example("abort-requested");
    let apps = project.path().join("apps");
    copy(&apps.join("3.0"), &apps.join("3.0.1"));
    let queue = project.read("apps/3.0.1/queue");
    let hasty = queue.replace(
        "finish_job(id, 'aborted') WHERE status = 'aborting'",
        "finish_job(id, 'aborted') WHERE coalesce((to_jsonb(jobs) ->> 'abort_requested')::boolean, status = 'aborting')",
    );
    assert_eq!(hasty.matches("to_jsonb").count(), 1);
    project.write("apps/3.0.1/queue", hasty);
    let config = project.read("segue.toml");
    project.write(
        "segue.toml",
        format!("{config}\n[[compat.app]]\nversion = \"3.0.1\"\npath = \"apps/3.0.1\"\ntest = \"./test\"\n"),
    );
    let run = compat(&project, &["--app", "3.0.1"]);
    assert_eq!(run.status, 1, "{}{}", run.stdout, run.stderr);
    let rows = rows(&run.stdout);
    let seen: Vec<(&str, &str)> = rows.iter().map(|row| (row.state, row.cells[0])).collect();
    assert_eq!(
        seen,
        [
            ("2026-01-12-09-30-00-queue.sql", MUST_WORK),
            (
                "2026-09-07-10-00-00-add-abort-requested.sql@ready",
                MUST_WORK
            ),
            (
                "2026-09-07-10-05-00-fill-abort-requested.sql@backfilling:50%",
                FAILS
            ),
            ("2026-09-07-10-05-00-fill-abort-requested.sql", MUST_WORK),
            ("2026-10-05-10-00-00-end-aborting.sql@ready", NEED_NOT),
            ("2026-10-05-10-05-00-prove-end.sql", NEED_NOT),
        ]
    );
    assert!(
        run.stdout.contains("test: jobs that nobody will stop: "),
        "{}",
        run.stdout
    );
}

/// Servers of two versions on one database.
struct Queue<'a> {
    project: &'a Project,
    database: &'a TestDatabase<'a>,
}

impl Queue<'_> {
    /// What a command of that version prints.
    #[track_caller]
    fn run(&self, version: &str, arguments: &[&str]) -> String {
        let folder = self.project.path().join("apps").join(version);
        let mut command = Command::new(folder.join("queue"));
        command
            .args(arguments)
            .env("DATABASE_URL", self.database.url());
        let run = self.project.output_of(&mut command);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout.trim().to_owned()
    }
}

/// From the column's COMMIT to the last job in old words, each version sees
/// what the other one asks for, and each request is noted once.
#[test]
fn old_and_new_code_see_each_others_requests() {
    let database = TestDatabase::new();
    let mut project = example("abort-requested");
    project.env("DATABASE_URL", database.url());
    for file in [
        "2026-10-05-10-00-00-end-aborting.sql",
        "2026-10-05-10-05-00-prove-end.sql",
    ] {
        fs::rename(
            project.path().join("migrations").join(file),
            project.path().join(file),
        )
        .expect("a file");
    }
    project.segue(&["up"]).expect_success();
    let queue = Queue {
        project: &project,
        database: &database,
    };
    let mut open = Vec::new();
    for (asks, works) in [
        ("3.0", "3.1"),
        ("3.1", "3.0"),
        ("2.13", "3.1"),
        ("3.1", "2.13"),
    ] {
        let job = queue.run(asks, &["defer", "mail", "send"]);
        assert_eq!(queue.run(works, &["fetch", "mail"]), job);
        queue.run(asks, &["abort", &job]);
        assert_eq!(
            queue.run(works, &["is-aborted", &job]),
            "t",
            "{asks} {works}"
        );
        assert_eq!(
            queue.run(asks, &["is-aborted", &job]),
            "t",
            "{asks} {works}"
        );
        queue.run(works, &["finish", &job, "aborted"]);
        assert_eq!(
            queue.run(asks, &["is-aborted", &job]),
            "f",
            "{asks} {works}"
        );
        assert_eq!(
            queue.run(asks, &["events", &job]),
            "deferred started abort_requested aborted",
            "{asks} {works}"
        );
        // One more, which is to stop when the next schema comes.
        let job = queue.run(asks, &["defer", "mail", "send"]);
        queue.run(works, &["fetch", "mail"]);
        queue.run(asks, &["abort", &job]);
        open.push(job);
    }
    for file in [
        "2026-10-05-10-00-00-end-aborting.sql",
        "2026-10-05-10-05-00-prove-end.sql",
    ] {
        fs::rename(
            project.path().join(file),
            project.path().join("migrations").join(file),
        )
        .expect("a file");
    }
    project.segue(&["up"]).expect_success();
    for job in &open {
        assert_eq!(queue.run("3.1", &["is-aborted", job]), "t");
        assert_eq!(queue.run("3.1", &["status", job]), "doing");
        queue.run("3.1", &["finish", job, "aborted"]);
        assert_eq!(
            queue.run("3.1", &["events", job]),
            "deferred started abort_requested aborted"
        );
    }
}
