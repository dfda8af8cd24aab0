//! Whether code and schema may meet, as text.

use std::fmt::Write as _;

use super::phrase::count;
use crate::cli::gate::{About, Answer};
use crate::gate::{Meeting, Teller, Way};
use crate::migration::Name;
use crate::version::Version;

/// Sessions of one version that are named, unless all are asked for.
const SHOWN_MAX: usize = 5;

/// Writing into a string cannot fail, here and below.
pub(crate) fn answer(answer: &Answer, all: bool) -> String {
    let mut text = String::new();
    match &answer.about {
        About::App(app, meetings) => {
            let _ = writeln!(
                text,
                "Code {app} and the schema of project {}",
                answer.project
            );
            let _ = writeln!(text);
            table(&mut text, meetings);
            missing(&mut text, &answer.way);
            reason(&mut text, meetings);
        }
        About::Running(running, asked) => {
            let now = answer.way.now;
            let _ = writeln!(
                text,
                "Running code and the schema of project {}, now {}",
                answer.project,
                shown(now)
            );
            missing(&mut text, &answer.way);
            for (app, meetings) in asked {
                let sessions = &running.apps[app];
                let _ = writeln!(text, "\nCode {app}: {}", named(sessions, all));
                table(&mut text, meetings);
                reason(&mut text, meetings);
            }
            for (told, sessions) in &running.unread {
                let _ = writeln!(
                    text,
                    "\n`{told}`, which is no version, is told by {}",
                    named(sessions, all)
                );
                unread(&mut text, &answer.way);
            }
            if asked.is_empty() && running.unread.is_empty() {
                let _ = writeln!(text, "\nNo session tells the version of its code.");
            } else if answer.way.ahead.is_empty() {
                let _ = writeln!(text, "\nNo version is pending.");
            }
            if !running.silent.is_empty() {
                let _ = writeln!(
                    text,
                    "\nNo version is told by {}",
                    named(&running.silent, all)
                );
            }
        }
    }
    text
}

fn shown(schema: Option<Version>) -> String {
    schema.map_or_else(
        || "without a version".to_owned(),
        |version| version.to_string(),
    )
}

/// What is not there although a later version is.
fn missing(text: &mut String, way: &Way) {
    for stop in &way.missing {
        let _ = writeln!(
            text,
            "\n{} is not reached: `{}`, which brings it, is pending",
            stop.version, stop.migration
        );
    }
}

fn table(text: &mut String, meetings: &[Meeting]) {
    let widest = |of: &dyn Fn(&Meeting) -> usize| meetings.iter().map(of).max().unwrap_or(0);
    let version = |meeting: &Meeting| shown(meeting.judgement.schema);
    let name = |meeting: &Meeting| -> String {
        let name = meeting.migration.as_ref().map(Name::as_str);
        name.unwrap_or("now").to_owned()
    };
    let versions = widest(&|meeting| version(meeting).len());
    let names = widest(&|meeting| name(meeting).len());
    for meeting in meetings {
        let word = if meeting.is_allowed() {
            "allowed"
        } else {
            "forbidden"
        };
        let _ = writeln!(
            text,
            "  {:<versions$}  {:<names$}  {word}",
            version(meeting),
            name(meeting),
        );
    }
}

/// Nobody knows what it needs, so that all that is pending is forbidden.
fn unread(text: &mut String, way: &Way) {
    let widest = way.ahead.iter().map(|stop| stop.version.to_string().len());
    let versions = widest.max().unwrap_or(0);
    let widest = way.ahead.iter().map(|stop| stop.migration.as_str().len());
    let names = widest.max().unwrap_or(0);
    for stop in &way.ahead {
        let _ = writeln!(
            text,
            "  {:<versions$}  {:<names$}  forbidden",
            stop.version.to_string(),
            stop.migration.as_str(),
        );
    }
    let _ = writeln!(
        text,
        "\nnobody knows what it needs; the group of `app-name` in [versions] has to be a version: 3.1 or 3.1.4"
    );
}

/// The rule: it is the code's, and the same for each schema.
fn reason(text: &mut String, meetings: &[Meeting]) {
    if let Some(meeting) = meetings.first() {
        let _ = writeln!(text, "\n{meeting}");
    }
}

/// `2 sessions: pid 41 as app (queue/3.0.0), pid 43 as app`
fn named(sessions: &[Teller], all: bool) -> String {
    let shown = if all { sessions.len() } else { SHOWN_MAX };
    let mut names: Vec<String> = sessions.iter().take(shown).map(one).collect();
    if sessions.len() > shown {
        names.push(format!("{} more", sessions.len() - shown));
    }
    format!("{}: {}", count(sessions.len(), "session"), names.join(", "))
}

fn one(session: &Teller) -> String {
    let mut text = format!("pid {}", session.pid);
    if let Some(user) = &session.user {
        let _ = write!(text, " as {user}");
    }
    if let Some(application) = &session.application {
        let _ = write!(text, " ({application})");
    }
    text
}
