use std::path::Path;
use std::time::Duration;

use super::*;
use crate::backfill::throttle::{Limits, Vacuums};
use crate::diagnostic::render::{Style, render};
use crate::version::Version;

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let source = Arc::new(Source::new("segue.toml", text));
    let diagnostic = Config::parse(&source).expect_err("an error");
    let rendered = render(&diagnostic, Style::Plain);
    assert!(
        rendered == expected,
        "expected:\n{expected}\nactual:\n{rendered}"
    );
}

#[test]
fn all_keys_are_read() {
    let text = r#"
project = "billing"
migrations = ["db", "shared"]
connect-wait = "30s"

[ledger]
owner = "segue_owner"

[up]
jobs = 3
lock-timeout = "20ms"
retry-for = "1m"
concurrent-wait = "2h"
commit-wait = "5m"
on-conflict = "preempt"
strict = true

[schema]
namespaces = ["billing"]
ignore = ["partitions of billing.events", "* audit.*"]
owners = true
column-order = true
privileges = false
roles = true
database-settings = false

[throwaway]
major = 15
settings = { max_connections = 300, work_mem = "64MB", fsync = false }

[backfill]
signal-every = "500ms"
signal-wait = "1h"
replication-lag = "30s"
ignore-standbys = ["delayed"]
archive-backlog = 8
wal-rate = "32MB"
lock-waiters = 3
autovacuum = "wraparound"
running-queries = 50
query = "SELECT false"
flag-file = "stop"

[snapshot]
folder = "data"
first = 7
rows = { users = true, log = false, "sales.orders" = "SELECT 1", items = 9 }
replace = { "users.email" = "'a@example.org'" }
"#;
    let config = Config::parse(&Arc::new(Source::new("segue.toml", text))).expect("valid");
    let settings: Vec<_> = config
        .throwaway
        .settings
        .values()
        .map(Setting::text)
        .collect();
    assert_eq!(settings, ["off", "300", "64MB"]);
    assert_eq!(config.migrations.expect("given").list(), ["db", "shared"]);
    assert_eq!(config.project.expect("given").to_string(), "billing");
    assert_eq!(config.up.lock_timeout.expect("given").to_string(), "20ms");
    assert_eq!(config.up.on_conflict, Some(OnConflictArg::Preempt));
    let ignored: Vec<_> = config
        .schema
        .ignore
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ignored, ["partitions of billing.events", "* audit.*"]);
    assert_eq!(config.up.jobs.map(NonZeroUsize::get), Some(3));
}

#[test]
fn an_empty_file_says_nothing() {
    let config = Config::parse(&Arc::new(Source::new("segue.toml", ""))).expect("valid");
    assert_eq!(config, Config::default());
}

#[test]
fn a_misspelt_key_is_located() {
    check_error(
        "project = \"main\"\n\n[up]\nlock_timeout = \"50ms\"\n",
        "\
error[invalid-configuration]: unknown key `lock_timeout`
  --> segue.toml:4:1
  |
4 | lock_timeout = \"50ms\"
  | ^^^^^^^^^^^^ not known here
  = help: did you mean `lock-timeout`?
",
    );
}

#[test]
fn a_key_of_nobody_names_the_known_ones() {
    check_error(
        "[ledger]\ncolour = \"red\"\n",
        "\
error[invalid-configuration]: unknown key `colour`
  --> segue.toml:2:1
  |
2 | colour = \"red\"
  | ^^^^^^ not known here
  = help: known here: `owner`
",
    );
}

#[test]
fn a_database_is_not_named_in_a_shared_file() {
    // Nor is the line shown: it may hold a password.
    check_error(
        "project = \"main\"\ndatabase-url = \"postgres://me:secret@localhost\"\n",
        "\
error[invalid-configuration]: unknown key `database-url`
  = note: in `segue.toml`, line 2
  = note: a connection does not belong into a file that is shared: set `SEGUE_DATABASE_URL`
  = help: known here: `project`, `migrations`, `expected-schema`, `majors`, `connect-wait`, `ledger`, `up`, `schema`, `lint`, `throwaway`, `backfill`, `compat`, `snapshot`, `versions`
",
    );
}

