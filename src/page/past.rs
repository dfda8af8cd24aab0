//! The history of deployments, as a table.

use super::markup::{Html, Mark, took};
use crate::history::{Deployment, DeploymentState};
use crate::status::{Stage, View};

pub(super) fn write(html: &mut Html, view: &View) {
    if view.status.is_none() {
        return;
    }
    html.raw("<section aria-labelledby=\"past\">\n<h2 id=\"past\">Deployments</h2>\n");
    if view.past.is_empty() {
        html.raw("<p class=\"none\">There has been none. <code>segue up</code> makes the first.</p>\n</section>\n");
        return;
    }
    // On narrow screens rows become blocks, which would take their roles from
    // them.
    html.raw("<table role=\"table\" aria-labelledby=\"past\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for head in HEADS {
        html.raw("<th role=\"columnheader\" scope=\"col\">")
            .raw(head)
            .raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for deployment in &view.past {
        row(html, view, deployment);
    }
    html.raw("</tbody>\n</table>\n</section>\n");
}

const HEADS: [&str; 6] = [
    "Deployment",
    "State",
    "Last migration",
    "Began",
    "Ready after",
    "Settled after",
];

/// The shape and the word of a deployment's state.
fn state(view: &View, deployment: &Deployment) -> (Mark, &'static str) {
    // Of the newest the stage knows better: it doubts before it believes that a
    // runner is gone.
    let is_newest = view.past.first().is_some_and(|one| one.id == deployment.id);
    let status = view.status.as_ref();
    let is_abandoned = status.is_some_and(|status| status.is_abandoned(deployment))
        && (!is_newest || view.stage != Stage::Running);
    match deployment.state {
        DeploymentState::Running if is_abandoned => (Mark::Stopped, "abandoned"),
        DeploymentState::Running => (Mark::Working, "running"),
        DeploymentState::Ready if deployment.error.is_some() => {
            (Mark::Attention, "ready, not settled")
        }
        DeploymentState::Ready => (Mark::Working, "ready, not settled"),
        DeploymentState::Settled => (Mark::Done, "settled"),
        DeploymentState::Failed => (Mark::Failed, "failed"),
    }
}

fn row(html: &mut Html, view: &View, deployment: &Deployment) {
    let (mark, word) = state(view, deployment);
    html.raw("<tr role=\"row\" id=\"d-")
        .attribute(&deployment.id.to_string())
        .raw("\" data-mark=\"")
        .raw(mark.id())
        .raw("\"><th role=\"rowheader\" scope=\"row\">")
        .text(&deployment.id.to_string())
        .raw("</th>");
    cell(html, "State", |html| {
        html.raw("<span class=\"chip\" data-mark=\"")
            .raw(mark.id())
            .raw("\">")
            .mark(mark)
            .raw(word)
            .raw("</span>");
        if let Some(error) = &deployment.error {
            html.raw("<span class=\"error\">")
                .text(error)
                .raw("</span>");
        }
    });
    cell(html, "Last migration", |html| {
        match &deployment.migration {
            Some(name) => html.name(name),
            None => html.raw("–"),
        };
    });
    cell(html, "Began", |html| {
        html.time(&deployment.started_at);
    });
    let after = |at: &Option<String>| took(&deployment.started_at, at.as_deref()?);
    for (title, at) in [
        ("Ready after", &deployment.ready_at),
        ("Settled after", &deployment.settled_at),
    ] {
        cell(html, title, |html| {
            match after(at) {
                Some(took) => html.text(&took),
                None => html.raw("–"),
            };
        });
    }
    html.raw("</tr>\n");
}

fn cell(html: &mut Html, title: &'static str, write: impl FnOnce(&mut Html)) {
    html.raw("<td role=\"cell\" data-title=\"")
        .raw(title)
        .raw("\">");
    write(html);
    html.raw("</td>");
}
