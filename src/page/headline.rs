//! The state, in a word, a sentence and a few facts.

use super::course::{Course, is_open};
use super::markup::{Html, Mark, sentence};
use super::word;
use crate::history::{Deployment, DeploymentState};
use crate::migration::Kind;
use crate::status::{EntryState, Stage, Status, View};
use crate::text::count;

/// What the whole page's colour and shape say; the words say it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The goal is reached.
    Good,
    /// Somebody works on it.
    Working,
    /// Nobody does.
    Open,
    /// Something has failed.
    Failed,
    /// Nobody knows whether it still holds.
    Stale,
}

impl Tone {
    pub(super) fn of(view: &View) -> Self {
        match view.stage {
            _ if view.stale.is_some() => Self::Stale,
            _ if view.is_ready => Self::Good,
            Stage::Failed | Stage::Abandoned => Self::Failed,
            Stage::Running | Stage::Ready => Self::Working,
            Stage::Unknown | Stage::Pending | Stage::Settled => Self::Open,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Working => "working",
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Stale => "stale",
        }
    }

    fn mark(self) -> Mark {
        match self {
            Self::Good => Mark::Done,
            Self::Working => Mark::Working,
            Self::Open => Mark::Open,
            Self::Failed => Mark::Failed,
            Self::Stale => Mark::Attention,
        }
    }

    /// The mark for a browser's tab, in colours that both its schemes bear.
    pub(super) fn icon(self) -> &'static str {
        match self {
            Self::Good => {
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7.5' fill='%23188a55'/%3E%3Cpath d='M4.6 8.3l2.3 2.3 4.5-4.9' fill='none' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E"
            }
            Self::Working => {
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6.5' fill='none' stroke='%233d7fe0' stroke-width='2'/%3E%3Cpath d='M8 4a4 4 0 0 1 0 8z' fill='%233d7fe0'/%3E%3C/svg%3E"
            }
            Self::Open => {
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6.5' fill='none' stroke='%23808080' stroke-width='2'/%3E%3C/svg%3E"
            }
            Self::Failed => {
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23d0403b' d='M5 .75h6L15.25 5v6L11 15.25H5L.75 11V5z'/%3E%3Cpath d='M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E"
            }
            Self::Stale => {
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23c27a00' d='M8 .9L15.6 14.6H.4z'/%3E%3Cpath d='M8 5.6v4M8 11.2v1.6' stroke='white' stroke-width='1.6'/%3E%3C/svg%3E"
            }
        }
    }
}

/// State, reason, what is to be noted, facts.
pub(super) fn write(html: &mut Html, view: &View, tone: Tone) {
    html.raw("<section id=\"state\" class=\"state\" aria-labelledby=\"word\">\n")
        // The one place that is read out when it changes: progress is not.
        .raw("<div role=\"status\" aria-live=\"polite\" aria-atomic=\"true\">\n<h1 id=\"word\">")
        .mark(tone.mark())
        .raw("<span>")
        .text(word(view));
    if view.stale.is_some() && view.is_ready {
        html.raw(" <span class=\"as-seen\">as last seen</span>");
    }
    html.raw("</span></h1>\n<p class=\"reason\">")
        .prose(&sentence(&view.reason))
        .raw("</p>\n</div>\n");
    notes(html, view);
    if let Some(status) = &view.status {
        facts(html, view, status);
    }
    html.raw("</section>\n");
}

fn notes(html: &mut Html, view: &View) {
    let mut notes = Html::new();
    if let Some(stale) = view.stale.as_ref().filter(|_| view.status.is_some()) {
        note(&mut notes, Mark::Attention, "Stale", |html| {
            html.text("The database is away since ")
                .since(&stale.since)
                .text(": ")
                .prose(&stale.reason)
                .text(". What is below is what was seen last.");
        });
    }
    let Some(status) = &view.status else {
        html.add(&list(&notes));
        return;
    };
    // What is told in the picture in full is said here in a line.
    let failed = |entry: &&crate::status::Entry| {
        entry.kind == Kind::Concurrent && matches!(entry.state, EntryState::Failed(_))
    };
    let failed = status.entries.iter().filter(failed).count();
    if failed > 0 {
        note(&mut notes, Mark::Failed, "Tail failed", |html| {
            html.text(&count(failed, "concurrent migration"))
                .prose(" failed; new code serves all the same. `segue settle` tries again.");
        });
    }
    if let Some(deployment) = status.ready()
        && failed == 0
        && let Some(error) = &deployment.error
    {
        note(
            &mut notes,
            Mark::Attention,
            "Told by the last run",
            |html| {
                html.raw("<span class=\"error\">")
                    .text(error)
                    .raw("</span>");
            },
        );
    }
    let modified = status.entries.iter().filter(|one| one.is_modified).count();
    if modified > 0 {
        note(&mut notes, Mark::Attention, "Modified", |html| {
            let verb = if modified == 1 { "differs" } else { "differ" };
            html.text(&count(modified, "file"))
                .text(&format!(" {verb} from what was applied."));
        });
    }
    if status.is_standby {
        note(&mut notes, Mark::Attention, "Standby", |html| {
            html.text("This is a standby. What it shows it has replayed; whether a runner lives can be seen on the primary only.");
        });
    }
    html.add(&list(&notes));
}

