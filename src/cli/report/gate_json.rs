//! Whether code and schema may meet, as JSON by `docs/json/gate.schema.json`.

use serde_json::{Value, json};

use crate::cli::gate::{About, Answer};
use crate::gate::{Meeting, Teller};
use crate::migration::Name;
use crate::status::JSON_VERSION;
use crate::version::Version;

pub(crate) fn answer(answer: &Answer) -> Value {
    let (asked, silent, unread) = match &answer.about {
        About::App(app, meetings) => (vec![code(*app, meetings, &[])], Vec::new(), Vec::new()),
        About::Running(running, asked) => {
            let asked = asked.iter();
            let codes = asked.map(|(app, meetings)| code(*app, meetings, &running.apps[app]));
            let unread = running.unread.iter().map(|(told, tellers)| {
                json!({
                    "told": told,
                    "sessions": sessions(tellers, Some("application_name")),
                })
            });
            (
                codes.collect(),
                sessions(&running.silent, None),
                unread.collect(),
            )
        }
    };
    json!({
        "version": JSON_VERSION,
        "project": answer.project,
        "schema_version": answer.way.now.map(|version| version.to_string()),
        "not_reached": answer.way.missing.iter().map(|stop| json!({
            "schema_version": stop.version.to_string(),
            "migration": stop.migration.as_str(),
        })).collect::<Vec<_>>(),
        "allowed": answer.is_allowed(),
        "code": asked,
        "silent": silent,
        "unread": unread,
    })
}

fn code(app: Version, meetings: &[Meeting], tellers: &[Teller]) -> Value {
    let steps: Vec<Value> = meetings.iter().map(step).collect();
    json!({
        "app": app.to_string(),
        "allowed": meetings.iter().all(Meeting::is_allowed),
        "steps": steps,
        "sessions": sessions(tellers, Some("application_name")),
    })
}

fn step(meeting: &Meeting) -> Value {
    let judgement = &meeting.judgement;
    json!({
        "schema_version": judgement.schema.map(|version| version.to_string()),
        "migration": meeting.migration.as_ref().map(Name::as_str),
        "allowed": meeting.is_allowed(),
        "needs": judgement.needs.to_string(),
        "rule": judgement.rule.as_str(),
        "reason": meeting.to_string(),
    })
}

/// `otherwise` tells the version of those that do not tell it to the server.
fn sessions(tellers: &[Teller], otherwise: Option<&str>) -> Vec<Value> {
    let session = |teller: &Teller| {
        json!({
            "pid": teller.pid,
            "user": teller.user,
            "application": teller.application,
            "told_by": teller.told.map_or(otherwise, |_| Some("segue.app_version")),
        })
    };
    tellers.iter().map(session).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compatibility::Rules;
    use crate::gate::{Running, Stop, Way, When};

    #[test]
    fn answers_have_the_shape_of_their_schema() {
        let (old, new) = (Version::new(3, 1, 0), Version::new(4, 0, 0));
        let teller = |pid, told| Teller {
            pid,
            user: None,
            application: Some("shop/3.1.0".to_owned()),
            told,
        };
        let stop = Stop {
            version: new,
            migration: Name::new("4.sql"),
        };
        let late = Stop {
            version: old,
            migration: Name::new("3.sql"),
        };
        let rules = Rules::new(Some(old), Vec::new());
        for now in [None, Some(old)] {
            let way = Way {
                now,
                missing: now.is_some().then(|| late.clone()).into_iter().collect(),
                ahead: vec![stop.clone()],
            };
            let mut sessions = vec![teller(1, Some(old)), teller(2, None), teller(3, None)];
            sessions[1].application = None;
            let running = Running::new(sessions, |name| Some(Err(name.to_owned())));
            assert_eq!((running.unread.len(), running.silent.len()), (1, 1));
            let asked = running.ask(&rules, &way);
            let of_one = About::App(new, way.ask(&rules, new, When::Always));
            for about in [of_one, About::Running(running, asked)] {
                let answer = Answer {
                    project: "main".to_owned(),
                    way: way.clone(),
                    about,
                };
                crate::cli::report::schema::check("gate", &super::answer(&answer));
            }
        }
    }
}
