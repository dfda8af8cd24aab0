//! The page in a browser, state by state: fits, is legible, takes nothing from
//! elsewhere, can be used by keyboard and heard.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::gallery::Gallery;
use super::support::{Browser, Scheme, assert_file};
use super::views;

/// From a small phone to a large screen.
pub const WIDTHS: [u32; 3] = [320, 800, 1440];

/// Where pictures of all states go, for people, with `SEGUE_TEST_PICTURES=1`:
/// `target/tmp/page/`.
fn folder() -> Option<PathBuf> {
    std::env::var_os("SEGUE_TEST_PICTURES").filter(|value| value == "1")?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).expect("a folder");
    Some(folder)
}

/// What axe-core finds, if `SEGUE_TEST_AXE` names its `axe.min.js`: `npm install
/// axe-core` has it. It is large, and not needed to run the tests.
fn axe(browser: &Browser) -> Vec<String> {
    let Some(path) = std::env::var_os("SEGUE_TEST_AXE") else {
        return Vec::new();
    };
    browser.run(&std::fs::read_to_string(path).expect("axe.min.js"));
    let found = browser.run(
        "return axe.run().then((found) => found.violations.map((one) =>\
           `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`));",
    );
    let found = found.as_array().expect("a list").iter();
    found
        .map(|line| line.as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn each_state_fits_and_is_legible_in_both_schemes() {
    let browser = Browser::start();
    let mut problems = Vec::new();
    for (name, view) in views::all() {
        let gallery = Gallery::open(view);
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.look(WIDTHS[0], 900, scheme).open(&gallery.url());
            for width in WIDTHS {
                browser.look(width, 900, scheme);
                let place = format!("{name} {scheme:?} {width}");
                let found = browser.run(include_str!("legible.js"));
                for problem in found.as_array().expect("a list") {
                    problems.push(format!("{place}: {problem}"));
                }
                problems.extend(axe(&browser).iter().map(|line| format!("{place}: {line}")));
                let file = format!("{name}-{scheme:?}-{width}.png").to_lowercase();
                if let Some(folder) = folder() {
                    browser.screenshot(&folder.join(file));
                }
            }
        }
        // A page that is left asks for nothing more.
        browser.open("about:blank");
        let log = browser.log();
        problems.extend(log.problems.iter().map(|line| format!("{name}: {line}")));
        let strange = log.requests.iter().filter(|url| {
            !url.starts_with(&gallery.url())
                && *url != "about:blank"
                && !url.starts_with("data:image/svg+xml,")
        });
        problems.extend(strange.map(|url| format!("{name}: asks for {url}")));
        assert!(
            log.requests.iter().any(|url| url.ends_with("/events")),
            "requests are seen: {:?}",
            log.requests
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_wrong_would_be_found() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser.look(320, 900, Scheme::Light).open(&gallery.url());
    browser.run(
        "document.querySelector('.reason').setAttribute('hidden', '');\
         const wide = document.createElement('pre');\
         wide.textContent = 'x'.repeat(200);\
         document.querySelector('main').append(wide);\
         document.styleSheets[0].insertRule('dt { color: #bbb !important }');",
    );
    let found = browser.run(include_str!("legible.js")).to_string();
    assert!(found.contains("wider than the window"), "{found}");
    assert!(found.contains("contrast"), "{found}");
    // The policy refuses what is not the page's own.
    browser.run("const image = new Image(); image.src = 'http://127.0.0.2:9/x.png';");
    super::support::wait_until("the refusal", || {
        let problems = browser.log().problems;
        problems
            .iter()
            .any(|line| line.contains("Content Security Policy"))
    });
}

#[test]
fn everything_is_reached_by_keyboard_and_shows_it() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser.look(1280, 900, Scheme::Light).open(&gallery.url());
    let mut reached = Vec::new();
    for _ in 0..20 {
        browser.press("Tab", 9);
        let at = browser.run(
            "const at = document.activeElement;\
             if (at === document.body) return null;\
             const style = getComputedStyle(at);\
             const outline = style.outlineStyle === 'none' ? 'no outline' : style.outlineWidth;\
             return `${at.nodeName.toLowerCase()} ${at.innerText.trim()}, ${outline}`;",
        );
        let Some(at) = at.as_str() else {
            break;
        };
        reached.push(at.to_owned());
    }
    assert_eq!(
        reached,
        [
            "a index-orders.sql, 3px",
            "a index-events-by-customer-and-day.sql, 3px",
            "a validate-orders-customer.sql, 3px",
            "summary 4 migrations from before, 3px",
            "a ready, 3px",
            "a status, JSON, 3px",
            "a metrics, Prometheus, 3px",
        ]
    );
}

/// What is told by roles and names, without pieces of text.
fn told(browser: &Browser) -> Vec<(String, String)> {
    let silent = [
        "RootWebArea",
        "StaticText",
        "InlineTextBox",
        "generic",
        "none",
        "paragraph",
        "ListMarker",
    ];
    let tree = browser.accessibility().into_iter();
    tree.filter(|(role, _)| !silent.contains(&&**role))
        .collect()
}

#[test]
fn who_listens_hears_all_of_it() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser.look(1280, 900, Scheme::Light).open(&gallery.url());
    browser.wait_for("#link", "live");
    let wide = told(&browser);
    let lines = wide.iter().map(|(role, name)| {
        let line = format!("{role} {name}");
        format!("{}\n", line.trim_end())
    });
    assert_file("tests/page/heard.txt", &lines.collect::<String>());
    // A narrow screen takes nothing of the table's meaning; its cells say their
    // column's name too.
    browser.look(320, 900, Scheme::Light);
    let narrow = told(&browser);
    let roles = |told: &[(String, String)]| -> Vec<String> {
        told.iter().map(|(role, _)| role.clone()).collect()
    };
    assert_eq!(roles(&narrow), roles(&wide));
    for ((_, narrow), (_, wide)) in narrow.iter().zip(&wide) {
        assert!(narrow.ends_with(wide), "{narrow} of {wide}");
    }
}

#[test]
fn without_a_script_the_state_is_there() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser
        .look(1280, 900, Scheme::Light)
        .without_script()
        .open(&gallery.url());
    let said = browser.accessibility();
    let says = |wanted: &str| said.iter().any(|(_, name)| name == wanted);
    for wanted in [
        "Ready",
        "Deployment 42 is ready.",
        "look again",
        "44%",
        "about 1m 39s left",
        "building index: scanning table",
    ] {
        assert!(says(wanted), "`{wanted}` in {said:?}");
    }
    assert!(!says("live"), "{said:?}");
    let requests = browser.log().requests;
    assert!(
        !requests.iter().any(|url| url.ends_with("/events")),
        "{requests:?}"
    );
}

