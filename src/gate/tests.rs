use super::*;
use crate::history::{Record, State};
use crate::migration::{Checksum, Kind};
use crate::version::{Range, Series};

fn version(text: &str) -> Version {
    Version::parse_short(text).expect("a version")
}

/// A folder of `name version` or `name` lines.
fn folder(lines: &[&str]) -> Vec<Migration> {
    let of = |line: &&str| {
        let (name, brought) = line.split_once(' ').unwrap_or((line, ""));
        Migration {
            schema_version: Version::parse(brought).ok(),
            ..Migration::example(name, Kind::Batch)
        }
    };
    lines.iter().map(of).collect()
}

fn history(applied: &[(&str, &str, State)]) -> History {
    let mut history = History::default();
    for (name, brought, state) in applied {
        let record = Record {
            checksum: Checksum([0; 32]),
            state: state.clone(),
            kind: Kind::Batch,
            deployment: None,
            at: String::new(),
            schema_diff: None,
            schema_version: Version::parse(brought).ok(),
        };
        history.records.insert(Name::new(name), record);
    }
    history
}

fn way() -> Way {
    Way::new(
        &folder(&["1 2.13.0", "2", "3 3.0.0", "4", "5 4.0.0"]),
        &history(&[("1", "2.13.0", State::Applied), ("2", "", State::Applied)]),
    )
}

fn shown(meetings: &[Meeting]) -> String {
    let shown = meetings.iter().map(|meeting| {
        let name = meeting.migration.as_ref().map_or("now", Name::as_str);
        let sign = if meeting.is_allowed() { '+' } else { '-' };
        format!("{name}{sign}")
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_way_leads_over_pending_versions() {
    let way = way();
    assert_eq!(way.now, Some(version("2.13")));
    let rules = Rules::default();
    let ask = |app, when| shown(&way.ask(&rules, version(app), when));
    assert_eq!(ask("2.13", When::Always), "now+ 3- 5-");
    assert_eq!(ask("3.0", When::Always), "now- 3+ 5-");
    assert_eq!(ask("3.0", When::Now), "now-");
    assert_eq!(ask("4.0", When::After), "5+");
}

#[test]
fn only_what_is_applied_counts_and_only_what_is_higher_comes() {
    let folder = folder(&["1 1.0.0", "2 2.0.0", "3 3.0.0", "4 4.0.0"]);
    let way = Way::new(
        &folder,
        &history(&[
            ("2", "2.0.0", State::Applied),
            ("3", "3.0.0", State::Begun),
            ("4", "4.0.0", State::Abandoned),
        ]),
    );
    assert_eq!(way.now, Some(version("2")));
    // The first is late, and does not lower it; the last was given up.
    let ahead: Vec<_> = way.ahead.iter().map(|stop| stop.version).collect();
    assert_eq!(ahead, [version("3")]);
    // Code that relies on it has to wait until it is there.
    assert_eq!(way.missing[0].version, version("1"));
    let ask = |app, when| shown(&way.ask(&Rules::new(None, vec![]), version(app), when));
    assert_eq!(ask("2.0", When::Now), "now-");
    assert_eq!(ask("2.0", When::Always), "now- 3-");
    assert_eq!(ask("3.0", When::After), "3+");
    let below = Range::parse("< 3").expect("a range");
    let rules = Rules::new(None, vec![(Series::parse("0.9").expect("a series"), below)]);
    assert_eq!(shown(&way.ask(&rules, version("0.9"), When::Now)), "now+");
    let nothing = Way::new(&[], &History::default());
    assert_eq!(
        shown(&nothing.ask(&Rules::default(), version("1"), When::After)),
        "now-"
    );
}

#[test]
fn sessions_are_sorted_by_what_they_tell() {
    let session = |pid, application: &str, told: Option<&str>| Teller {
        pid,
        user: Some("app".to_owned()),
        application: Some(application.to_owned()),
        told: told.map(version),
    };
    let sessions = vec![
        session(1, "queue/3.0.0", None),
        session(2, "queue/3.0.0", Some("2.13")),
        session(3, "psql", None),
        session(4, "", Some("3.0")),
        session(5, "queue/v3.0.0", None),
        session(6, "queue/v3.0.0", Some("2.13")),
    ];
    let running = Running::new(sessions, |name| {
        let told = name.strip_prefix("queue/")?;
        Some(Version::parse(told).map_err(|_| told.to_owned()))
    });
    let pids = |sessions: &[Teller]| sessions.iter().map(|one| one.pid).collect::<Vec<_>>();
    let apps: Vec<_> = running
        .apps
        .iter()
        .map(|(app, sessions)| (app.to_string(), pids(sessions)))
        .collect();
    assert_eq!(
        apps,
        [
            ("2.13.0".to_owned(), vec![2, 6]),
            ("3.0.0".to_owned(), vec![1, 4])
        ]
    );
    assert_eq!(pids(&running.silent), [3]);
    assert_eq!(pids(&running.unread["v3.0.0"]), [5]);
    let asked: Vec<_> = running
        .ask(&Rules::default(), &way())
        .into_iter()
        .map(|(app, meetings)| format!("{app}: {}", shown(&meetings)))
        .collect();
    assert_eq!(asked, ["2.13.0: 3- 5-", "3.0.0: 3+ 5-"]);
}