#[test]
fn a_wrong_value_is_located() {
    check_error(
        "connect-wait = \"10\"\n",
        "\
error[invalid-configuration]: `10` has no unit: did you mean `10s`?
  --> segue.toml:1:16
  |
1 | connect-wait = \"10\"
  |                ^^^^ here
",
    );
    check_error(
        "project = \"a b\"\n",
        "\
error[invalid-configuration]: ` ` cannot be in the name of a project: letters, digits, `_`, `.` and `-` can
  --> segue.toml:1:11
  |
1 | project = \"a b\"
  |           ^^^^^ here
",
    );
    check_error(
        "[schema]\nignore = [\n    \"* audit.*\",\n    \"tabel public.tmp_*\",\n]\n",
        "\
error[invalid-configuration]: `tabel` is no kind of object: did you mean `table`?
  --> segue.toml:4:5
  |
4 |     \"tabel public.tmp_*\",
  |     ^^^^^^^^^^^^^^^^^^^^ not a pattern
",
    );
    check_error(
        "migrations = 3\n",
        "\
error[invalid-configuration]: expected a folder or a list of folders
  --> segue.toml:1:14
  |
1 | migrations = 3
  |              ^ here
",
    );
}

#[test]
fn limits_of_backfills_are_read_or_off() {
    let limits = |text: &str| {
        let config = Config::parse(&Arc::new(Source::new("segue.toml", text)));
        let config = config.expect("valid");
        config.backfill.limits(Path::new("/app"))
    };
    assert_eq!(limits(""), Limits::default());
    let all = "[backfill]\nsignal-every = \"500ms\"\nsignal-wait = \"1h\"\nreplication-lag = \"30s\"\nignore-standbys = [\"delayed\"]\narchive-backlog = 8\nwal-rate = \"32MB\"\nlock-waiters = 3\nautovacuum = \"wraparound\"\nrunning-queries = 50\nquery = \"SELECT false\"\nflag-file = \"stop\"\n";
    assert_eq!(
        limits(all),
        Limits {
            every: Duration::from_millis(500),
            longest: Some(Duration::from_hours(1)),
            replication_lag: Some(Duration::from_secs(30)),
            ignore_standbys: vec!["delayed".to_owned()],
            archive_backlog: Some(8),
            wal_rate: Some(32 << 20),
            lock_waiters: Some(3),
            vacuum: Vacuums::Wraparound,
            running_queries: Some(50),
            query: Some("SELECT false".to_owned()),
            flag_file: Some("/app/stop".into()),
        }
    );
    let off = "[backfill]\nsignal-wait = false\nreplication-lag = false\narchive-backlog = false\nwal-rate = false\nlock-waiters = false\nautovacuum = false\nrunning-queries = false\nquery = false\nflag-file = false\n";
    assert_eq!(limits(off), Limits::none());
    let bytes =
        limits("[backfill]\nwal-rate = 1000\nautovacuum = true\nflag-file = \"/run/stop\"\n");
    assert_eq!(bytes.wal_rate, Some(1000));
    assert_eq!(bytes.vacuum, Vacuums::All);
    assert_eq!(bytes.flag_file, Some("/run/stop".into()));
}