#[test]
fn what_the_reader_does_stays_while_the_page_changes() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser.look(1280, 900, Scheme::Light).open(&gallery.url());
    browser.wait_for("#link", "live");
    browser.run(
        "window.here = 'not loaded anew';\
         window.card = document.querySelectorAll('.member')[1];\
         window.heard = 0;\
         new MutationObserver((changes) => { window.heard += changes.length; })\
           .observe(document.querySelector('[aria-live]'),\
             { subtree: true, childList: true, characterData: true, attributes: true });\
         document.querySelector('#before').open = true;\
         document.querySelector('#before summary').focus();",
    );
    gallery.show(views::further());
    browser.wait_for(".member:nth-child(1)", "61%");
    let kept = browser.run(
        "return [window.here, document.querySelectorAll('.member')[1] === window.card,\
           document.querySelector('#before').open, document.activeElement.nodeName, window.heard];",
    );
    // Percents are not read out.
    assert_eq!(kept, json!(["not loaded anew", true, true, "SUMMARY", 0]));

    // Another part comes before the one with the focus, and one goes.
    gallery.show(views::tail_failed());
    browser.wait_for(".notes", "Tail failed");
    let kept = browser.run(
        "return [window.here, document.querySelector('#before').open, document.activeElement.nodeName];",
    );
    assert_eq!(kept, json!(["not loaded anew", true, "SUMMARY"]));
    assert_eq!(browser.run("return document.title"), "Ready · shop · segue");

    gallery.show(views::failed());
    browser.wait_for("h1", "Not ready");
    let said = browser.run("return [document.title, document.documentElement.dataset.tone]");
    assert_eq!(said, json!(["Not ready · shop · segue", "failed"]));

    // What it is in the end is what it would be if it were opened now.
    let grown = browser.run(include_str!("shape.js"));
    browser.open(&gallery.url());
    browser.wait_for("#link", "live");
    assert_eq!(browser.run(include_str!("shape.js")), grown);
    assert_eq!(browser.log().problems, [""; 0]);
}

#[test]
fn a_lost_connection_is_told_and_found_again() {
    let browser = Browser::start();
    let gallery = Gallery::open(views::building());
    browser.look(1280, 900, Scheme::Light).open(&gallery.url());
    browser.wait_for("#link", "live");
    gallery.close();
    browser.wait_for("#link", "connection lost");
    // What was seen stays.
    assert_eq!(browser.text("h1"), "Ready");
    gallery.show(views::settled());
    gallery.reopen();
    browser.wait_for("h1", "Ready, and settled");
    browser.wait_for("#link", "live");
}
