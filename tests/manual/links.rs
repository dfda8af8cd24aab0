//! Links in the documents lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents of the repository, in order.
fn documents() -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_built = name.is_some_and(|name| name.starts_with('.') || name == "target");
            if path.is_dir() && !is_built {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort();
    found
}

/// The text without its blocks of code, in which nothing is a link.
fn prose(document: &str) -> String {
    let mut is_code = false;
    let lines = document.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors that GitHub gives to headings.
fn anchors(document: &str) -> Vec<String> {
    let prose = prose(document);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// Links of one document that lead nowhere. Those to other sites are not asked
/// for: a test needs no network.
fn broken(path: &Path, document: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a regular expression");
    let prose = prose(document);
    let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
    targets
        .filter(|target| !target.contains("://"))
        .filter(|target| {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = path.parent().expect("a file is in a folder");
            let other = if file.is_empty() {
                path.to_owned()
            } else {
                folder.join(file)
            };
            if anchor.is_empty() {
                return !other.exists();
            }
            let text = fs::read_to_string(&other).unwrap_or_default();
            !anchors(&text).iter().any(|known| known == anchor)
        })
        .collect()
}

#[test]
fn links_in_documents_resolve() {
    let documents = documents();
    assert!(documents.contains(&root().join("README.md")));
    let broken: Vec<String> = documents
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("UTF-8");
            let shown = path.strip_prefix(root()).expect("below").display();
            broken(path, &text)
                .into_iter()
                .map(move |link| format!("{shown}: {link}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn a_broken_link_is_found() {
    let path = root().join("docs/example.md");
    let text = "\
# A title, `quoted`
[good](../README.md) [gone](gone.md) [here](#a-title-quoted) [nowhere](#b)
```text
[code](not-a-link)
```
[site](https://example.org/gone)";
    // An anchor of its own page is looked for in the file, which is not there.
    assert_eq!(broken(&path, text), ["gone.md", "#a-title-quoted", "#b"]);
    assert_eq!(anchors(text), ["a-title-quoted"]);
}
