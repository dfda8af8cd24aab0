//! `--on-ready` and `--on-settled`: when they run, with what, and what becomes
//! of commands that misbehave.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{Project, Server, TestDatabase, assert_text, wait_until};

/// A table, and an index on it that is built in the tail.
fn indexed(database: &TestDatabase<'_>) -> Project {
    let project = Project::deploying(database);
    project.file("1-t.sql", "CREATE TABLE t (a int);\n").file(
        "2-i.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
         CREATE INDEX CONCURRENTLY i ON t (a);\n",
    );
    project
}

/// A project of one migration.
fn plain(database: &TestDatabase<'_>) -> Project {
    let project = Project::deploying(database);
    project.file("1-t.sql", "CREATE TABLE t (a int);\n");
    project
}

/// Writes what it is told into a file of the project.
const WRITES: &str = "echo \"$SEGUE_PROJECT $SEGUE_DEPLOYMENT $SEGUE_STATE \
     ${SEGUE_FINGERPRINT%%:*} $SEGUE_MIGRATION\" >> told";

fn told(project: &Project) -> String {
    std::fs::read_to_string(project.path().join("told")).unwrap_or_default()
}

#[test]
fn on_ready_runs_beside_the_tail_and_on_settled_after_it() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    // A snapshot that the build has to wait for.
    let application = database.session();
    application.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    application.run("SELECT 1");
    let run = project.spawn(&["up", "--on-ready", WRITES, "--on-settled", WRITES]);
    wait_until("the command", || !told(&project).is_empty());
    assert_text("told", &told(&project), "main 1 ready sha256 2-i.sql\n");
    wait_until("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    application.run("COMMIT");
    run.wait().expect_success();
    assert_text(
        "told",
        &told(&project),
        "main 1 ready sha256 2-i.sql\nmain 1 settled sha256 2-i.sql\n",
    );
}

#[test]
fn a_run_that_finds_the_state_reached_runs_them_again() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let up = ["up", "--on-ready", "echo open", "--on-settled", "echo done"];
    let expected = "
             Running `--on-ready`
            on-ready open
            Finished `--on-ready` in [t]
             Running `--on-settled`
          on-settled done
            Finished `--on-settled` in [t]
        ";
    for _ in 0..2 {
        let run = project.segue(&up);
        run.expect_success();
        let lines = run.stderr.lines().filter(|line| line.contains("on-"));
        let lines: String = lines.flat_map(|line| [line, "\n"]).collect();
        assert_text("lines of the commands", &lines, expected);
    }
    let settle = ["settle", "--on-ready", "echo open"];
    let run = project.segue(&settle);
    run.expect_success();
    assert!(run.stderr.contains("on-ready open"), "{}", run.stderr);
}

#[test]
fn nothing_runs_before_the_folder_is_ready() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let hooks = ["--on-ready", WRITES, "--on-settled", WRITES];
    // A batch that is pending is not `settle`'s.
    let settle = [&["settle"][..], &hooks[..]].concat();
    project.segue(&settle).expect_success();
    project.file("2-fails.sql", "SELECT 1 / 0;\n");
    let up = [&["up"][..], &hooks[..]].concat();
    assert_eq!(project.segue(&up).status, 4);
    assert_text("told", &told(&project), "");
}

#[test]
fn a_command_that_fails_leaves_the_deployment_ready_and_the_tail_done() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    let run = project.segue(&[
        "up",
        "--on-ready",
        "echo no gate >&2; exit 3",
        "--on-settled",
        "no-such-command",
    ]);
    assert_eq!(run.status, 6);
    let expected = "
        error: the command of `--on-ready` failed: exit status 3
        note: the command of `--on-settled` failed: exit status 127
        note: the deployment is ready, and its tail is done
        help: running this again runs the command again
        ";
    let ending = run.stderr.split_once("error:").expect("an error").1;
    assert_text("stderr", &format!("error:{ending}"), expected);
    for line in [
        "    on-ready no gate",
        "      Failed `--on-ready`: exit status 3",
        "      Failed `--on-settled`: exit status 127",
    ] {
        assert!(run.stderr.contains(line), "{}", run.stderr);
    }
    assert_text(
        "deployments",
        &database.query("SELECT state FROM segue.deployment"),
        "settled",
    );
}

#[test]
fn killed_before_the_command_the_next_run_runs_it() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let run = project.spawn(&["up", "--on-ready", "echo begun >> told; sleep 20"]);
    wait_until("the command", || !told(&project).is_empty());
    run.kill();
    assert_eq!(run.wait().status, 137);
    let run = project.segue(&["up", "--on-ready", "echo again >> told"]);
    run.expect_success();
    assert_text("told", &told(&project), "begun\nagain\n");
}

