//! The page while a real database changes: `segue serve`, `segue up`, a build.

use serde_json::json;

use super::support::{Browser, Project, Scheme, TestDatabase, wait_for, wait_until};

const BASE: &str = "2026-01-01-00-00-00-base.sql";
const NOTE: &str = "2026-01-02-00-00-00-note.sql";
const INDEX: &str = "2026-01-02-00-05-00-index.sql";

/// A row fills a block, and takes the index a hundredth of a second.
const TABLE: &str = "
CREATE TABLE item (id int, filler text);
ALTER TABLE item ALTER filler SET STORAGE PLAIN;
INSERT INTO item SELECT id, repeat('x', 6000) FROM generate_series(1, 500) AS id;
CREATE FUNCTION slow(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.01); RETURN id; END $$;
";

/// Where `segue serve` listens, as it tells.
fn address(stderr: &str) -> Option<String> {
    let (_, rest) = stderr.split_once("http://")?;
    let end =
        rest.find(|character: char| !(character.is_ascii_digit() || ".:".contains(character)));
    Some(format!("http://{}/", &rest[..end?]))
}

#[test]
fn a_build_goes_on_while_the_page_is_open() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    project.file(BASE, TABLE);
    project.segue(&["up"]).expect_success();
    project.file(NOTE, "CREATE TABLE note (item int);\n").file(
        INDEX,
        &format!(
            "-- segue: begin-concurrent-migration-with: {NOTE}\n\
                 CREATE INDEX CONCURRENTLY item_slow ON item (slow(id));\n"
        ),
    );
    let serve = project.spawn(&["serve", "--listen", "127.0.0.1:0"]);
    let url = wait_for("the address", || address(&serve.stderr()));
    let browser = Browser::start();
    browser.look(1280, 900, Scheme::Light).open(&url);
    browser.wait_for("h1", "Not ready");
    browser.wait_for("#link", "live");
    browser.run("window.here = 'not loaded anew'");
    assert_eq!(browser.text("#past + table tbody th"), "1");

    // Its snapshot is older than the index.
    let reader = database.session();
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    reader.query("SELECT count(*) FROM pg_class");
    let up = project.spawn(&["up"]);
    browser.wait_for("h1", "Ready");
    browser.wait_for(".member", "running");

    // How far it is changes under the reader's eyes, and so does the time left.
    let percent = || {
        let text = browser.text(".member .percent");
        text.trim_end_matches('%').parse::<u32>().ok()
    };
    let first = wait_for("a percentage", || percent().filter(|percent| *percent < 80));
    let second = wait_for("another one", || {
        percent().filter(|percent| *percent > first)
    });
    assert!(second <= 100);
    wait_until("time left", || {
        browser.text(".member .left").ends_with(" left")
    });

    browser.wait_for(".member .waits", &format!("pid {}", reader.pid()));
    assert_eq!(browser.text(".member .chip"), "waiting");
    let ended = format!("SELECT pg_terminate_backend({})", reader.pid());
    browser.wait_for(".member .waits", &ended);
    reader.run("COMMIT");

    browser.wait_for("h1", "Ready, and settled");
    assert_eq!(browser.text(".member .chip"), "done");
    let kept = browser.run(
        "return [window.here, document.querySelector('#settled').dataset.passed, document.title]",
    );
    let title = "Ready, and settled · main · segue";
    assert_eq!(kept, json!(["not loaded anew", "yes", title]));
    assert_eq!(
        browser.text("#past + table tbody tr:first-child .chip"),
        "settled"
    );
    up.wait().expect_success();
    let log = browser.log();
    assert_eq!(log.problems, [""; 0]);
    let strange = |asked: &&String| !asked.starts_with(&url) && !asked.starts_with("data:");
    assert_eq!(log.requests.iter().find(strange), None);
}
