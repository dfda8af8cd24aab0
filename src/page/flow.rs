//! The picture: batch, the line of readiness, tail, the line where it is
//! settled; from left to right where there is room, else downwards.

use super::NAMES_MAX;
use super::course::{Course, is_open};
use super::markup::{Html, Mark, id, took};
use super::member;
use crate::history::{Deployment, DeploymentState};
use crate::migration::Kind;
use crate::status::{Entry, EntryState, Stage, Status, View};
use crate::text::{count, thousands};

/// Up to so many names a list is not folded.
const OPEN_MAX: usize = 6;

pub(super) fn write(html: &mut Html, view: &View, status: &Status) {
    let course = Course::new(status);
    if course.batch.is_empty() && course.tail.is_empty() && course.before.is_empty() {
        html.raw("<section class=\"empty\" aria-labelledby=\"flow\">\n<h2 id=\"flow\">No migrations</h2>\n")
            .raw("<p>Neither the folder nor the ledger of this database has any. <code>segue add FILE</code> makes one.</p>\n</section>\n");
        return;
    }
    html.raw("<section aria-labelledby=\"flow\">\n<h2 id=\"flow\">");
    match course.at_hand {
        Some(deployment) => html.text("Deployment ").text(&deployment.id.to_string()),
        None => html.text("To be deployed"),
    };
    html.raw("</h2>\n<ol class=\"flow\">\n");
    batch(html, view, status, &course);
    line(html, &Line::ready(&course));
    tail(html, view, status, &course);
    line(html, &Line::settled(&course));
    html.raw("</ol>\n");
    before(html, status, &course);
    html.raw("</section>\n");
}

fn batch(html: &mut Html, view: &View, status: &Status, course: &Course) {
    html.raw("<li class=\"part batch\" aria-labelledby=\"batch\">\n<h3 id=\"batch\">Batch</h3>\n");
    let (open, done): (Vec<&Entry>, Vec<&Entry>) = course
        .batch
        .iter()
        .copied()
        .partition(|entry| is_open(entry));
    let (mark, what) = if course.is_ready {
        let what = match done.len() {
            0 => "nothing new in it".to_owned(),
            number => format!("{} applied", count(number, "migration")),
        };
        (Mark::Done, what)
    } else {
        let what = match done.len() {
            0 => count(open.len(), "migration"),
            applied => format!(
                "{} of {} applied",
                thousands(applied as u64),
                count(course.batch.len(), "migration")
            ),
        };
        match course.at_hand {
            Some(_) if view.stage == Stage::Abandoned => {
                (Mark::Stopped, format!("{what}; its runner is gone"))
            }
            Some(one) if one.state == DeploymentState::Running => {
                (Mark::Working, format!("{what}, under way"))
            }
            Some(one) if one.state == DeploymentState::Failed => {
                (Mark::Failed, format!("{what}; failed"))
            }
            _ => (Mark::Open, format!("{what} pending")),
        }
    };
    html.raw("<div class=\"box\" data-mark=\"")
        .raw(mark.id())
        .raw("\">\n<p class=\"count\">")
        .mark(mark)
        .raw("<span>")
        .text(&what)
        .raw("</span></p>\n");
    let error = course
        .at_hand
        .filter(|_| !course.is_ready && mark == Mark::Failed);
    if let Some(error) = error.and_then(|one| one.error.as_deref()) {
        html.raw("<p class=\"error\">").text(error).raw("</p>\n");
    }
    // A concurrent migration that is needed first shows its progress.
    let (first, plain): (Vec<&Entry>, Vec<&Entry>) = course
        .batch
        .iter()
        .copied()
        .partition(|entry| entry.kind == Kind::Concurrent && is_open(entry));
    if !first.is_empty() {
        html.raw("<h4 class=\"label\">Concurrent, needed first</h4>\n<ul class=\"members\">\n");
        for entry in first {
            member::write(html, view, status, entry);
        }
        html.raw("</ul>\n");
    }
    names(html, "batch-names", status, &plain);
    html.raw("</div>\n</li>\n");
}

fn tail(html: &mut Html, view: &View, status: &Status, course: &Course) {
    html.raw("<li class=\"part tail\" aria-labelledby=\"tail\">\n<h3 id=\"tail\">Tail</h3>\n");
    if course.tail.is_empty() {
        html.raw("<div class=\"box none\"><p>No concurrent migrations: settled as soon as it is ready.</p></div>\n");
    } else {
        html.raw("<ul class=\"members\">\n");
        for entry in &course.tail {
            member::write(html, view, status, entry);
        }
        html.raw("</ul>\n");
    }
    html.raw("</li>\n");
}

/// A line across the picture: readiness, or that it is settled.
struct Line<'a> {
    id: &'static str,
    word: &'static str,
    /// When it was passed.
    at: Option<&'a str>,
    /// Whether it was passed, even if nobody knows when.
    is_passed: bool,
    after: Option<String>,
}

impl<'a> Line<'a> {
    fn ready(course: &Course<'a>) -> Self {
        let deployment = course.deployment.filter(|_| course.is_ready);
        let at = deployment.and_then(|one| one.ready_at.as_deref());
        Self {
            id: "ready",
            word: "Ready",
            at,
            is_passed: course.is_ready,
            after: deployment.and_then(|one| after(one, at?)),
        }
    }