#[test]
fn the_commit_whose_answer_was_lost_runs_it_once() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let project = plain(&database);
    // The server dies while the command runs: it is not run again.
    let run = project.spawn(&["up", "--on-ready", "echo begun >> told; sleep 1"]);
    wait_until("the command", || !told(&project).is_empty());
    server.crash();
    let run = run.wait();
    assert!([0, 4, 6].contains(&run.status), "{}", run.stderr);
    assert_text("told", &told(&project), "begun\n");
}

#[test]
fn a_command_that_hangs_is_ended_with_all_it_started() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let hangs = "trap '' TERM; sh -c 'echo $$ > child; exec sleep 100' & wait; sleep 100";
    let began = Instant::now();
    let run = project.segue(&["up", "--on-ready", hangs, "--hook-timeout", "500ms"]);
    assert_eq!(run.status, 6);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(
        run.stderr.contains(
            "error: the command of `--on-ready` failed: it did not end within [t]; \
             `--hook-timeout` sets how long"
        ),
        "{}",
        run.stderr
    );
    assert_is_gone(&project.read("child"));
}

#[test]
fn a_second_signal_ends_the_command_and_the_first_does_not() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let run = project.spawn(&["up", "--on-ready", "echo $$ > child; sleep 100"]);
    run.wait_for_stderr("Waiting for `--on-ready` to end");
    run.signal(Signal::SIGTERM);
    wait_until("the pid", || project.path().join("child").exists());
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_alive(&project.read("child")));
    run.signal(Signal::SIGTERM);
    let child = project.read("child");
    let run = run.wait();
    assert_eq!(run.status, 6);
    assert!(
        run.stderr.contains("failed: a second signal ended it"),
        "{}",
        run.stderr
    );
    assert_is_gone(&child);
}

#[test]
fn what_a_command_leaves_in_the_background_holds_nothing_up() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let began = Instant::now();
    let run = project.segue(&[
        "up",
        "--on-ready",
        "sleep 60 & echo $! > child; cat; echo end",
    ]);
    let elapsed = began.elapsed();
    let child = project.read("child");
    assert!(is_alive(&child), "what it started on purpose stays");
    let pid = nix::unistd::Pid::from_raw(child.trim().parse().expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGKILL).expect("alive");
    run.expect_success();
    assert!(run.stderr.contains("on-ready end"), "{}", run.stderr);
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
}

#[test]
fn a_command_that_prints_much_takes_no_memory() {
    let database = TestDatabase::new();
    let project = plain(&database);
    // The shell's parent is segue; a line without an end, and many short ones.
    let prints = "head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; yes | head -n 50000; \
         grep VmHWM /proc/$PPID/status > memory";
    project
        .segue(&["up", "--on-ready", prints])
        .expect_success();
    let memory = project.read("memory");
    let kilobytes = memory.split_whitespace().nth(1).expect("a number");
    let kilobytes: u64 = kilobytes.parse().expect("a number");
    assert!(kilobytes < 100_000, "{memory}");
}

#[test]
fn a_command_that_is_not_for_this_run_is_refused() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let run = project.segue(&["up", "--until", "ready", "--on-settled", "true"]);
    run.expect(
        "",
        "
        error: `--until ready` leaves the tail to others, so `--on-settled` would never be run
        help: give `--on-settled` to the `segue settle` that runs the tail
        ",
        2,
    );
    assert_text("relations", &database.relations(), "");
}

#[test]
fn programs_are_told_by_events() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let run = project.segue(&[
        "up",
        "--log-format",
        "json",
        "--on-ready",
        "echo open; echo oops >&2; exit 1",
    ]);
    assert_eq!(run.status, 6);
    let events: Vec<serde_json::Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|event: &serde_json::Value| {
            let name = event["event"].as_str().expect("a name");
            name.starts_with("hook") || name == "reached"
        })
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| {
            let field = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            [
                field("event"),
                field("state"),
                field("line"),
                field("error"),
            ]
            .join(" ")
        })
        .collect();
    let mut names = names.join("\n");
    // Two pipes: either may be read first.
    names = names.replace(
        "hook-output - oops -\nhook-output - open -",
        "hook-output - open -\nhook-output - oops -",
    );
    // It comes when the run is over, beside the command.
    let names: Vec<&str> = names
        .lines()
        .filter(|line| *line != "reached settled - -")
        .collect();
    assert_text(
        "events",
        &names.join("\n"),
        "
        reached ready - -
        hook-began - - -
        hook-output - open -
        hook-output - oops -
        hook-ended - - exit status 1",
    );
}

fn is_alive(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid.trim()).exists()
}

#[track_caller]
fn assert_is_gone(pid: &str) {
    wait_until("the child's end", || {
        let stat = format!("/proc/{}/stat", pid.trim());
        // Nobody may reap it in a container.
        std::fs::read_to_string(stat).map_or(true, |stat| stat.contains(") Z "))
    });
}
