use std::time::Duration;

use super::*;
use crate::apply::drift::Drift;
use crate::backfill::Standing;
use crate::serve::example;
use crate::serve::state::Moment;

const CLIENTS: Clients = Clients {
    connections: 3,
    streams: 2,
};

#[test]
fn all_that_is_known_is_told() {
    let began = example::moment(0);
    let mut state = example::first().next(example::view(true, Some("gone")), Some(began.instant));
    (state.looks, state.failures) = (7, 1);
    let now = example::moment_after(&began, 60);
    let drift = Measured {
        drift: Drift {
            deployment: 2,
            objects: 5,
        },
        at: began.instant,
    };
    let text = text(&state, example::serving(), Some(drift), CLIENTS, &now);
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let version = format!(
        "segue_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    let expected = [
        version.as_str(),
        r#"segue_ready{project="main"} 1"#,
        r#"segue_state{project="main",state="unknown"} 0"#,
        r#"segue_state{project="main",state="pending"} 0"#,
        r#"segue_state{project="main",state="running"} 0"#,
        r#"segue_state{project="main",state="failed"} 0"#,
        r#"segue_state{project="main",state="abandoned"} 0"#,
        r#"segue_state{project="main",state="ready"} 1"#,
        r#"segue_state{project="main",state="settled"} 0"#,
        r#"segue_state_seconds{project="main"} 43260"#,
        r#"segue_deployment_id{project="main"} 2"#,
        r#"segue_schema_version_info{project="main",version="3.1.0"} 1"#,
        r#"segue_database_up{project="main"} 0"#,
        r#"segue_last_seen_age_seconds{project="main"} 60"#,
        r#"segue_looks_total{project="main"} 7"#,
        r#"segue_look_failures_total{project="main"} 1"#,
        r#"segue_migrations{project="main",kind="batch",state="abandoned"} 0"#,
        r#"segue_migrations{project="main",kind="batch",state="applied"} 1"#,
        r#"segue_migrations{project="main",kind="batch",state="failed"} 0"#,
        r#"segue_migrations{project="main",kind="batch",state="interrupted"} 0"#,
        r#"segue_migrations{project="main",kind="batch",state="pending"} 0"#,
        r#"segue_migrations{project="main",kind="batch",state="running"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="abandoned"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="applied"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="failed"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="interrupted"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="pending"} 0"#,
        r#"segue_migrations{project="main",kind="concurrent",state="running"} 1"#,
        r#"segue_migrations{project="main",kind="standalone",state="abandoned"} 0"#,
        r#"segue_migrations{project="main",kind="standalone",state="applied"} 0"#,
        r#"segue_migrations{project="main",kind="standalone",state="failed"} 0"#,
        r#"segue_migrations{project="main",kind="standalone",state="interrupted"} 0"#,
        r#"segue_migrations{project="main",kind="standalone",state="pending"} 0"#,
        r#"segue_migrations{project="main",kind="standalone",state="running"} 0"#,
        r#"segue_migrations_modified{project="main"} 0"#,
        r#"segue_migrations_missing{project="main"} 0"#,
        r#"segue_tail_progress_ratio{project="main",migration="2-\"i\\\".sql"} 0.25"#,
        r#"segue_tail_partitions_ratio{project="main",migration="2-\"i\\\".sql"} 0.5"#,
        r#"segue_tail_blocked{project="main",migration="2-\"i\\\".sql"} 1"#,
        r#"segue_drift_objects{project="main"} 5"#,
        r#"segue_drift_age_seconds{project="main"} 60"#,
        "segue_http_connections 3",
        "segue_event_streams 2",
        "process_start_time_seconds 1769817600",
    ];
    assert_eq!(samples, expected);
}

#[test]
fn nothing_is_told_of_a_database_that_was_not_seen() {
    let text = text(
        &example::first(),
        example::serving(),
        None,
        CLIENTS,
        &example::moment(60),
    );
    let families: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert_eq!(
        families,
        [
            "segue_build_info gauge",
            "segue_ready gauge",
            "segue_state gauge",
            "segue_state_seconds gauge",
            "segue_database_up gauge",
            "segue_looks_total counter",
            "segue_look_failures_total counter",
            "segue_http_connections gauge",
            "segue_event_streams gauge",
            "process_start_time_seconds gauge",
        ]
    );
}

#[test]
fn a_backfill_is_told_while_it_is_not_done() {
    let began = example::moment(0);
    // An hour before its deadline, which it will not meet.
    let at: jiff::Timestamp = "2026-11-22T14:00:00Z".parse().expect("a time");
    let now = Moment {
        time: at,
        ..example::moment_after(&began, 60)
    };
    let mut view = example::view(true, None);
    let status = view.status.as_mut().expect("it was seen");
    status.entries[1].backfill = Some(Standing {
        within: Some(Duration::from_hours(3)),
        impossible: Some("impossible: needs 3 hours more".to_owned()),
        quarantined: 2,
        updated_at: at - jiff::SignedDuration::from_secs(2),
        ..Standing::example()
    });
    let state = example::first().next(view, Some(began.instant));
    let text = text(&state, example::serving(), None, CLIENTS, &now);
    let samples: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("segue_backfill_"))
        .collect();
    let labels = r#"{project="main",migration="2-\"i\\\".sql"}"#;
    let bound = |bound: &str| labels.replace('}', &format!(",bound=\"{bound}\"}}"));
    let expected = [
        format!("rows_total{labels} 6200000"),
        format!("rows_estimated{labels} 10000000"),
        format!("left_seconds{} 1200", bound("earliest")),
        format!("left_seconds{} 1800", bound("likely")),
        format!("left_seconds{} 2100", bound("latest")),
        format!("deadline_seconds{labels} 3600"),
        format!("running{labels} 1"),
        format!("paused{labels} 0"),
        format!("throttled{labels} 0"),
        format!("impossible{labels} 1"),
        format!("quarantined_rows{labels} 2"),
        format!("written_age_seconds{labels} 2"),
    ];
    assert_eq!(samples, expected);
}
