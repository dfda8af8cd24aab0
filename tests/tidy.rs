//! Layering and wording: what `docs/ARCHITECTURE.md` promises of the sources,
//! checked by reading them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// The first module of the shell in `src/lib.rs`: what stands before it is pure.
const SHELL_BEGINS: &str = "files";

/// Top-level modules in the order of `src/lib.rs`; a module may use what stands
/// before it.
fn order() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    let declared = lib.lines().filter_map(|line| {
        let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        name.strip_suffix(';').map(str::to_owned)
    });
    declared.collect()
}

/// What only some places may name.
struct Reserved {
    /// Pattern of the name.
    name: &'static str,
    /// Modules or files that may, as paths below `src/` without `.rs`.
    places: &'static [&'static str],
}

const RESERVED: [Reserved; 10] = [
    Reserved {
        name: r"\bpg_query\b",
        places: &["statement", "procedure", "lint"],
    },
    Reserved {
        name: r"\btokio_postgres\b|\bpostgres_protocol\b|\brustls\b",
        places: &["postgres"],
    },
    Reserved {
        name: r"\bpg_catalog\b",
        // The batch asks a word or two of the server's functions in its own
        // transaction; in the parser's trees PostgreSQL's own types have it
        // before their names.
        places: &["postgres", "lint"],
    },
    Reserved {
        name: r"\b(axum|hyper|hyper_util)::",
        places: &["serve"],
    },
    Reserved {
        name: r"\bclap(_complete|_mangen)?::|\bindicatif\b",
        places: &["cli"],
    },
    Reserved {
        name: r"\benv::(var|vars|var_os|vars_os|args|args_os|home_dir|temp_dir)\b",
        places: &["cli", "main"],
    },
    Reserved {
        name: r"\b(println|eprintln|print|eprint)!|\bio::(stdout|stderr)\b",
        // The supervisor's standard output is the pipe of its reply.
        places: &["cli", "main", "postgres/throwaway/supervisor"],
    },
    Reserved {
        name: r"\bstd::fs\b|\btokio::fs\b",
        // A connection's certificates, password and service files are libpq's
        // to define, so they are read where libpq's rules are.
        places: &[
            "files",
            "cli",
            "postgres/throwaway",
            "postgres/target",
            "postgres/tls",
        ],
    },
    Reserved {
        name: r"\btokio::|\bSystemTime::now\b|\bInstant::now\b|\bTimestamp::now\b|\bstd::(process|net)\b|\.await\b",
        places: &[
            "files",
            "postgres",
            "apply",
            "deployment",
            "serve",
            "cli",
            "main",
        ],
    },
    Reserved {
        name: r"\bstd::thread\b",
        // The parser recurses, and needs a larger stack than others have.
        places: &[
            "statement/parse",
            "files",
            "postgres",
            "apply",
            "serve",
            "cli",
        ],
    },
];

/// Longest file; STYLE says to find the seam before.
const LINES_MAX: usize = 600;

