//! A [`Matrix`] as a page of one file: code across, schema down, without a
//! script and without anything from elsewhere.

use std::fmt::Write as _;

use super::markup::{Html, Mark, sentence};
use crate::compatibility::Verdict;
use crate::matrix::{App, Cell, Failure, Matrix, Origin, Placed, Ran, Sessions, Sight};
use crate::text::count;

/// It stands in the page itself.
const STYLE: &str = include_str!("matrix.css");

/// The page, a whole document.
#[must_use]
pub fn html(matrix: &Matrix) -> String {
    let is_well = matrix.is_well();
    let tone = if is_well { "good" } else { "failed" };
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\" data-tone=\"")
        .raw(tone)
        .raw("\">\n<head>\n<meta charset=\"utf-8\">\n<title>")
        .attribute(&headline(matrix))
        .raw(" · ")
        // Elements would not be ones here.
        .attribute(&matrix.project)
        .raw(" · segue compat</title>\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<header class=\"banner\">\n<p class=\"brand\"><span class=\"wordmark\">segue</span> <span class=\"project\"><span class=\"unseen\">project </span><bdi>")
        .text(&matrix.project)
        .raw("</bdi></span></p>\n<p>PostgreSQL ")
        .text(&matrix.major.to_string())
        .raw("</p>\n</header>\n<main>\n<h1>")
        .mark(if is_well { Mark::Done } else { Mark::Failed })
        .raw("<span>")
        .text(&headline(matrix))
        .raw("</span></h1>\n");
    legend(&mut html, matrix);
    table(&mut html, matrix);
    failures(&mut html, matrix);
    not_run(&mut html, matrix);
    html.raw("</main>\n<footer><p>Each state is one that production passes through; look at one yourself: <code>segue at STATE -- COMMAND</code>.</p>\n<p>segue ")
        .text(env!("CARGO_PKG_VERSION"))
        .raw("</p></footer>\n</body>\n</html>\n");
    html.into_string()
}

/// The first thing that is read.
fn headline(matrix: &Matrix) -> String {
    let fails = matrix.count(Sight::Fails);
    let broken = matrix.placed().filter(|one| !one.cell.is_well()).count();
    match (fails, broken) {
        (0, 0) if !matrix.is_well() => "No cell must work".to_owned(),
        (0, 0) => "What must work together works".to_owned(),
        (0, 1) => "1 cell that must work was not run".to_owned(),
        (0, several) => format!("{several} cells that must work were not run"),
        (1, _) => "1 cell that must work does not".to_owned(),
        (several, _) => format!("{several} cells that must work do not"),
    }
}

/// The shape of a cell.
fn mark(sight: Sight, promise: Verdict) -> Mark {
    match (sight, promise) {
        (Sight::MustWork, _) => Mark::Done,
        (Sight::Works, _) => Mark::Besides,
        (Sight::NeedNot, _) => Mark::GivenUp,
        (Sight::Fails, _) => Mark::Failed,
        (Sight::NotRun, Verdict::Must) => Mark::Attention,
        (Sight::NotRun, Verdict::NeedNot) => Mark::Open,
    }
}

fn legend(html: &mut Html, matrix: &Matrix) {
    html.raw("<ul class=\"legend\" aria-label=\"What the cells say\">\n");
    for sight in Sight::ALL {
        let number = matrix.count(sight);
        if number == 0 {
            continue;
        }
        let promise = match sight {
            Sight::NotRun if !matrix.is_well() => Verdict::Must,
            _ => Verdict::NeedNot,
        };
        html.raw("<li>")
            .mark(mark(sight, promise))
            .raw("<span><strong>")
            .text(&number.to_string())
            .raw("</strong> ")
            .raw(sight.meaning())
            .raw("</span></li>\n");
    }
    html.raw("</ul>\n");
}

