use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::backfill::{Backfill, Key};
use crate::migration::{Checksum, Item, Named, Outline};
use crate::statement::{Fingerprint as StatementFingerprint, RelationName, digest};
use crate::text::{Source, Span, Spanned};

/// A folder in shorthand: `c:a` begins with `a`, `s!` stands alone; `=i` builds
/// an index and `=b` is a backfill, `=2.0.0` brings that version.
fn folder(files: &str) -> States {
    let file = |file: &str| {
        let (file, what) = file.split_once('=').unwrap_or((file, ""));
        let (name, partner) = file
            .split_once(':')
            .map_or((file, None), |(name, partner)| (name, Some(partner)));
        let (name, kind) = match (name.strip_suffix('!'), partner) {
            (Some(name), _) => (name, Kind::Standalone),
            (None, Some(_)) => (name, Kind::Concurrent),
            (None, None) => (name, Kind::Batch),
        };
        let sql = if what == "i" {
            "CREATE INDEX CONCURRENTLY ON t (a)"
        } else {
            "SELECT 1"
        };
        Migration {
            source: Arc::new(Source::new(name, "")),
            checksum: Checksum([u8::try_from(name.len()).expect("short"); 32]),
            partner: partner.map(|partner| Named {
                name: Name::new(&format!("{partner}.sql")),
                span: Span::new(0, 0),
            }),
            backfill: (what == "b").then(backfill),
            schema_version: Version::parse(what).ok(),
            outline: Some(Outline {
                items: vec![Item {
                    fingerprint: StatementFingerprint::of(sql),
                    span: Span::new(0, 0),
                    line: 1,
                    digest: digest(sql),
                }],
                ..Outline::default()
            }),
            ..Migration::example(&format!("{name}.sql"), kind)
        }
    };
    States::new("main", files.split_whitespace().map(file).collect())
}

fn backfill() -> Spanned<Backfill> {
    Spanned {
        value: Backfill {
            table: RelationName {
                namespace: None,
                name: "t".to_owned(),
            },
            key: Key::Ctid,
            within: None,
            batch_time: Backfill::BATCH_TIME,
            pause: Duration::ZERO,
            quarantine: Backfill::QUARANTINE,
        },
        span: Span::new(0, 0),
    }
}

/// `state: settled, then …`.
fn shown(visit: &Visit) -> String {
    let mut text = format!("{}: {}", visit.state, visit.settled);
    match &visit.then {
        Then::Nothing => Ok(()),
        Then::Ready(also) => write!(text, ", ready {also:?}"),
        Then::Building(index) => write!(text, ", building {index}"),
        Then::Backfilling {
            index,
            percent,
            rows_after,
        } => write!(text, ", {percent} of {index}, rows after {rows_after}"),
    }
    .expect("a string");
    text
}

#[track_caller]
fn check(files: &str, text: &str, expected: &str) {
    let found = match folder(files).find(text) {
        Ok(visit) => shown(&visit),
        Err(error) => {
            let help: Vec<_> = error.help.iter().map(|help| format!("; {help}")).collect();
            format!("{error}{}", help.concat())
        }
    };
    assert_eq!(found, expected);
}

#[track_caller]
fn check_all(files: &str, since: usize, expected: &str) {
    let states = folder(files);
    let all = states.all(since, states.migrations().len());
    let all: Vec<_> = all.iter().map(|visit| visit.state.to_string()).collect();
    assert_eq!(all.join(" "), expected);
}

#[test]
fn a_name_means_everything_up_to_it() {
    check("a b", "a", "a.sql: 1");
    check("a b", "b.sql", "b.sql: 2");
    check("a b", "latest", "b.sql: 2");
    check("a b", "empty", "empty: 0");
    check("", "latest", "empty: 0");
}

#[test]
fn a_moment_is_around_a_migration() {
    check("a b", "b@before", "b.sql@before: 1");
    check("a b", "latest@before", "b.sql@before: 1");
    check("a b", "b@settled", "b.sql: 2");
    // Nothing follows: it is ready and settled at once.
    check("a b", "b@ready", "b.sql@ready: 2");
    check("a b:a=i", "b@building", "b.sql@building: 1, building 1");
    check("a b!=i", "b@building", "b.sql@building: 1, building 1");
}

#[test]
fn a_ready_deployment_has_its_concurrent_migrations_before_it() {
    check(
        "a b c:b d e:b",
        "b@ready",
        "b.sql@ready: 1, ready [1, 2, 4]",
    );
    check("a b c:b d e:b", "c@ready", "c.sql@ready: 2, ready [2]");
    check("a b c:b d e:b", "d@ready", "d.sql@ready: 4");
}

#[test]
fn a_backfill_has_its_rows_before_its_partner() {
    check(
        "a b c d:b=b",
        "d@backfilling:40%",
        "d.sql@backfilling:40%: 3, 40% of 3, rows after 1",
    );
    check(
        "a b:a=b",
        "b@backfilling:7",
        "b.sql@backfilling:7%: 1, 7% of 1, rows after 0",
    );
}

#[test]
fn a_name_may_look_like_a_moment_or_a_word() {
    check("a@ready b", "a@ready", "a@ready.sql: 1");
    check("a@ready b", "a@ready@before", "a@ready.sql@before: 0");
    check("empty latest zoo", "empty", "empty: 0");
    check("empty latest zoo", "empty.sql", "empty.sql: 1");
    check(
        "empty latest zoo",
        "latest.sql@before",
        "latest.sql@before: 1",
    );
    check("a&b b c ü", "ü", "ü.sql: 4");
}

