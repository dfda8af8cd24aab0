use super::*;

/// `NAME STATE [of DEPLOYMENT] [by PARTNER] [ends CONCURRENT]`; names with a
/// `c` are concurrent.
fn entry(text: &str) -> Entry {
    let words: Vec<&str> = text.split(' ').collect();
    let after = |word: &str| {
        let at = words.iter().position(|one| *one == word)?;
        words.get(at + 1).copied()
    };
    Entry {
        name: Name::new(words[0]),
        kind: if words[0].contains('c') {
            Kind::Concurrent
        } else {
            Kind::Batch
        },
        state: match words[1] {
            "applied" => EntryState::Applied,
            "running" => EntryState::Running(Some(1), None),
            "failed" => EntryState::Failed("error".to_owned()),
            "abandoned" => EntryState::Abandoned,
            _ => EntryState::Pending,
        },
        is_modified: false,
        is_missing: text.ends_with("missing"),
        deployment: after("of").and_then(|id| id.parse().ok()),
        at: None,
        partner: after("by").map(Name::new),
        ends: after("ends").map(Name::new).into_iter().collect(),
        backfill: None,
    }
}

fn deployment(id: i64, state: DeploymentState, tail: &[&str]) -> Deployment {
    let is_ready = matches!(state, DeploymentState::Ready | DeploymentState::Settled);
    Deployment {
        id,
        state,
        migration: None,
        fingerprint: String::new(),
        tail: tail.iter().map(|name| Name::new(name)).collect(),
        started_at: "2026-01-31T10:00:00Z".to_owned(),
        ready_at: is_ready.then(|| "2026-01-31T10:00:01Z".to_owned()),
        settled_at: None,
        error: None,
        is_held: true,
    }
}

/// Names of each part.
#[track_caller]
fn check(entries: &[&str], deployments: Vec<Deployment>, expected: &str) {
    let status = Status {
        project: "main".to_owned(),
        entries: entries.iter().map(|text| entry(text)).collect(),
        deployments,
        is_standby: false,
        schema_version: None,
    };
    let course = Course::new(&status);
    let names = |entries: &[&Entry]| {
        let names = entries.iter().map(|entry| format!(" {}", entry.name));
        names.collect::<String>()
    };
    let actual = format!(
        "{}:{} |{} |{}{}",
        course.at_hand.map_or(0, |one| one.id),
        names(&course.before),
        names(&course.batch),
        names(&course.tail),
        if course.is_ready { ", ready" } else { "" }
    );
    assert_eq!(actual, expected);
}

#[test]
fn a_deployment_that_is_ready() {
    let ready = deployment(2, DeploymentState::Ready, &["3c", "4c"]);
    check(
        &[
            "1 applied of 1",
            "2 applied of 2",
            "3c applied of 2 by 2",
            "4c running of 2 by 2",
        ],
        vec![ready],
        "2: 1 | 2 | 3c 4c, ready",
    );
}

#[test]
fn one_that_was_needed_ran_before() {
    let ready = deployment(2, DeploymentState::Settled, &[]);
    check(
        &[
            "1 applied of 1",
            "2c applied of 2 by 1",
            "3 applied of 2 ends 2c",
        ],
        vec![ready],
        "2: 1 | 2c 3 |, ready",
    );
    let running = deployment(2, DeploymentState::Running, &[]);
    check(
        &[
            "1 applied of 1",
            "2c running of 2 by 1",
            "3 pending ends 2c",
        ],
        vec![running],
        "2: 1 | 2c 3 |",
    );
}

#[test]
fn what_an_earlier_deployment_left_is_still_of_the_tail() {
    let ready = deployment(3, DeploymentState::Ready, &["3c"]);
    check(
        &[
            "1 applied of 2",
            "2c failed of 2 by 1",
            "3c pending by 4",
            "4 applied of 3",
        ],
        vec![ready],
        "3: 1 | 4 | 2c 3c, ready",
    );
}

#[test]
fn what_came_after_an_old_deployment_is_none_of_its() {
    let old = deployment(1, DeploymentState::Settled, &["2c"]);
    check(
        &[
            "1 applied of 1",
            "2c applied of 1 by 1",
            "3 pending",
            "4c pending by 3",
        ],
        vec![old],
        "0: 1 2c | 3 | 4c",
    );
}

#[test]
fn what_the_folder_lacks_is_from_before() {
    let ready = deployment(2, DeploymentState::Settled, &[]);
    check(
        &[
            "1 applied of 1 missing",
            "2 applied of 2",
            "3 pending missing",
        ],
        vec![ready],
        "2: 1 3 | 2 |, ready",
    );
}