#[test]
fn limits_of_backfills_that_are_none() {
    check_error(
        "[backfill]\nreplication-lag = true\n",
        "\
error[invalid-configuration]: `true` sets no limit: write one, or leave the key out for the default
  --> segue.toml:2:19
  |
2 | replication-lag = true
  |                   ^^^^ here
",
    );
    check_error(
        "[backfill]\nreplication-lag = 10\n",
        "\
error[invalid-configuration]: `10` has no unit
  --> segue.toml:2:19
  |
2 | replication-lag = 10
  |                   ^^ here
  = help: write `\"10s\"` for seconds
",
    );
    check_error(
        "[backfill]\nwal-rate = \"32mb\"\n",
        "\
error[invalid-configuration]: `32mb` is no size: write `512kB`, `32MB` or `1GB`
  --> segue.toml:2:12
  |
2 | wal-rate = \"32mb\"
  |            ^^^^^^ here
",
    );
    check_error(
        "[backfill]\nlock-waiters = -1\n",
        "\
error[invalid-configuration]: invalid value: integer `-1`, expected u64
  --> segue.toml:2:16
  |
2 | lock-waiters = -1
  |                ^^ here
",
    );
    check_error(
        "[backfill]\nautovacuum = \"some\"\n",
        "\
error[invalid-configuration]: invalid value: string \"some\", expected `true`, `false` or `\"wraparound\"`
  --> segue.toml:2:14
  |
2 | autovacuum = \"some\"
  |              ^^^^^^ here
",
    );
    check_error(
        "[backfill]\nsignal-every = \"10ms\"\n",
        "\
error[invalid-configuration]: `10ms` is not between `100ms` and `1m`
  --> segue.toml:2:16
  |
2 | signal-every = \"10ms\"
  |                ^^^^^^ here
",
    );
    check_error(
        "[backfill]\nreplication_lag = \"1s\"\n",
        "\
error[invalid-configuration]: unknown key `replication_lag`
  --> segue.toml:2:1
  |
2 | replication_lag = \"1s\"
  | ^^^^^^^^^^^^^^^ not known here
  = help: did you mean `replication-lag`?
",
    );
}

#[test]
fn versions_of_the_code_that_cannot_be_tested_are_located() {
    check_error(
        "[[compat.app]]\nversion = \"1.x\"\npath = \".\"\ntest = \"make\"\n",
        "\
error[invalid-configuration]: `1.x` is no version: not a number; write `3.1.0`
  --> segue.toml:2:11
  |
2 | version = \"1.x\"
  |           ^^^^^ here
",
    );
    check_error(
        "[[compat.app]]\nversion = \"1.0\"\ntest = \"make\"\n",
        "\
error[invalid-configuration]: code 1.0.0 comes from nowhere
  --> segue.toml:2:11
  |
2 | version = \"1.0\"
  |           ^^^^^ of this one
  = help: name a git tag, branch or commit by `ref`, or a folder by `path`
",
    );
    let app = "[[compat.app]]\nversion = \"1.0\"\npath = \".\"\ntest = \"make\"\n";
    check_error(
        &format!("{app}{}", app.replace("1.0", "1.0.0")),
        "\
error[invalid-configuration]: code 1.0.0 is in [[compat.app]] twice
  --> segue.toml:6:11
  |
6 | version = \"1.0.0\"
  |           ^^^^^^^ again here
",
    );
    check_error(
        &format!("{app}sessions = \"keep\"\n"),
        "\
error[invalid-configuration]: `keep` is neither `fresh` nor `kept`
  --> segue.toml:5:12
  |
5 | sessions = \"keep\"
  |            ^^^^^^ here
",
    );
}

#[test]
fn versions_are_rules() {
    let text = r#"
[versions]
oldest = "2.0"
app-name = 'queue/(\d+\.\d+\.\d+)'

[versions.needs]
"1.9" = ">= 1.9, < 2.1"
"2.13.4" = "= 2.13"
"#;
    let source = Arc::new(Source::new("segue.toml", text));
    let config = Config::parse(&source).expect("a configuration");
    let rules = config.versions.rules();
    let version = |text| Version::parse_short(text).expect("a version");
    assert_eq!(rules.oldest(), Some(version("2.0")));
    assert_eq!(
        rules.needs(version("2.13.4")).to_string(),
        ">= 2.13.0, < 2.14.0"
    );
    assert_eq!(
        rules.needs(version("2.13.5")).to_string(),
        ">= 2.13.0, < 3.0.0"
    );
    let told_by = config.versions.told_by();
    assert_eq!(
        told_by("web queue/2.13.5 (blue)"),
        Some(Ok(version("2.13.5")))
    );
    assert_eq!(told_by("queue/2.13"), None);
    assert_eq!(Config::default().versions.told_by()("queue/2.13.5"), None);
}

