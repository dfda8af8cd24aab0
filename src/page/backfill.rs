//! How far a backfill is: a bar, its figures, and what is in its way.

use super::markup::{Html, id, sentence, short};
use crate::backfill::Standing;
use crate::backfill::standing::Ends;
use crate::migration::Name;
use crate::status::Reading;
use crate::text::thousands;

/// Writes it below the state of the migration. `reading` says how fast it goes
/// by several looks, if somebody runs it.
pub(super) fn write(
    html: &mut Html,
    name: &Name,
    standing: &Standing,
    is_running: bool,
    reading: Option<&Reading>,
) {
    let table = format!("{}-table", id(name));
    html.raw("<p class=\"phase\" id=\"")
        .attribute(&table)
        .raw("\">Rows of <bdi>")
        .text(&standing.relation)
        .raw("</bdi> by <bdi>")
        .text(&standing.key.join(", "))
        .raw("</bdi></p>\n<progress aria-label=\"Progress of ")
        .attribute(name.as_str())
        .raw("\" aria-describedby=\"")
        .attribute(&table)
        .raw("\"");
    if let Some(percent) = standing.percent() {
        // By thousandths, so that the bar of a long one moves.
        let total = standing.total.unwrap_or(standing.rows).max(1);
        let done = u128::from(standing.rows.min(total)) * 1000 / u128::from(total);
        let value = if percent == 100 { 1000 } else { done.min(999) };
        html.raw(" value=\"")
            .attribute(&value.to_string())
            .raw("\" max=\"1000\"");
    }
    html.raw("></progress>\n<ul class=\"figures\">");
    let is_going = is_running && standing.paused.is_none() && standing.finished_at.is_none();
    if let Some(percent) = standing.percent() {
        figure(html, "percent", &format!("{percent}%"));
    }
    figure(html, "counts", &standing.counts());
    let seen = reading.and_then(|reading| reading.rate);
    if let Some(rate) = seen.or(standing.expected_rate()).filter(|_| is_going) {
        figure(html, "rate", &format!("{} rows/s", thousands(rate)));
    }
    html.raw("</ul>\n");
    if is_going {
        end(html, standing);
    }
    troubles(html, name, standing, is_running);
}

fn figure(html: &mut Html, class: &'static str, text: &str) {
    html.raw("<li class=\"")
        .raw(class)
        .raw("\">")
        .text(text)
        .raw("</li>");
}

/// When it will end, and whether that is in time.
fn end(html: &mut Html, standing: &Standing) {
    if let Some(Ends {
        earliest, latest, ..
    }) = standing.ends
    {
        html.raw("<p class=\"ends\">Ends between ")
            .time(&earliest.to_string())
            .raw(" and ")
            .time(&latest.to_string());
        if let (Some(deadline), Some(true)) = (standing.deadline(), standing.is_in_time()) {
            html.text(&format!(", in time for {}", short(&deadline.to_string())));
        }
        html.raw("</p>\n");
    }
    if let Some(why) = &standing.impossible {
        html.raw("<div class=\"waits\"><p><strong>Too slow</strong> ")
            .prose(&sentence(why))
            .raw("</p>");
        if let Some(deadline) = standing.deadline() {
            html.raw("<p>It should be done by ")
                .time(&deadline.to_string())
                .raw(".</p>");
        }
        html.raw("</div>\n");
    }
}

fn troubles(html: &mut Html, name: &Name, standing: &Standing, is_running: bool) {
    if let Some(paused) = &standing.paused {
        html.raw("<div class=\"waits\"><p><strong>Paused</strong> by <bdi>")
            .text(&paused.by)
            .raw("</bdi> since ")
            .since(&paused.at.to_string());
        if let Some(reason) = &paused.reason {
            html.raw(": ").text(reason);
        }
        html.raw("</p><p><code>segue backfill resume ")
            .text(name.as_str())
            .raw("</code> lets it go on.</p></div>\n");
    }
    if let Some(throttled) = standing.throttled.as_ref().filter(|_| is_running) {
        html.raw("<div class=\"waits\"><p><strong>Held back</strong>");
        if let Some(since) = throttled.since {
            html.raw(" since ").since(&since.to_string());
        }
        html.raw("</p>");
        for signal in &throttled.by {
            html.raw("<p>").prose(&sentence(signal)).raw("</p>");
        }
        html.raw("</div>\n");
    }
    if let Some(rate) = standing.rate {
        html.raw("<p>At most ")
            .text(&thousands(rate))
            .raw(" rows/s, as asked by <code>segue backfill rate</code>.</p>\n");
    }
    if standing.quarantined > 0 {
        html.raw("<div class=\"waits\"><p><strong>Set aside</strong> ")
            .text(&standing.aside())
            .raw(".</p><p><code>segue backfill status ")
            .text(name.as_str())
            .raw("</code> lists them.</p></div>\n");
    }
}
