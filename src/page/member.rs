//! A concurrent migration: a card with its state, and while it runs how far it
//! is, how long it will take and whom it waits for.

use super::backfill;
use super::markup::{Html, Mark, id, sentence};
use crate::history::ProgressRow;
use crate::migration::Name;
use crate::status::{Entry, EntryState, Reading, Status, View};
use crate::text::{left, thousands};

/// The shape and the word of a state.
pub(super) fn state(entry: &Entry) -> (Mark, &'static str) {
    let mark = match &entry.state {
        EntryState::Applied => Mark::Done,
        EntryState::Running(_, Some(row)) if row.waits_for.is_some() => Mark::Waiting,
        EntryState::Running(..) if is_held(entry).is_some() => Mark::Waiting,
        EntryState::Running(..) => Mark::Working,
        EntryState::Pending => Mark::Open,
        EntryState::Interrupted | EntryState::HalfReverted => Mark::Stopped,
        EntryState::Failed(_) => Mark::Failed,
        EntryState::Abandoned => Mark::GivenUp,
    };
    let word = match &entry.state {
        EntryState::Running(_, Some(row)) if row.waits_for.is_some() => "waiting",
        EntryState::Running(..) => is_held(entry).unwrap_or("running"),
        EntryState::Applied => "done",
        EntryState::HalfReverted => "half reverted",
        other => other.as_str(),
    };
    (mark, word)
}

/// A word for a backfill that its runner does not go on with now.
fn is_held(entry: &Entry) -> Option<&'static str> {
    let standing = entry.backfill.as_ref()?;
    match (&standing.paused, &standing.throttled) {
        (Some(_), _) => Some("paused"),
        (None, Some(_)) => Some("held back"),
        (None, None) => None,
    }
}

/// Writes a state as shape and word.
pub(super) fn chip(html: &mut Html, entry: &Entry) {
    let (mark, word) = state(entry);
    html.raw("<span class=\"chip\" data-mark=\"")
        .raw(mark.id())
        .raw("\">")
        .mark(mark)
        .text(word)
        .raw("</span>");
}

/// Writes a list item.
pub(super) fn write(html: &mut Html, view: &View, status: &Status, entry: &Entry) {
    let (mark, _) = state(entry);
    html.raw("<li class=\"member\" id=\"")
        .attribute(&id(&entry.name))
        .raw("\" data-mark=\"")
        .raw(mark.id())
        .raw("\">\n<h4>")
        .name(&entry.name)
        .raw("</h4>\n");
    chip(html, entry);
    html.raw("\n");
    let is_running = matches!(entry.state, EntryState::Running(..));
    if let Some(standing) = &entry.backfill {
        let reading = view.readings.get(&entry.name);
        backfill::write(html, &entry.name, standing, is_running, reading);
    }
    match &entry.state {
        EntryState::Running(_, Some(row)) if entry.backfill.is_some() => waits(html, row),
        EntryState::Running(..) if entry.backfill.is_some() => {}
        EntryState::Running(_, Some(row)) => {
            running(html, &entry.name, row, view.readings.get(&entry.name));
        }
        EntryState::Running(_, None) => {
            html.raw("<p>Begun; nothing of its progress is known yet.</p>\n");
        }
        EntryState::Failed(error) => {
            html.raw("<p class=\"error\">")
                .text(error)
                .raw("</p>\n<p><code>segue settle</code> tries again; <code>segue abandon ")
                .text(entry.name.as_str())
                .raw("</code> gives it up.</p>\n");
        }
        EntryState::Interrupted => {
            html.raw(
                "<p>Its runner is gone. <code>segue settle</code> goes on where it ended.</p>\n",
            );
        }
        EntryState::Abandoned => {
            html.raw("<p>Given up by <code>segue abandon</code>.</p>\n");
        }
        EntryState::Applied => {
            if let Some(at) = &entry.at {
                html.raw("<p>Done ").since(at).raw("</p>\n");
            }
        }
        EntryState::Pending | EntryState::HalfReverted => {}
    }
    edges(html, status, entry);
    html.raw("</li>\n");
}

fn running(html: &mut Html, name: &Name, row: &ProgressRow, reading: Option<&Reading>) {
    let phase = format!("{}-phase", id(name));
    html.raw("<p class=\"phase\" id=\"")
        .attribute(&phase)
        .raw("\">")
        .text(&row.phase)
        .raw("</p>\n");
    let counts = row.done.zip(row.total.filter(|total| *total > 0));
    html.raw("<progress aria-label=\"Progress of ")
        .attribute(name.as_str())
        .raw("\" aria-describedby=\"")
        .attribute(&phase)
        .raw("\"");
    if let Some((done, total)) = counts {
        html.raw(" value=\"")
            .attribute(&done.min(total).to_string())
            .raw("\" max=\"")
            .attribute(&total.to_string())
            .raw("\"");
    }
    html.raw("></progress>\n");
    let mut figures = Vec::new();
    if let Some((done, total)) = counts {
        let percent = done.min(total).saturating_mul(100) / total;
        figures.push(("percent", format!("{percent}%")));
    }
    if let Some(time) = reading.and_then(|reading| reading.left) {
        figures.push(("left", format!("about {} left", left(time))));
    }
    if let Some((done, total)) = counts {
        let counts = format!("{} of {}", thousands(done), thousands(total));
        figures.push(("counts", counts));
    }
    if let Some(rate) = reading.and_then(|reading| reading.rate) {
        figures.push(("rate", format!("{}/s", thousands(rate))));
    }
    if let Some((done, total)) = row.partitions {
        let counts = format!("{} of {} partitions", thousands(done), thousands(total));
        figures.push(("partitions", counts));
    }
    if !figures.is_empty() {
        html.raw("<ul class=\"figures\">");
        for (class, figure) in figures {
            html.raw("<li class=\"")
                .raw(class)
                .raw("\">")
                .text(&figure)
                .raw("</li>");
        }
        html.raw("</ul>\n");
    }
    waits(html, row);
}

/// Whom it waits for.
fn waits(html: &mut Html, row: &ProgressRow) {
    if let Some(whom) = &row.waits_for {
        html.raw("<div class=\"waits\"><p><strong>Waits for</strong> <bdi>")
            .prose(whom)
            .raw("</bdi></p>\n");
        if let Some(end) = &row.ends_wait {
            html.raw("<p>").prose(&sentence(end)).raw("</p>");
        }
        html.raw("</div>\n");
    }
}

/// Who needs whom: the other two of the triple.
fn edges(html: &mut Html, status: &Status, entry: &Entry) {
    let ending: Vec<&Entry> = status
        .entries
        .iter()
        .filter(|other| other.ends.contains(&entry.name))
        .collect();
    if entry.partner.is_none() && ending.is_empty() {
        return;
    }
    html.raw("<ul class=\"edges\">");
    if let Some(partner) = &entry.partner {
        html.raw("<li>begins with ").slug(partner).raw("</li>");
    }
    for other in ending {
        html.raw("<li>needed by ").slug(&other.name).raw(", ");
        let (_, word) = state(other);
        html.text(word).raw("</li>");
    }
    html.raw("</ul>\n");
}
