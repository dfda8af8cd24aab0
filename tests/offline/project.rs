//! A project's folder and the runs in it, as the other tests use them.

use nix::sys::signal::Signal;

use crate::support::{Project, dedent};

#[test]
fn the_program_runs_in_the_folder_with_an_environment_of_its_own() {
    let project = Project::new();
    project
        .file("a.sql", "SELECT 1;")
        .write("segue.toml", "project = 'a'");
    assert_eq!(project.read("migrations/a.sql"), "SELECT 1;");
    // Nobody asks for a server, so there is none to supervise.
    project.segue(&["__supervise"]).expect("", "", 2);
}

#[test]
fn a_program_in_the_background_is_watched_and_signalled() {
    let project = Project::new();
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        "trap 'echo told; exit 3' TERM; echo begun; while :; do sleep 0.02; done",
    ]);
    let mut background = project.spawn_command(command);
    background.wait_for_stdout("begun");
    assert!(!background.has_ended());
    background.signal(Signal::SIGTERM);
    background.wait().expect("begun\ntold", "", 3);

    let mut command = std::process::Command::new("sleep");
    command.arg("60");
    let background = project.spawn_command(command);
    background.kill();
    background.wait().expect("", "", 128 + 9);
}

#[test]
fn expected_text_may_be_indented() {
    assert_eq!(
        dedent("\n        a\n          b\n\n        c\n    "),
        "a\n  b\n\nc"
    );
    assert_eq!(dedent("a\n  b"), "a\n  b");
    assert_eq!(dedent(""), "");
}
