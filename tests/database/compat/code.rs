//! Where code comes from: refs of git, folders, what prepares them.

use super::{compat, git, good, ran};
use crate::support::Project;

/// Two tagged versions of one program, in a folder below the top.
fn tagged() -> Project {
    let project = good();
    git(&project, &["init", "-q", "-b", "main"]);
    project.write(".gitignore", "home\ncache\nruns\nprepared\nbuilt\n");
    for (tag, columns, values) in [("v1.0.0", "status", "'todo'"), ("v2.0.0", "abort", "true")] {
        project.write("prepare", "echo prepared >> $PREPARED; touch built\n");
        project.write(
            "program",
            format!("test -e built || exit 1\necho {tag} $SEGUE_STATE >> $RUNS\npsql -X -q -v ON_ERROR_STOP=1 -c \"INSERT INTO jobs ({columns}) VALUES ({values})\"\n"),
        );
        git(&project, &["add", "-A"]);
        git(&project, &["commit", "-q", "-m", tag]);
        git(&project, &["tag", tag]);
    }
    let path = |name: &str| project.path().join(name).display().to_string();
    let entry = |version: &str| {
        format!(
            "[[compat.app]]\nversion = \"{version}\"\nref = \"v{version}\"\nprepare = \"PREPARED={} sh prepare\"\ntest = \"RUNS={} sh program\"\n",
            path("prepared"),
            path("runs")
        )
    };
    project.write("segue.toml", ["1.0.0", "2.0.0"].map(entry).concat());
    project
}

#[test]
fn refs_are_checked_out_and_prepared_once() {
    let project = tagged();
    // Whatever hook this runs in.
    let mut project = project;
    project
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index");
    let states = ["--state", "1-jobs", "--state", "latest"];
    let run = compat(&project, &states);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.starts_with("schema  state       1.0.0  2.0.0\n1.0.0   1-jobs.sql      ✓      -\n2.0.0   4-drop.sql      -      ✓\n"), "{}", run.stdout);
    assert_eq!(
        ran(&project),
        [
            "v1.0.0 1-jobs.sql",
            "v1.0.0 4-drop.sql",
            "v2.0.0 1-jobs.sql",
            "v2.0.0 4-drop.sql"
        ]
    );
    assert_eq!(project.read("prepared"), "prepared\nprepared\n");
    // What is uncommitted in the work tree is no part of a tag, and the user's
    // repository is as it was.
    project.write("program", "exit 1\n");
    let run = compat(
        &project,
        &["--again", "--state", "1-jobs", "--state", "latest"],
    );
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(ran(&project).len(), 4);
    assert_eq!(project.read("prepared"), "prepared\nprepared\n");
    assert!(!project.path().join(".git/worktrees").exists());

    // A tag that moves is other code.
    project.write("program", "echo moved >> $RUNS\n");
    git(&project, &["commit", "-q", "-a", "-m", "moved"]);
    git(&project, &["tag", "-f", "v2.0.0"]);
    let run = compat(&project, &states);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(ran(&project), ["moved", "moved"]);
}

#[test]
fn a_ref_that_is_not_there_is_told_before_anything_runs() {
    let mut project = tagged();
    let text = project.read("segue.toml").replace("v2.0.0", "v2.0.1");
    project.write("segue.toml", text);
    compat(&project, &[]).expect(
        "",
        "
        error: code 2.0.0: there is no ref `v2.0.1` in `[project]`
        help: correct `ref` in segue.toml, or fetch it: a shallow clone has neither tags nor other branches
        ",
        2,
    );
    project.env("PATH", "/nowhere");
    compat(&project, &[]).expect(
        "",
        "
        error: git is not installed, and code 1.0.0 is `ref = \"v1.0.0\"`
        help: install git, or name a folder with that version by `path`
        ",
        2,
    );
    assert_eq!(ran(&project), [""; 0]);
}

#[test]
fn a_folder_without_a_repository_is_told_as_that() {
    let mut project = good();
    project.redact(r"(?s)note: .*?\nhelp", "note: [git]\nhelp");
    let top = project.path().as_os_str().to_owned();
    project.env("GIT_CEILING_DIRECTORIES", top);
    project.write(
        "segue.toml",
        "[[compat.app]]\nversion = \"1.0.0\"\nref = \"v1.0.0\"\ntest = \"true\"\n",
    );
    compat(&project, &[]).expect(
        "",
        "
        error: code 1.0.0 is `ref = \"v1.0.0\"`, and `.` is in no work tree of git
        note: [git]
        help: name a folder with that version by `path`, or run it in a clone of the repository
        ",
        2,
    );
    git(&project, &["init", "-q"]);
    project.write(".git/config", "[core]\n\trepositoryformatversion = 99\n");
    compat(&project, &[]).expect(
        "",
        "
        error: code 1.0.0 is `ref = \"v1.0.0\"`, and git cannot read the repository of `.`
        note: [git]
        help: name a folder with that version by `path`, or run it in a clone of the repository
        ",
        2,
    );
}

#[test]
fn what_a_test_writes_and_git_ignores_changes_nothing() {
    let project = good();
    git(&project, &["init", "-q"]);
    project.write(".gitignore", "*.tmp\nruns\n");
    let test = project.read("apps/1.0.0/test");
    project.write("apps/1.0.0/test", format!("date +%N > last.tmp\n{test}"));
    project.write("apps/1.1.0/test", "date +%N > last\nexit 0\n");
    let arguments = ["--state", "2-add@ready", "--app", "1.0", "--app", "1.1"];
    let first = compat(&project, &arguments);
    assert_eq!(first.status, 0, "{}", first.stdout);
    ran(&project);
    let again = compat(&project, &arguments);
    // 1.1.0 writes what git would keep, so nothing is known of it.
    assert_eq!(
        again.stderr,
        "     Testing 1 cell\n        Note files of code 1.1.0 have changed while its tests ran, so results are not kept; what a test writes belongs into .gitignore\n"
    );
    assert_eq!(ran(&project), [""; 0]);
}

/// Two versions of the code with the same files do not wait for each other;
/// what their tests do to the files is not there for ever.
#[test]
fn files_of_a_ref_that_its_tests_change_are_written_anew() {
    let project = good();
    git(&project, &["init", "-q", "-b", "main"]);
    project.write(".gitignore", "home\ncache\nruns\n");
    project.write("program", "cat count; grep -q 0 count && echo 1 > count\n");
    project.write("count", "0\n");
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-q", "-m", "all"]);
    git(&project, &["tag", "v1"]);
    let entry = |version: &str, test: &str| {
        format!("[[compat.app]]\nversion = \"{version}\"\nref = \"v1\"\ntest = \"{test}\"\n")
    };
    let config = entry("2.0.0", "sh program") + &entry("2.1.0", "true");
    project.write("segue.toml", format!("compat.timeout = \"20s\"\n{config}"));
    let states = ["--state", "latest"];
    for _ in 0..2 {
        let run = compat(&project, &states);
        assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains("Note files of code 2.0.0 have changed"),
            "{}",
            run.stderr
        );
    }
}
