//! What the page says of each state, without a browser.

use regex::Regex;
use segue::page;

use super::support::assert_file;
use super::views;

/// Tone, title and the first sentence of each.
#[test]
fn each_state_has_its_word_and_its_reason() {
    let lines: Vec<String> = views::all()
        .iter()
        .map(|(name, view)| {
            let html = page::html(view);
            let tone = between(&html, "data-tone=\"", "\"");
            let title = between(&html, "<title>", "</title>");
            let reason = between(&html, "<p class=\"reason\">", "</p>");
            format!("{name}: {tone}\n  {title}\n  {reason}\n")
        })
        .collect();
    assert_file("tests/page/states.txt", &lines.concat());
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let html = page::html(&views::hostile());
    let tags = Regex::new("<(/?)([a-zA-Z!][a-zA-Z0-9]*)").expect("a pattern");
    let known = [
        "a", "bdi", "body", "circle", "code", "dd", "details", "div", "dl", "doctype", "dt",
        "footer", "h1", "h2", "h3", "h4", "head", "header", "html", "li", "link", "main", "meta",
        "nav", "noscript", "ol", "p", "path", "progress", "section", "span", "strong", "summary",
        "svg", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul",
    ];
    let strange: Vec<&str> = tags
        .captures_iter(&html)
        .filter_map(|tag| Some(tag.get(2)?.as_str().trim_start_matches('!')))
        .filter(|tag| *tag != "script" && !known.contains(tag))
        .collect();
    assert_eq!(strange, [""; 0]);
    assert_eq!(html.matches("<script").count(), 1, "its own");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;.sql"));
    assert!(html.contains("<span class=\"code-point\">U+202E</span>lqs.exe.sql"));
    assert!(!html.contains('\u{202e}'));
}

#[test]
fn every_element_is_closed_and_every_id_is_its_own() {
    let tags = Regex::new("<(/?)([a-z][a-z0-9]*)([^>]*)>").expect("a pattern");
    let ids = Regex::new(" id=\"([^\"]*)\"").expect("a pattern");
    for (name, view) in views::all() {
        let html = page::html(&view);
        let mut open = Vec::new();
        for tag in tags.captures_iter(&html) {
            let element = &tag[2];
            if ["meta", "link"].contains(&element) || tag[3].ends_with('/') {
                continue;
            }
            if &tag[1] == "/" {
                assert_eq!(open.pop(), Some(element.to_owned()), "{name}");
            } else {
                open.push(element.to_owned());
            }
        }
        assert_eq!(open, [""; 0], "{name}");
        let mut all: Vec<&str> = ids
            .captures_iter(&html)
            .map(|id| id.get(1).expect("a group").as_str())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{name}");
    }
}

#[test]
fn nothing_stands_inline_that_the_policy_refuses() {
    let refused = Regex::new(r"<[^>]*(\sstyle=|\son[a-z]+=)|<style").expect("a pattern");
    let links = Regex::new("(?:href|src)=\"([^\"]*)\"").expect("a pattern");
    let values = Regex::new("\"[^\"]*\"").expect("a pattern");
    for (name, view) in views::all() {
        let html = page::html(&view);
        let links = links.captures_iter(&html).map(|link| link[1].to_owned());
        for link in links.filter(|link| !link.starts_with("#m-")) {
            let known = ["", "ready", "status", "metrics", "page.css", "page.js"];
            let is_icon = link.starts_with("data:image/svg+xml,");
            assert!(is_icon || known.contains(&&*link), "{name}: {link}");
        }
        // What stands in an attribute is escaped and no markup.
        let html = values.replace_all(&html, "\"\"");
        let found = refused.find(&html).map(|found| found.as_str());
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn ten_thousand_files_stay_a_page() {
    let html = page::html(&views::many());
    assert!(html.len() < 150_000, "{} bytes", html.len());
    // What is not as usual is there, among the newest.
    assert!(html.contains("07777-step.sql"));
    assert!(html.contains("09999-step.sql"));
    assert!(html.contains("and 5,800 older ones"));
}

fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = html.split_once(from).unwrap_or_else(|| panic!("{from}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to}")).0
}
