//! `--exec`: segue becomes the command.

use nix::sys::signal::Signal;

use super::project_on;
use crate::support::{Project, TestDatabase};

fn ready() -> (TestDatabase<'static>, Project) {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.segue(&["up"]).expect_success();
    (database, project)
}

#[test]
fn it_has_the_process_and_the_rest_of_the_command_line() {
    let (_database, project) = ready();
    let script = "echo $$ $1 $2 $3; exit 7";
    let run = project.spawn(&[
        "wait", "--exec", "sh", "-c", script, "sh", "-q", "--json", "--",
    ]);
    let pid = run.pid();
    run.wait().expect(
        &format!("{pid} -q --json --"),
        "
        Ready deployment 1
        ",
        7,
    );
}

#[test]
fn its_environment_says_what_has_come() {
    let (_database, project) = ready();
    // What the user's own variables hold is none of our output.
    let script = "env | grep -v -e _URL= -e PGPASSWORD=";
    let mut plain = std::process::Command::new("sh");
    plain.args(["-c", script]).env_clear().envs(
        project
            .command(&[])
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let plain = project.output_of(plain.current_dir(project.path()));
    let run = project.segue(&[
        "wait", "settled", "--quiet", "--exec", "--", "sh", "-c", script,
    ]);
    let mut new: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| !plain.stdout.lines().any(|old| old == *line))
        .collect();
    new.sort_unstable();
    let fingerprint = new
        .iter()
        .position(|line| line.starts_with("SEGUE_FINGERPRINT=sha256:"));
    assert_eq!(fingerprint, Some(1), "{new:?}");
    new.remove(1);
    assert_eq!(
        new,
        [
            "SEGUE_DEPLOYMENT=1",
            "SEGUE_MIGRATION=1-t.sql",
            "SEGUE_PROJECT=main",
            "SEGUE_SCHEMA_VERSION=",
            "SEGUE_STATE=settled",
        ]
    );
}

#[test]
fn it_does_not_run_before_and_signals_are_its_own() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let script = "trap 'echo trapped; exit 3' TERM; echo runs; while :; do sleep 0.05; done";
    let run = project.spawn(&["wait", "--exec", "sh", "-c", script]);
    run.wait_for_stderr("nobody works on it yet");
    assert_eq!(run.stdout(), "");
    project.segue(&["up"]).expect_success();
    run.wait_for_stdout("runs");
    run.signal(Signal::SIGTERM);
    let run = run.wait();
    assert_eq!((run.stdout.as_str(), run.status), ("runs\ntrapped\n", 3));
}

#[test]
fn a_wait_that_fails_runs_nothing() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let run = project.segue(&["wait", "--timeout", "200ms", "-q", "--exec", "echo", "runs"]);
    assert_eq!((run.stdout.as_str(), run.status), ("", 5));
}

#[test]
fn what_cannot_be_run_ends_as_in_a_shell() {
    let (_database, project) = ready();
    project.write("plain", "no program");
    project
        .segue(&["wait", "--exec", "no-such-command"])
        .expect(
            "",
            "
               Ready deployment 1
        error: cannot run `no-such-command`: No such file or directory (os error 2)
        note: what was waited for has come
        ",
            127,
        );
    project.segue(&["wait", "--exec", "./plain"]).expect(
        "",
        "
               Ready deployment 1
        error: cannot run `./plain`: Permission denied (os error 13)
        note: what was waited for has come
        ",
        126,
    );
    let run = project.segue(&["wait", "--json", "--exec", "true"]);
    assert_eq!((run.stdout.as_str(), run.status), ("", 2), "{}", run.stderr);
}