fn table(html: &mut Html, matrix: &Matrix) {
    // Who has no pointer scrolls a region that can have the focus.
    html.raw("<div class=\"scroll\" role=\"region\" aria-label=\"Matrix\" tabindex=\"0\">\n<table>\n<thead>\n<tr><td colspan=\"2\"></td><th class=\"axis\" scope=\"colgroup\" colspan=\"")
        .text(&matrix.apps.len().max(1).to_string())
        .raw("\">Code</th></tr>\n<tr><th scope=\"col\">Schema</th><th class=\"state\" scope=\"col\">State</th>");
    for app in &matrix.apps {
        head(html, app);
    }
    html.raw("</tr>\n</thead>\n");
    let mut failures = 0;
    for group in matrix.groups() {
        html.raw("<tbody>\n");
        for index in group.first..group.first + group.rows {
            html.raw("<tr>");
            if index == group.first {
                html.raw("<th class=\"version\" scope=\"rowgroup\" rowspan=\"")
                    .text(&group.rows.to_string())
                    .raw("\"><span>");
                match group.version {
                    Some(version) => html.text(&version.to_string()),
                    None => html.raw("none"),
                };
                html.raw("</span></th>");
            }
            html.raw("<th class=\"state\" scope=\"row\"><bdi class=\"name\">")
                .text(&matrix.states[index].name)
                .raw("</bdi></th>");
            for cell in &matrix.cells[index] {
                if cell.sight() == Sight::Fails {
                    failures += 1;
                }
                self::cell(html, cell, failures);
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n");
    }
    html.raw("</table>\n</div>\n");
}

fn head(html: &mut Html, app: &App) {
    html.raw("<th class=\"app\" scope=\"col\"><span class=\"of\">")
        .text(&app.version.to_string())
        .raw("</span><span class=\"from\">");
    match &app.origin {
        Origin::Ref(name) => html.raw("ref ").text(name),
        Origin::Folder(path) => html.raw("folder ").text(path),
    };
    html.raw("</span><span class=\"from\">schema ")
        .text(&app.needs)
        .raw("</span>");
    if app.sessions == Sessions::Kept {
        html.raw("<span class=\"from\">sessions kept</span>");
    }
    html.raw("</th>");
}

/// A cell; one that fails leads to what is said of it, number `failure`.
fn cell(html: &mut Html, cell: &Cell, failure: usize) {
    let sight = cell.sight();
    let mark = mark(sight, cell.promise);
    html.raw("<td data-mark=\"").raw(mark.id());
    let reason = match &cell.ran {
        Ran::Passed => None,
        Ran::Failed(failure) => Some(&failure.reason),
        Ran::NotRun(why) => Some(why),
    };
    if let Some(reason) = reason {
        html.raw("\" title=\"").attribute(reason);
    }
    html.raw("\">");
    if sight == Sight::Fails {
        html.raw("<a href=\"#failure-")
            .attribute(&failure.to_string())
            .raw("\">");
    }
    html.mark(mark)
        .raw("<span class=\"word\">")
        .raw(sight.word())
        .raw("</span>");
    if sight == Sight::Fails {
        html.raw("</a>");
    }
    html.raw("</td>");
}

fn failures(html: &mut Html, matrix: &Matrix) {
    for (index, (placed, failure)) in matrix.failed().enumerate() {
        if index == 0 {
            html.raw("<section aria-labelledby=\"failures\">\n<h2 id=\"failures\">What must work and does not</h2>\n");
        }
        self::failure(html, placed, failure, index + 1);
    }
    if matrix.count(Sight::Fails) > 0 {
        html.raw("</section>\n");
    }
}

fn failure(html: &mut Html, Placed { state, app, .. }: Placed<'_>, failure: &Failure, id: usize) {
    html.raw("<article class=\"box\" id=\"failure-")
        .attribute(&id.to_string())
        .raw("\" data-mark=\"failed\">\n<h3>")
        .mark(Mark::Failed)
        .raw("<span>Code ")
        .text(&app.version.to_string())
        .raw(" in <bdi class=\"name\">")
        .text(&state.name)
        .raw("</bdi></span></h3>\n<p>")
        .prose(&sentence(&failure.reason))
        .raw("</p>\n");
    if !failure.tail.is_empty() {
        html.raw("<pre tabindex=\"0\" aria-label=\"What it printed last\">")
            .text(&failure.tail.join("\n"))
            .raw("</pre>\n");
    }
    html.raw("<p class=\"soft\">Its test: <code>")
        .text(&app.test)
        .raw("</code></p>\n</article>\n");
}

fn not_run(html: &mut Html, matrix: &Matrix) {
    let reasons = matrix.not_run();
    if reasons.is_empty() {
        return;
    }
    html.raw("<section aria-labelledby=\"not-run\">\n<h2 id=\"not-run\">Not run</h2>\n<ul class=\"reasons\">\n");
    for (why, about) in reasons {
        let mut said = count(about.len(), "cell");
        let promised = about.iter();
        let promised = promised.filter(|one| one.cell.promise == Verdict::Must);
        let promised = promised.count();
        if promised > 0 {
            // Writing into a string cannot fail.
            let _ = write!(said, ", {promised} of them must work");
        }
        html.raw("<li>")
            .prose(&sentence(why))
            .raw(" <span class=\"soft\">")
            .text(&said)
            .raw("</span></li>\n");
    }
    html.raw("</ul>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::example;

    #[test]
    fn everything_is_said_and_nothing_comes_from_elsewhere() {
        let page = html(&example::matrix());
        for said in [
            "<title>1 cell that must work does not · queue · segue compat</title>",
            "<bdi class=\"name\">03-index.sql@building</bdi>",
            "<a href=\"#failure-1\">",
            "<article class=\"box\" id=\"failure-1\"",
            "relation &quot;jobs&quot; does not exist",
            "Ended by SIGINT.",
            "1 cell, 1 of them must work",
            "<th class=\"version\" scope=\"rowgroup\" rowspan=\"2\"><span>1.1.0</span></th>",
        ] {
            assert!(page.contains(said), "`{said}` in\n{page}");
        }
        for strange in ["<script", "http:", "https:", "@import", "url("] {
            assert!(!page.contains(strange), "`{strange}`");
        }
    }

    #[test]
    fn text_from_outside_stays_text() {
        let mut matrix = example::matrix();
        matrix.project = "<b>".to_owned();
        matrix.states[0].name = "\"><script>x</script>".to_owned();
        matrix.apps[0].test = "</code><script>".to_owned();
        let page = html(&matrix);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("<bdi>&lt;b&gt;</bdi>"));
    }
}
