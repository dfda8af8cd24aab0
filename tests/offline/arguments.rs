//! Arguments that cannot be used, and folders that are not there.

use crate::support::Project;

#[track_caller]
fn check(arguments: &[&str], stderr: &str, status: i32) {
    Project::new().segue(arguments).expect("", stderr, status);
}

#[test]
fn a_misspelt_command_is_corrected() {
    check(
        &["pln"],
        "
        error: unrecognized subcommand 'pln'

          tip: some similar subcommands exist: 'lint', 'plan'

        Usage: segue [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn a_duration_has_a_unit() {
    check(
        &["up", "--lock-timeout", "5"],
        "
        error: invalid value '5' for '--lock-timeout <D>': `5` has no unit: did you mean `5s`?

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn a_project_has_a_plain_name() {
    check(
        &["plan", "--project", "a b"],
        "
        error: invalid value 'a b' for '--project <NAME>': ` ` cannot be in the name of a project: letters, digits, `_`, `.` and `-` can

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn no_job_at_all_is_no_number_of_jobs() {
    check(
        &["up", "--jobs", "0"],
        "
        error: invalid value '0' for '--jobs <N>': write a number, 1 or more

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn a_throwaway_server_is_in_place_of_a_database() {
    for arguments in [
        ["--database-url", "postgres:///x", "up", "--throwaway"],
        ["up", "--throwaway", "--database-url", "postgres:///x"],
    ] {
        check(
            &arguments,
            "
            error: `--throwaway` is in place of `--database-url`
            help: leave out one of the two
            ",
            2,
        );
    }
}

#[test]
fn an_option_of_a_later_version_is_not_swallowed() {
    check(
        &["up", "--blue-green"],
        "
        error: unexpected argument '--blue-green' found

        Usage: segue up [OPTIONS]

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn a_folder_that_is_not_there() {
    check(
        &[
            "plan",
            "--migrations",
            "nowhere",
            "--database-url",
            "postgres:///x",
        ],
        "
        error: cannot read the folder `nowhere`: No such file or directory (os error 2)
        help: `--migrations DIR` or `SEGUE_MIGRATIONS` names another folder
        ",
        2,
    );
}

#[test]
fn no_server_answers() {
    let mut project = Project::new();
    project.env(
        "SEGUE_DATABASE_URL",
        "postgresql://me:secret@%2Fnowhere/app",
    );
    project.segue(&["status", "--connect-wait", "0s"]).expect(
        "",
        "
        error: no server accepts connections for database `app` as user `me` at /nowhere:5432: socket `/nowhere/.s.PGSQL.5432`: there is no such socket
        help: check that the server runs and that host and port are right; `--connect-wait 30s` waits for one that is starting
        ",
        4,
    );
}

#[test]
fn problems_are_json_too() {
    let run = Project::new().segue(&["plan", "--log-format", "json", "--migrations", "nowhere"]);
    let mut object: serde_json::Value = serde_json::from_str(&run.stderr).expect("one object");
    object["at"] = "[time]".into();
    assert_eq!(run.status, 2);
    assert_eq!(
        object,
        serde_json::json!({
            "version": 1,
            "at": "[time]",
            "event": "error",
            "message": "cannot read the folder `nowhere`: No such file or directory (os error 2)",
            "notes": [],
            "helps": ["`--migrations DIR` or `SEGUE_MIGRATIONS` names another folder"],
            "blockers": [],
            "outcome": "usage",
            "status": 2,
        })
    );
}

#[test]
fn init_prints_what_a_dba_runs() {
    let run = Project::new().segue(&[
        "init",
        "--print-sql",
        "--owner",
        "seg\"ue",
        "--readers",
        "a,b",
    ]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    run.expect_success();
    assert_eq!(
        [&lines[..2], &lines[lines.len() - 4..]].concat(),
        [
            "CREATE SCHEMA segue AUTHORIZATION \"seg\"\"ue\";",
            "SET ROLE \"seg\"\"ue\";",
            "GRANT USAGE ON SCHEMA segue TO \"a\", \"b\";",
            "GRANT SELECT ON ALL TABLES IN SCHEMA segue TO \"a\", \"b\";",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA segue GRANT SELECT ON TABLES TO \"a\", \"b\";",
            "RESET ROLE;",
        ]
    );
}
