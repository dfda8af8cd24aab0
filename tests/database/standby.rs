//! A standby by mistake, and fail-over in the middle: a real one that streams.

use crate::connect::server::Server;
use crate::support::{Project, TestSession, assert_text, wait_until};

const HBA: &str = "local all all trust\nlocal replication all trust\n";

const INDEX: &str =
    "-- segue: begin-concurrent-migration-with: 1-t.sql\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n";

/// A primary, a standby that streams from it, and a folder of migrations.
pub struct Pair {
    pub primary: Server,
    pub standby: Server,
    pub project: Project,
}

impl Pair {
    pub fn new() -> Self {
        let primary = Server::start(HBA, None);
        let standby = primary.standby("on");
        let mut project = Project::new();
        for (server, name) in [(&primary, "[primary]"), (&standby, "[standby]")] {
            let folder = regex::escape(&server.path().display().to_string());
            project.redact(&format!("{folder}/\\.s\\.PGSQL\\.\\d+"), name);
        }
        project.redact(r"\b\d+(\.\d+)?(ms|s|m)\b", "[t]");
        project.write("segue.toml", "[up]\nfold = false\n");
        project.file(
            "1-t.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n",
        );
        let url = format!(
            "host={},{} port={},{} user=postgres dbname=postgres target_session_attrs=primary",
            standby.path().display(),
            primary.path().display(),
            standby.port,
            primary.port,
        );
        project.env("DATABASE_URL", url);
        Self {
            primary,
            standby,
            project,
        }
    }

    pub fn on_primary(&self) -> TestSession {
        TestSession::connect(&self.primary.socket("postgres"))
    }

    pub fn on_standby(&self) -> TestSession {
        TestSession::connect(&self.standby.socket("postgres"))
    }

    /// Waits until the standby has replayed all that there is.
    pub fn replayed(&self) {
        let at = self.on_primary().query("SELECT pg_current_wal_lsn()");
        let standby = self.on_standby();
        wait_until("the standby to replay", || {
            standby.query(&format!("SELECT pg_last_wal_replay_lsn() >= '{at}'")) == "t"
        });
    }

    /// The primary dies, the standby takes its place.
    fn fail_over(&self) {
        self.primary.control("stop");
        self.standby.control("promote");
    }
}

#[test]
fn commands_that_write_refuse_a_standby_and_name_the_primary() {
    let pair = Pair::new();
    let project = &pair.project;
    project.segue(&["up"]).expect_success();
    pair.replayed();
    project.write("new.sql", "SELECT 1;\n");
    project.file("2.sql", "SELECT 2;\n");
    let url = pair.standby.socket("postgres");
    let commands: [&[&str]; 6] = [
        &["up"],
        &["settle"],
        &["abandon", "1-t.sql"],
        &["adopt", "--up-to", "2.sql", "--write"],
        &["init"],
        &["add", "new.sql"],
    ];
    for command in commands {
        let arguments = [command, &["--database-url", &url]].concat();
        let run = project.segue(&arguments);
        assert_text(
            &format!("{command:?}"),
            &run.stderr,
            "
            error: the server at socket `[standby]` is a standby of socket `[primary]`, which cannot be migrated
            help: name the primary in the connection string, or all hosts and `target_session_attrs=primary`
            ",
        );
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{command:?}");
    }
}

#[test]
fn commands_that_read_work_on_a_standby() {
    let pair = Pair::new();
    let project = &pair.project;
    project.segue(&["up"]).expect_success();
    let primary = pair.primary.socket("postgres");
    project
        .segue(&["write-schema", "--database-url", &primary])
        .expect_success();
    pair.replayed();
    let url = pair.standby.socket("postgres");
    for command in [
        &["plan"][..],
        &["status"],
        &["verify"],
        &["wait", "settled"],
    ] {
        let arguments = [command, &["--database-url", &url]].concat();
        project.segue(&arguments).expect_success();
    }
}

#[test]
fn the_primary_dies_in_the_batch() {
    let pair = Pair::new();
    let project = &pair.project;
    project.segue(&["up"]).expect_success();
    pair.replayed();
    project.file("2-u.sql", "CREATE TABLE u (a int);\nSELECT pg_sleep(2);\n");
    let run = project.spawn(&["up"]);
    let session = pair.on_primary();
    wait_until("the batch", || {
        session.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    });
    pair.fail_over();
    run.wait().expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        Reconnecting the connection was lost (connection closed; line 2 of `2-u.sql` was under way); what stands is read again first
                 Ran `2-u.sql`, 2 statements in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)
        ",
        0,
    );
    assert_eq!(pair.on_standby().query("SELECT count(*) FROM u"), "0");
}

