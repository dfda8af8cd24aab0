//! No password and no value of `env-vars` in anything that comes out. Every
//! other test helps: [`secret`] searches each output of each run.

use crate::support::{Project, TestDatabase, secret, wait_until};

/// A table, an index that fails, and a value that nobody should see.
fn telling(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::deploying(database);
    project.env("TOKEN", TOKEN);
    project
        .file(
            "1-t.sql",
            "-- segue: env-vars: TOKEN\n\
             CREATE TABLE t (a text);\n\
             INSERT INTO t VALUES ('${TOKEN}'), ('${TOKEN}');\n",
        )
        .file(
            "2-i.sql",
            "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
             -- segue: env-vars: TOKEN\n\
             CREATE UNIQUE INDEX CONCURRENTLY i ON t (a) WHERE a <> '${TOKEN}x';\n",
        );
    project
}

const TOKEN: &str = "token-of-a-migration";

#[test]
#[should_panic(expected = "the password is in standard error")]
fn an_output_with_the_password_would_be_noticed() {
    let project = Project::new();
    let command = project.command(&[]);
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "echo \"$PGPASSWORD\" >&2"])
        .envs(environment);
    project.output_of(&mut command);
}

#[test]
#[should_panic(expected = "the password is in ")]
fn a_file_with_the_password_would_be_noticed() {
    let project = Project::new();
    project.write("left/behind", format!("here: {}", secret::SECRET));
}

#[test]
#[should_panic(expected = "the password is in the ledger")]
fn a_row_with_the_password_would_be_noticed() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE t ();\n");
    project.segue(&["up"]).expect_success();
    database.run(&format!(
        "UPDATE segue.deployment SET error = 'at {}'",
        secret::SECRET
    ));
}

#[test]
fn the_password_is_given_in_both_ways() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    let command = project.command(&[]);
    let given: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .filter(|(_, value)| value.contains(secret::SECRET))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(given, ["DATABASE_URL", "PGPASSWORD"]);
}

#[test]
fn the_whole_log_holds_no_secret() {
    for format in ["text", "json"] {
        let database = TestDatabase::new();
        let mut project = telling(&database);
        project.env("SEGUE_LOG", "trace,tokio_postgres=trace");
        let run = project.segue(&["up", "-v", "--log-format", format]);
        assert_eq!(run.status, 6, "{}", run.stderr);
        let is_logged = match format {
            "json" => run.stderr.contains("\"event\":\"log\""),
            _ => run.stderr.contains("DEBUG") || run.stderr.contains("TRACE"),
        };
        assert!(is_logged, "{}", run.stderr);
        assert!(!run.stderr.contains(TOKEN), "{}", run.stderr);
        for line in run.stderr.lines().filter(|_| format == "json") {
            serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
        }
        let rows = database.query(
            "SELECT (SELECT string_agg(d::text, ' ') FROM segue.deployment AS d), \
             (SELECT string_agg(m::text, ' ') FROM segue.migration AS m)",
        );
        assert!(!rows.contains(TOKEN), "{rows}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_told_without_the_password() {
    let mut project = Project::new();
    project.file("1.sql", "SELECT 1;\n");
    project.env(
        "DATABASE_URL",
        "postgresql://someone@127.0.0.1:1/nothing?connect_timeout=1",
    );
    for format in ["text", "json"] {
        let up = ["up", "--connect-wait", "0s", "--log-format", format];
        assert_eq!(project.segue(&up).status, 4);
    }
    // Nor what cannot be read as a URL.
    let wrong = format!("postgresql://someone:{}@host:port/x", secret::SECRET);
    project.env("DATABASE_URL", wrong);
    assert_eq!(project.segue(&["up"]).status, 2);
}

#[test]
fn a_command_gets_no_password_that_the_user_has_not_put_there() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE t ();\n");
    // From a file: in no variable, so in no command's either.
    let url = database.url();
    project.write("home/.pgpass", format!("*:*:*:*:{PASSFILE}\n"));
    let passfile = project.path().join("home/.pgpass");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&passfile, mode).expect("a mode");
    project
        .without_env("PGPASSWORD")
        .without_env("DATABASE_URL");
    let mut command = project.command(&["up", "--on-ready", "env > environment"]);
    command.env("DATABASE_URL", url);
    project.output_of(&mut command).expect_success();
    let environment = project.read("environment");
    assert!(environment.contains("SEGUE_STATE=ready"), "{environment}");
    assert!(!environment.contains(PASSFILE), "{environment}");
}

const PASSFILE: &str = "from-the-passfile";

#[test]
fn no_process_has_the_password_in_its_arguments() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE t ();\n");
    let run = project.spawn(&["up", "--on-ready", "touch begun; sleep 5"]);
    wait_until("the command", || project.path().join("begun").exists());
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        if let Ok(arguments) = std::fs::read(entry.path().join("cmdline"))
            && !arguments.starts_with(b"sh\0-c")
        {
            secret::assert_absent("the arguments of a process", &arguments);
        }
    }
    run.wait().expect_success();
}
