//! What a server shows of a database ([`View`]) → the page at `/` of `segue
//! serve`: HTML that says everything without a script, and stands still.
//!
//! [`SCRIPT`] keeps it current: it fetches the page again when something has
//! happened and takes over what differs. Serving is left to `serve`. Nothing
//! here comes from elsewhere, and nothing stands inline, so that the strictest
//! Content-Security-Policy holds.

use crate::readiness::Goal;
use crate::status::{Stage, View};

mod backfill;
mod course;
mod flow;
mod headline;
mod markup;
pub mod matrix;
mod member;
mod past;

use headline::Tone;
use markup::Html;

/// `/page.css`
pub const STYLE: &str = include_str!("page/page.css");

/// `/page.js`
pub const SCRIPT: &str = include_str!("page/page.js");

/// How many names of files a list shows; `/status` has all of them. Ten
/// thousand at each event would be a megabyte for each who looks.
const NAMES_MAX: usize = 200;

/// The page, a whole document. Links and assets are relative, so that it may
/// be mounted below a prefix; pieces that change keep their `id`.
#[must_use]
pub fn html(view: &View) -> String {
    let tone = Tone::of(view);
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\" data-tone=\"")
        .raw(tone.as_str())
        .raw("\">\n<head>\n<meta charset=\"utf-8\">\n<title>")
        .attribute(word(view))
        .raw(" · ")
        // Elements would not be ones here.
        .attribute(&view.project)
        .raw(" · segue</title>\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n")
        .raw("<link rel=\"icon\" href=\"")
        .raw(tone.icon())
        .raw("\">\n<link rel=\"stylesheet\" href=\"page.css\">\n")
        .raw("<script src=\"page.js\" defer></script>\n</head>\n<body>\n");
    banner(&mut html, view);
    html.raw("<main>\n");
    headline::write(&mut html, view, tone);
    if let Some(status) = &view.status {
        flow::write(&mut html, view, status);
    }
    past::write(&mut html, view);
    html.raw("</main>\n");
    footer(&mut html);
    html.raw("</body>\n</html>\n");
    html.into_string()
}

/// The first thing that is read.
fn word(view: &View) -> &'static str {
    match (view.goal, view.is_ready) {
        (Goal::Ready, true) if view.stage == Stage::Settled => "Ready, and settled",
        (Goal::Ready, true) => "Ready",
        (Goal::Ready, false) => "Not ready",
        (Goal::Settled, true) => "Settled",
        (Goal::Settled, false) => "Not settled",
    }
}

fn banner(html: &mut Html, view: &View) {
    html.raw("<header class=\"banner\">\n<p class=\"brand\"><span class=\"wordmark\">segue</span> <span class=\"project\"><span class=\"unseen\">project </span><bdi>")
        .text(&view.project)
        .raw("</bdi></span></p>\n<p class=\"seen\">");
    match &view.seen_at {
        Some(at) => html.raw("Seen ").time(at),
        None => html.text("Not seen yet"),
    };
    // Filled by the script; without it the page stands still and says so.
    html.raw("<span id=\"link\" class=\"link\" hidden></span>")
        .raw("<noscript> · <a href=\"\">look again</a></noscript></p>\n</header>\n");
}

fn footer(html: &mut Html) {
    html.raw("<footer>\n<nav aria-label=\"The same for programs\"><ul>")
        .raw("<li><a href=\"ready\">ready</a></li>")
        .raw("<li><a href=\"status\">status, JSON</a></li>")
        .raw("<li><a href=\"metrics\">metrics, Prometheus</a></li>")
        .raw("</ul></nav>\n<p>segue ")
        .text(env!("CARGO_PKG_VERSION"))
        .raw(" · reads only</p>\n</footer>\n");
}