struct File {
    /// Below the repository, for example `src/postgres/connect.rs`.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below these folders and files with this extension, in order.
fn files(places: &[&str], extension: &str) -> Vec<File> {
    fn collect(path: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            let hidden = ["target", "corpus", "artifacts"];
            if path
                .file_name()
                .is_some_and(|name| hidden.iter().any(|hidden| name == *hidden))
            {
                return;
            }
            for entry in fs::read_dir(path).expect("a folder") {
                collect(&entry.expect("an entry").path(), extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    for place in places {
        collect(&root().join(place), extension, &mut found);
    }
    found.sort();
    let read = |path: PathBuf| File {
        text: fs::read_to_string(&path).expect("UTF-8"),
        path: path
            .strip_prefix(root())
            .expect("below")
            .to_string_lossy()
            .into_owned(),
    };
    found.into_iter().map(read).collect()
}

fn sources() -> Vec<File> {
    files(&["src"], "rs")
}

impl File {
    /// Path below `src/` without `.rs`, for example `postgres/connect`.
    fn module(&self) -> &str {
        let path = self.path.strip_prefix("src/").expect("a source");
        path.strip_suffix(".rs").expect("a source")
    }

    fn top(&self) -> &str {
        self.module().split('/').next().expect("not empty")
    }

    /// The program's own lines with their numbers from 1, without comments and
    /// unit tests, which may read and know more.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.module().ends_with("/tests");
        self.text
            .lines()
            .enumerate()
            .take_while(move |(_, line)| !is_test && !line.starts_with("#[cfg(test)]"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line))
    }
}

/// Top-level modules that a line of `module` mentions.
fn mentioned(line: &str, module: &str) -> Vec<String> {
    static PATHS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bcrate::(\w+)|\b((?:super::)+)(\w+)").expect("a pattern"));
    // `super` as often as the module is deep is the crate.
    let depth = module.split('/').count();
    let tops = PATHS.captures_iter(line).filter_map(|path| {
        path.get(1).map(|top| top.as_str().to_owned()).or_else(|| {
            let supers = path.get(2)?.as_str().matches("super").count();
            (supers == depth).then(|| path[3].to_owned())
        })
    });
    tops.collect()
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn modules_use_only_what_stands_above_them() {
    let order = order();
    let rank = |module: &str| order.iter().position(|name| name == module);
    let mut problems = Vec::new();
    for file in sources() {
        if ["lib", "main"].contains(&file.top()) {
            continue;
        }
        let Some(own) = rank(file.top()) else {
            problems.push(format!(
                "{}: `{}` has no place in the order",
                file.path,
                file.top()
            ));
            continue;
        };
        for (number, line) in file.code() {
            // Grouped at the crate's root, `use crate::{…}`, could not be read
            // line by line.
            if line.contains("crate::{") {
                problems.push(format!("{}:{number}: one `use` for each module", file.path));
            }
            for used in mentioned(line, file.module()) {
                if rank(&used).is_some_and(|used| used > own) {
                    problems.push(format!(
                        "{}:{number}: `{}` stands above `{used}`",
                        file.path,
                        file.top()
                    ));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn names_stay_in_their_places() {
    let mut problems = Vec::new();
    for Reserved { name, places } in RESERVED {
        let name = Regex::new(name).expect("a pattern");
        for file in sources() {
            let module = file.module();
            let is_allowed = places.iter().any(|place| {
                module
                    .strip_prefix(place)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if is_allowed {
                continue;
            }
            for (number, line) in file.code() {
                if let Some(found) = name.find(line) {
                    let (path, found) = (&file.path, found.as_str());
                    problems.push(format!("{path}:{number}: `{found}` belongs in {places:?}"));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn files_are_named_for_what_is_in_them_and_are_short() {
    let mut problems = Vec::new();
    for file in files(&["src", "tests", "fuzz", "benches"].map(existing), "rs") {
        let name = file.path.rsplit('/').next().expect("a name");
        if [
            "mod.rs",
            "utils.rs",
            "util.rs",
            "common.rs",
            "types.rs",
            "helpers.rs",
        ]
        .contains(&name)
        {
            problems.push(format!(
                "{}: what is in it? (foo.rs + foo/child.rs)",
                file.path
            ));
        }
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!(
                "{}: {lines} lines, more than {LINES_MAX}",
                file.path
            ));
        }
        let is_headed = ["//!", "#![no_main]"]
            .iter()
            .any(|head| file.text.starts_with(head));
        if !is_headed && name != "tests.rs" {
            problems.push(format!("{}: starts without `//!`", file.path));
        }
    }
    assert_none(&problems);
}

/// A folder that may not be there yet reads as the tests' own.
fn existing(folder: &'static str) -> &'static str {
    if root().join(folder).exists() {
        folder
    } else {
        "tests"
    }
}

#[test]
fn nothing_is_left_for_later_and_nothing_waived_without_a_reason() {
    // Put together, or this file would find itself.
    let unfinished = Regex::new(&["TO", "DO|FIX", "ME|XX", "X"].concat()).expect("a pattern");
    let waiver = Regex::new(r"#!?\[(allow|expect)\(").expect("a pattern");
    let mut problems = Vec::new();
    for file in files(&["src", "tests"], "rs") {
        let lines: Vec<_> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            if let Some(found) = unfinished.find(line) {
                problems.push(format!("{place}: `{}`", found.as_str()));
            }
            if waiver.is_match(line) {
                // The attribute may take several lines.
                let rest = lines[index..].iter();
                let attribute = rest.scan(false, |ended, line| {
                    (!std::mem::replace(ended, line.contains(")]"))).then_some(*line)
                });
                let attribute: Vec<_> = attribute.collect();
                if !attribute.concat().contains("reason = ") {
                    problems.push(format!("{place}: a waiver without `reason = `"));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn code_fences_say_what_they_hold() {
    let mut problems = Vec::new();
    let mut pages = files(&["."], "md");
    pages.extend(files(&["src", "tests"], "rs"));
    for file in pages {
        let is_page = file.path.ends_with("md");
        let mut is_open = false;
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            let text = match (
                is_page,
                line.strip_prefix("///").or(line.strip_prefix("//!")),
            ) {
                (true, _) => line,
                (false, Some(comment)) => comment.trim_start(),
                (false, None) => continue,
            };
            let Some(language) = text.strip_prefix("```") else {
                continue;
            };
            // In a doc comment none means Rust, and it is run.
            if is_page && !is_open && language.trim_matches('`').is_empty() {
                problems.push(format!(
                    "{}:{}: a fence without a language",
                    file.path,
                    index + 1
                ));
            }
            is_open = !is_open;
        }
        if is_open {
            problems.push(format!("{}: a fence that is not closed", file.path));
        }
    }
    assert_none(&problems);
}

#[test]
fn the_shell_stands_after_what_is_pure() {
    let order = order();
    let begins = order.iter().position(|module| module == SHELL_BEGINS);
    let shell = &order[begins.expect("the shell")..];
    for module in shell {
        assert!(
            ["files", "postgres", "apply", "deployment", "serve", "cli"].contains(&&**module),
            "`{module}`"
        );
    }
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    let tops = |line, module| mentioned(line, module).join(" ");
    assert_eq!(tops("use crate::text::Span;", "plan"), "text");
    assert_eq!(tops("use super::text;", "plan"), "text");
    assert_eq!(tops("use super::super::cli::X;", "postgres/connect"), "cli");
    assert_eq!(tops("use super::find;", "postgres/throwaway"), "");
    assert_eq!(tops("(crate::a::b(), crate::c::d())", "plan"), "a c");
}