#[test]
fn a_version_means_the_migration_that_brings_it() {
    let files = "1 a=2.0.0 b=2.1.0 c d=3.0.0";
    check(files, "2.1.0", "b.sql: 3");
    check(files, "2.1", "b.sql: 3");
    check(files, "3@before", "d.sql@before: 4");
    // A file comes before what is short for a version.
    check("1 a=1.0.0", "1", "1.sql: 1");
    check("1.0.0 a=1.0.0", "1.0.0", "a.sql: 2");
    check("1.0.0 a=1.0.0", "1.0.0.sql", "1.0.0.sql: 1");
    check(
        files,
        "2.2.0",
        "no migration brings version `2.2.0`; there are 2.0.0, 2.1.0 and 3.0.0",
    );
    check(
        "a",
        "2.2.0",
        "no migration brings version `2.2.0`; none brings a version at all; `-- segue: schema-version: X.Y.Z` in one says so",
    );
}

#[test]
fn a_state_has_the_highest_version_of_what_is_applied() {
    let states = folder("0 a=2.0.0 b=2.1.0 c:b d");
    let version = |state: &str| {
        let version = states.version(&states.find(state).expect("a state"));
        version.map(|version| version.to_string())
    };
    assert_eq!(version("empty"), None);
    assert_eq!(version("0"), None);
    assert_eq!(version("b@before").as_deref(), Some("2.0.0"));
    assert_eq!(version("b@ready").as_deref(), Some("2.1.0"));
    assert_eq!(version("d").as_deref(), Some("2.1.0"));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    check(
        "add-users b",
        "add-user",
        "no migration is named `add-user`; did you mean `add-users.sql`?; a state is the name of a migration, a version, `empty`, or `latest`, which is `b.sql`; `segue at --list` prints all",
    );
    check(
        "",
        "a",
        "no migration is named `a`; there are no migrations here, and `empty` is the only state",
    );
    check(
        "a",
        "a@redy",
        "`redy` is no moment; did you mean `@ready`?; a moment is `before`, `ready`, `building` or `backfilling:40%`; without one everything up to the migration is settled",
    );
    check(
        "a b:a=i",
        "b@backfilling:4%",
        "there is no `b.sql@backfilling:4%`: `b.sql` is no backfill; around it there are `b.sql@before`, `b.sql@ready`, `b.sql@building` and `b.sql`",
    );
    check(
        "a b:a=b",
        "b@building",
        "there is no `b.sql@building`: `b.sql` builds no index by itself, outside of a transaction; around it there are `b.sql@before`, `b.sql@ready`, `b.sql@backfilling:50%` and `b.sql`",
    );
    check(
        "a",
        "empty@ready",
        "there is no `empty@ready`: nothing happens in an empty database; write `empty`",
    );
    for (text, part) in [("a@backfilling:101%", "101%"), ("a@backfilling:x", "x")] {
        check(
            "a",
            text,
            &format!(
                "`{part}` is no part of the rows; write a whole number up to 100: `backfilling:40%`"
            ),
        );
    }
    check(
        "a",
        "a@backfilling",
        "`backfilling` does not say how many of the rows; write for example `backfilling:40%`",
    );
}

#[test]
fn production_passes_through_each_state_once() {
    check_all("", 0, "empty");
    check_all("a b c", 0, "empty a.sql b.sql c.sql");
    check_all("a b c", 1, "a.sql b.sql c.sql");
    check_all(
        "a b c:b=i d e:b=b f",
        1,
        "a.sql b.sql@ready c.sql@building c.sql d.sql e.sql@ready e.sql@backfilling:50% e.sql f.sql",
    );
    check_all("a b!=i c", 1, "a.sql b.sql@building b.sql c.sql");
}

#[test]
fn a_state_that_is_listed_can_be_found() {
    let states = folder("a b c:b=i d e:b=b f!=i g@ready");
    for visit in states.all(0, 7) {
        assert_eq!(states.find(&visit.state.to_string()), Ok(visit));
    }
}

#[test]
fn a_fingerprint_changes_with_all_that_comes_before_and_nothing_else() {
    let of = |files: &str, state: &str| {
        let states = folder(files);
        states.fingerprint(&states.find(state).expect("a state"))
    };
    assert_eq!(of("a b c", "b"), of("a b d", "b"));
    assert_eq!(of("a b c", "b"), of("a b c", "c@before"));
    assert_ne!(of("a b c", "c"), of("a bb c", "c"));
    // What begins with it is in the ledger as pending; what stands between is not.
    assert_eq!(of("a b:a c", "a@ready"), of("a aa b:a", "a@ready"));
    assert_ne!(of("a b:a", "a@ready"), of("a bb:a", "a@ready"));
    assert_ne!(of("a b:a", "a@ready"), of("a b:a", "a"));
    let [forty, fifty] = ["40", "50"].map(|part| of("a b:a=b", &format!("b@backfilling:{part}%")));
    assert_ne!(forty, fifty);
    assert_ne!(
        States::new("x", Vec::new()).settled_fingerprint(0),
        of("", "empty")
    );
}

#[test]
fn a_part_of_rows_is_neither_none_nor_all_of_them() {
    let of = |percent, count| Percent::new(percent).expect("a part").of(count);
    assert_eq!(of(40, 64), 25);
    assert_eq!(of(1, 10), 1);
    assert_eq!(of(99, 10), 9);
    assert_eq!(of(50, 1), 1);
    assert_eq!(of(50, 0), 0);
    assert_eq!(of(0, 10), 0);
    assert_eq!(of(100, 10), 10);
    assert_eq!(of(99, u64::MAX), u64::MAX / 100 * 99 + 14);
    assert_eq!(Percent::new(101), None);
}
