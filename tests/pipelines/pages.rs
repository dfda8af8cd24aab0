//! The pages say what the files say, and leave nothing out.

use std::fs;
use std::path::Path;

use super::file;

/// Folders of the examples, in order.
fn folders() -> Vec<String> {
    let entries = fs::read_dir(file::path("")).expect("the examples");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let mut folders: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    folders.sort();
    folders
}

/// Without what all lines are indented by.
fn flush(lines: &[&str]) -> String {
    let indent = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(indent..).unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the parts of a quotation, between lines that are `# …`, stand in the
/// text in this order, however far indented.
fn quotes(text: &str, quotation: &str) -> bool {
    let text: Vec<&str> = text.lines().collect();
    let quoted: Vec<&str> = quotation.lines().collect();
    let mut from = 0;
    quoted
        .split(|line| line.trim() == "# …")
        .filter(|part| !part.is_empty())
        .all(|part| {
            let found = text[from..]
                .windows(part.len())
                .position(|lines| flush(lines) == flush(part));
            found.is_some_and(|at| {
                from += at + part.len();
                true
            })
        })
}

/// Files that a page links to right before a block, with the block.
fn quotations(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in page.split("](examples/pipelines/").skip(1) {
        let Some((name, rest)) = part.split_once("):\n\n```") else {
            continue;
        };
        // With what ends the sentence.
        let name = name.trim_end_matches(')');
        let block = rest.split_once('\n').expect("a language").1;
        let block = block.split("\n```").next().expect("its end");
        found.push((name.to_owned(), block.to_owned()));
    }
    found
}

#[test]
fn the_readme_quotes_the_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    let quotations = quotations(&readme);
    let names: Vec<&str> = quotations.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "github-actions/deploy.yml",
            "kubernetes/app.yaml",
            "haproxy/httpchk.cfg"
        ]
    );
    for (name, block) in &quotations {
        assert!(block.lines().count() <= 10, "{name}");
        assert!(quotes(&file::text(name), block), "{name} has no\n{block}");
    }
}

#[test]
fn a_quotation_is_whole_lines_in_order() {
    let text = "  a\n  b\n    c\n  d\n";
    assert!(quotes(text, "a\nb\n  c"));
    assert!(quotes(text, "a\n# …\nd"));
    assert!(!quotes(text, "a\nc"));
    assert!(!quotes(text, "d\n# …\na"));
    assert!(!quotes(text, "b\nc"));
}

/// The index has each folder, and each folder says what happens when something
/// goes wrong, on one screen.
#[test]
fn each_folder_has_its_page() {
    let index = file::text("README.md");
    for folder in folders() {
        let link = format!("| [{folder}]({folder}/) |");
        assert!(index.contains(&link), "README.md: {folder}");
        let page = file::text(&format!("{folder}/README.md"));
        assert!(page.lines().count() <= 40, "{folder}");
        assert!(page.contains("| the batch fails |"), "{folder}");
        let wrong = page.lines().filter(|line| line.starts_with("| ")).count();
        assert!(wrong >= 5, "{folder}");
    }
}

/// Nothing lies there that no page names.
#[test]
fn each_file_is_named_on_its_page() {
    fn files(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                let name = path.file_name().expect("a name").to_str();
                found.push(name.expect("UTF-8").to_owned());
            }
        }
    }
    for folder in folders() {
        let page = file::text(&format!("{folder}/README.md"));
        let mut found = Vec::new();
        files(&file::path(&folder), &mut found);
        for name in found {
            // A chart is named as a whole.
            let is_known = ["README.md", "Chart.yaml", "compose.yaml"].contains(&name.as_str());
            assert!(is_known || page.contains(&name), "{folder}: {name}");
        }
    }
}