#[test]
fn versions_that_are_none_are_refused_in_their_places() {
    check_error(
        "[versions]\noldest = \"2.x\"\n",
        r#"error[invalid-configuration]: this is no version
  --> segue.toml:2:13
  |
2 | oldest = "2.x"
  |             ^ not a number
  = help: write `"3.1"` or `"3.1.4"`
"#,
    );
    check_error(
        "[versions.needs]\n\"1.9\" = \">= 1.9, 2\"\n",
        r#"error[invalid-configuration]: this is no range of versions
  --> segue.toml:2:18
  |
2 | "1.9" = ">= 1.9, 2"
  |                  ^ needs `>=`, `>`, `<=`, `<` or `=` before it
  = help: write bounds with commas between them: `">= 3.1, < 4"`
"#,
    );
    check_error(
        "[versions.needs]\n\"v1\" = \">= 1\"\n",
        r#"error[invalid-configuration]: this is no version of the code
  --> segue.toml:2:2
  |
2 | "v1" = ">= 1"
  |  ^^ not a number
  = help: write `"3.1"` or `"3.1.4"`
"#,
    );
    check_error(
        "[versions]\napp-name = 'queue/\\d+'\n",
        r"error[invalid-configuration]: `app-name` is no regular expression with a version
  --> segue.toml:2:13
  |
2 | app-name = 'queue/\d+'
  |             ^^^^^^^^^ has no group for the version
  = help: write a regular expression with one group: `'app/(\d+\.\d+\.\d+)'`
",
    );
    check_error(
        "[versions]\napp-name = '(queue'\n",
        r"error[invalid-configuration]: `app-name` is no regular expression with a version
  --> segue.toml:2:13
  |
2 | app-name = '(queue'
  |             ^^^^^^ unclosed group
  = help: write a regular expression with one group: `'app/(\d+\.\d+\.\d+)'`
",
    );
    check_error(
        "[versions]\nneed = {}\n",
        r"error[invalid-configuration]: unknown key `need`
  --> segue.toml:2:1
  |
2 | need = {}
  | ^^^^ not known here
  = help: did you mean `needs`?
",
    );
}

#[test]
fn what_has_another_type_is_told_with_what_to_write() {
    for (text, expected) in [
        (
            "[compat]\ntimeout = 10\n",
            "`10` has no unit; write `\"10s\"` for seconds",
        ),
        (
            "[compat]\njobs = 0\n",
            "invalid value: integer `0`, expected a nonzero usize; write a number, 1 or more",
        ),
        (
            "[versions]\noldest = 1.0\n",
            "invalid type: floating point `1.0`, expected a string; quote it: `\"1.0\"`",
        ),
        (
            "[versions.needs]\n\"1\" = \">= 2 < 1\"\n",
            "this is no range of versions; write bounds with commas between them: `\">= 3.1, < 4\"`",
        ),
        (
            "[snapshot.rows]\nusers = \"true\"\n",
            "the rows of `users` are chosen by a text that is no query; write `true` without quotes",
        ),
    ] {
        let found = Config::parse(&Arc::new(Source::new("segue.toml", text)));
        let found = found.expect_err("an error");
        let said: Vec<&str> = std::iter::once(&found.message)
            .chain(&found.helps)
            .map(String::as_str)
            .collect();
        assert_eq!(said.join("; "), expected);
    }
}