#[test]
fn the_primary_dies_in_a_build() {
    let pair = Pair::new();
    let project = &pair.project;
    project.file("2-i.sql", INDEX);
    let holder = pair.on_primary();
    holder.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let run = project.spawn(&["up"]);
    let session = pair.on_primary();
    wait_until("the build", || {
        session.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "1"
    });
    pair.replayed();
    pair.fail_over();
    let run = run.wait();
    run.expect_success();
    let repaired = "Repaired `2-i.sql`: dropped `public.t_a`";
    assert!(run.stderr.contains(repaired), "{}", run.stderr);
    assert_eq!(
        pair.on_standby()
            .query("SELECT relname, indisvalid FROM pg_class LEFT JOIN pg_index ON indexrelid = oid WHERE relname LIKE 't\\_a%'"),
        "t_a|t"
    );
}

/// The standby has the transaction, and the primary dies before it can say so.
#[test]
fn the_primary_dies_at_commit_and_the_standby_has_it() {
    let pair = Pair::new();
    let project = &pair.project;
    project.segue(&["up"]).expect_success();
    pair.replayed();
    let primary = pair.on_primary();
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.run("ALTER SYSTEM SET synchronous_commit = 'remote_apply'");
    primary.run("SELECT pg_reload_conf()");
    wait_until("a synchronous standby", || {
        primary.query("SELECT sync_state FROM pg_stat_replication") == "sync"
    });
    pair.on_standby().run("SELECT pg_wal_replay_pause()");
    project.file(
        "2-u.sql",
        "CREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\n",
    );
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("COMMIT was sent");
    pair.fail_over();
    let run = run.wait();
    run.expect_success();
    assert!(
        run.stderr.contains("the lost COMMIT did happen"),
        "{}",
        run.stderr
    );
    let now = pair.on_standby();
    assert_eq!(now.query("SELECT count(*) FROM u"), "1");
    assert_eq!(now.query("SELECT count(*) FROM segue.migration"), "2");
}

/// The standby never got the transaction.
#[test]
fn the_primary_dies_at_commit_and_takes_it_along() {
    let pair = Pair::new();
    let project = &pair.project;
    project.segue(&["up"]).expect_success();
    pair.replayed();
    let primary = pair.on_primary();
    pair.standby.control("stop");
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.run("SELECT pg_reload_conf()");
    wait_until("the setting", || {
        TestSession::connect(&pair.primary.socket("postgres"))
            .query("SHOW synchronous_standby_names")
            == "*"
    });
    project.file(
        "2-u.sql",
        "CREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\n",
    );
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("COMMIT was sent");
    pair.primary.control("stop");
    pair.standby.control("start");
    pair.standby.control("promote");
    run.wait().expect_success();
    let now = pair.on_standby();
    assert_eq!(now.query("SELECT count(*) FROM u"), "1");
    assert_eq!(now.query("SELECT count(*) FROM segue.migration"), "2");
}

/// What a standby's reader tells the primary by `hot_standby_feedback` keeps
/// rows, and holds up no build.
#[test]
fn feedback_of_a_standby_holds_up_no_build() {
    let pair = Pair::new();
    let project = &pair.project;
    pair.on_standby()
        .run("ALTER SYSTEM SET hot_standby_feedback = on");
    pair.on_standby()
        .run("ALTER SYSTEM SET wal_receiver_status_interval = 1");
    pair.on_standby().run("SELECT pg_reload_conf()");
    let reader = pair.on_standby();
    reader.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let primary = pair.on_primary();
    wait_until("the feedback", || {
        primary.query("SELECT backend_xmin IS NOT NULL FROM pg_stat_replication") == "t"
    });
    project.file("2-i.sql", INDEX);
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(!run.stderr.contains("Waiting"), "{}", run.stderr);
}

#[test]
fn a_service_waits_on_a_standby_until_it_is_promoted() {
    let pair = Pair::new();
    let project = &pair.project;
    project.file("2-i.sql", INDEX);
    project.segue(&["up", "--until", "ready"]).expect_success();
    pair.replayed();
    let url = pair.standby.socket("postgres");
    let service = project.spawn(&["settle", "--service", "--database-url", &url]);
    service.wait_for_stderr("is a standby: nothing can run there before it is promoted");
    pair.fail_over();
    service.wait_for_stderr("Settled");
    service.signal(nix::sys::signal::Signal::SIGTERM);
    service.wait().expect_success();
    let states = pair
        .on_standby()
        .query("SELECT state FROM segue.deployment");
    assert_text("states", &states, "settled");
}