    fn settled(course: &Course<'a>) -> Self {
        let is_passed = course.is_ready && !course.tail.iter().any(|entry| is_open(entry));
        let deployment = course.deployment.filter(|_| is_passed);
        let at = deployment.and_then(|one| one.settled_at.as_deref());
        Self {
            id: "settled",
            word: "Settled",
            at,
            is_passed,
            after: deployment.and_then(|one| after(one, at?)),
        }
    }
}

fn after(deployment: &Deployment, at: &str) -> Option<String> {
    took(&deployment.started_at, at)
}

fn line(html: &mut Html, line: &Line) {
    html.raw("<li class=\"line\" id=\"")
        .raw(line.id)
        .raw("\" data-passed=\"")
        .raw(if line.is_passed { "yes" } else { "no" })
        .raw("\">\n<div class=\"label\"><h3>");
    if line.is_passed {
        html.mark(Mark::Done).text(line.word).raw("</h3>\n");
    } else {
        html.mark(Mark::Open)
            .text(line.word)
            .raw("</h3>\n<p>not yet</p>\n");
    }
    if let Some(at) = line.at {
        html.raw("<p>").time(at).raw("</p>\n");
    }
    if let Some(after) = &line.after {
        html.raw("<p>after ").text(after).raw("</p>\n");
    }
    html.raw("</div>\n</li>\n");
}

/// What is there from before, folded.
fn before(html: &mut Html, status: &Status, course: &Course) {
    if course.before.is_empty() {
        return;
    }
    html.raw("<details class=\"before\" id=\"before\">\n<summary>")
        .text(&count(course.before.len(), "migration"))
        .text(" from before")
        .raw("</summary>\n");
    list(html, status, &course.before, Order::Newest);
    html.raw("</details>\n");
}

/// Names of files with their states; many are folded away.
fn names(html: &mut Html, id: &'static str, status: &Status, entries: &[&Entry]) {
    if entries.is_empty() {
        return;
    }
    if entries.len() <= OPEN_MAX {
        return list(html, status, entries, Order::Oldest);
    }
    html.raw("<details id=\"")
        .raw(id)
        .raw("\"><summary>")
        .text(&count(entries.len(), "file"))
        .raw("</summary>\n");
    list(html, status, entries, Order::Oldest);
    html.raw("</details>\n");
}

/// Which names come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As they run.
    Oldest,
    /// As they matter.
    Newest,
}

fn list(html: &mut Html, status: &Status, entries: &[&Entry], order: Order) {
    // What is not as usual is not to be missed among thousands; of the others
    // the newest matter most.
    let (unusual, usual): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().copied().partition(|entry| is_unusual(entry));
    let unusual = &unusual[unusual.len().saturating_sub(NAMES_MAX)..];
    let room = NAMES_MAX - unusual.len();
    let mut shown = usual[usual.len().saturating_sub(room)..].to_vec();
    shown.extend(unusual);
    shown.sort_by(|one, other| match order {
        Order::Oldest => one.name.cmp(&other.name),
        Order::Newest => other.name.cmp(&one.name),
    });
    html.raw("<ul class=\"names\">\n");
    for entry in &shown {
        row(html, status, entry);
    }
    html.raw("</ul>\n");
    let hidden = entries.len() - shown.len();
    if hidden > 0 {
        html.raw("<p class=\"more\">and ")
            .text(&thousands(hidden as u64))
            .raw(" older ones, in <a href=\"status\">status</a></p>\n");
    }
}

fn is_unusual(entry: &Entry) -> bool {
    entry.is_modified
        || entry.is_missing
        || matches!(
            entry.state,
            EntryState::Interrupted
                | EntryState::HalfReverted
                | EntryState::Failed(_)
                | EntryState::Running(..)
        )
}

fn row(html: &mut Html, status: &Status, entry: &Entry) {
    let (mark, word) = member::state(entry);
    html.raw("<li data-mark=\"")
        .raw(mark.id())
        .raw("\">")
        .mark(mark)
        .raw("<span class=\"unseen\">")
        .text(word)
        .raw(": </span><span>")
        .name(&entry.name);
    let mut tags = Vec::new();
    match entry.kind {
        Kind::Batch => {}
        Kind::Standalone => tags.push("outside a transaction"),
        Kind::Concurrent => tags.push("concurrent"),
    }
    if entry.is_modified {
        tags.push("modified since");
    }
    if entry.is_missing {
        tags.push("not in the folder");
    }
    if !matches!(entry.state, EntryState::Applied | EntryState::Pending) {
        tags.push(word);
    }
    for tag in tags {
        html.raw(" <span class=\"tag\">").text(tag).raw("</span>");
    }
    // Its concurrent migrations are a link away.
    for other in &status.entries {
        if is_open(other) && other.partner.as_ref() == Some(&entry.name) {
            edge(html, "begins", other);
        }
    }
    for name in &entry.ends {
        if let Some(other) = status.entries.iter().find(|other| other.name == *name) {
            edge(html, "needs", other);
        }
    }
    if let EntryState::Failed(error) = &entry.state {
        html.raw("<span class=\"error\">")
            .text(error)
            .raw("</span>");
    }
    html.raw("</span></li>\n");
}

fn edge(html: &mut Html, word: &'static str, other: &Entry) {
    html.raw("<span class=\"edge\">").raw(word).raw(" ");
    if is_open(other) {
        html.raw("<a href=\"#")
            .attribute(&id(&other.name))
            .raw("\" title=\"")
            .attribute(other.name.as_str())
            .raw("\">")
            .slug(&other.name)
            .raw("</a>");
    } else {
        html.slug(&other.name);
    }
    html.raw("</span>");
}