fn list(notes: &Html) -> Html {
    let mut html = Html::new();
    if *notes != Html::new() {
        html.raw("<ul class=\"notes\">\n").add(notes).raw("</ul>\n");
    }
    html
}

fn note(html: &mut Html, mark: Mark, title: &str, write: impl FnOnce(&mut Html)) {
    html.raw("<li data-mark=\"")
        .raw(mark.id())
        .raw("\">")
        .mark(mark)
        .raw("<p><strong>")
        .text(title)
        .raw(".</strong> ");
    write(html);
    html.raw("</p></li>\n");
}

fn facts(html: &mut Html, view: &View, status: &Status) {
    let course = Course::new(status);
    html.raw("<dl class=\"facts\">\n");
    if let Some(deployment) = course.deployment {
        let title = match course.at_hand {
            Some(_) => "Deployment",
            None => "Last deployment",
        };
        fact(html, title, |html| {
            html.raw("<span class=\"figure\">")
                .text(&deployment.id.to_string())
                .raw("</span>");
        });
        self::since(html, view, deployment);
    } else if view.stage != Stage::Settled {
        fact(html, "Deployment", |html| {
            html.text("none yet");
        });
    }
    fact(html, "Database", |html| {
        html.text(&place(status));
    });
    if let Some(version) = status.schema_version {
        fact(html, "Schema", |html| {
            html.text(&format!("version {version}"));
        });
    }
    let tail = course.tail.len();
    if tail > 0 {
        let number = |state: &EntryState| {
            let entries = course.tail.iter();
            entries.filter(|entry| entry.state == *state).count()
        };
        let (done, given_up) = (number(&EntryState::Applied), number(&EntryState::Abandoned));
        fact(html, "Tail", |html| {
            html.text(&format!("{done} of {tail} done"));
            if given_up > 0 {
                html.text(&format!(", {given_up} given up"));
            }
        });
    }
    html.raw("</dl>\n");
}

fn since(html: &mut Html, view: &View, deployment: &Deployment) {
    // The stage doubts before it believes that a runner is gone.
    let is_abandoned = view.stage == Stage::Abandoned;
    let (word, at) = match deployment.state {
        DeploymentState::Settled => ("Settled", deployment.settled_at.as_deref()),
        DeploymentState::Ready => ("Ready", deployment.ready_at.as_deref()),
        DeploymentState::Running if is_abandoned => {
            ("Abandoned; began", Some(&*deployment.started_at))
        }
        DeploymentState::Running => ("Running", Some(&*deployment.started_at)),
        DeploymentState::Failed => ("Failed; began", Some(&*deployment.started_at)),
    };
    if let Some(at) = at {
        let word = match deployment.state {
            DeploymentState::Failed => word.to_owned(),
            DeploymentState::Running if is_abandoned => word.to_owned(),
            _ => format!("{word} since"),
        };
        fact(html, &word, |html| {
            html.since(at);
        });
    }
}

fn fact(html: &mut Html, title: &str, write: impl FnOnce(&mut Html)) {
    html.raw("<div><dt>").text(title).raw("</dt><dd>");
    write(html);
    html.raw("</dd></div>\n");
}

/// Where the database stands against the folder.
fn place(status: &Status) -> String {
    let behind = status
        .entries
        .iter()
        .filter(|entry| !entry.is_missing && is_open(entry))
        .count();
    let ahead = status
        .entries
        .iter()
        .filter(|entry| entry.is_missing && !is_open(entry))
        .count();
    let is_but_for_tail = status.ready().is_some();
    match status.place() {
        "behind" if is_but_for_tail => "equal to the folder, but for the tail".to_owned(),
        "behind" => format!("behind the folder by {}", count(behind, "migration")),
        "ahead" => format!("ahead of the folder by {}", count(ahead, "migration")),
        "diverged" => {
            format!("diverged: {behind} of the folder not done, {ahead} applied that it lacks")
        }
        _ if status.entries.is_empty() => "no migrations, in the folder or applied".to_owned(),
        _ => "equal to the folder".to_owned(),
    }
}
