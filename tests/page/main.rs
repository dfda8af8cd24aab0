//! The page of `segue serve` in a real browser.

mod views;

#[path = "../support/support.rs"]
mod support;

#[test]
fn dump() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, view) in views::all() {
        std::fs::write(
            folder.join(format!("{name}.html")),
            segue::page::html(&view),
        )
        .unwrap();
    }
}
