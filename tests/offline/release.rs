//! What a release is made by: `scripts/package`, the metadata of the crate, the
//! workflows and the Dockerfile. What cannot run here is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use toml::Table;

use crate::support::{SEGUE, assert_text};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the release workflow makes.
const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-unknown-linux-musl",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn script(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(root().join("scripts").join(name));
    command
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1772460300");
    command.output().expect("a script")
}

#[track_caller]
fn stdout(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// A package for `target` in `folder`, of the program under test behind a
/// script: a tenth of a second in place of ten for what a debugger needs.
#[track_caller]
fn package(folder: &Path, target: &str) -> Output {
    let thin = folder.join("thin-segue");
    fs::write(&thin, format!("#!/bin/sh\nexec '{SEGUE}' \"$@\"\n")).expect("written");
    let chmod = Command::new("chmod").arg("755").arg(&thin).status();
    assert!(chmod.expect("chmod").success());
    let out = folder.join("out").display().to_string();
    script(
        "package",
        &[
            "--binary",
            &thin.display().to_string(),
            "--out",
            &out,
            target,
        ],
    )
}

/// This machine's, with the system's C library.
fn host() -> String {
    let told = Command::new("rustc").arg("-vV").output().expect("rustc");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_owned()
}

#[test]
fn a_package_has_all_that_belongs_to_it_and_is_always_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host();
    stdout(&package(folder.path(), &host));
    let name = format!("segue-v{VERSION}-{host}");
    let archive = folder.path().join(format!("out/{name}.tar.gz"));
    let bytes = fs::read(&archive).expect("an archive");

    let listed = Command::new("tar").arg("-tzf").arg(&archive).output();
    let listed = stdout(&listed.expect("tar"));
    let pages = listed.lines().filter(|path| path.contains("/man/segue"));
    assert!(pages.count() > 15, "{listed}");
    let others = listed.lines().filter(|path| !path.contains("/man/segue-"));
    let others: Vec<_> = others.map(|path| path.replace(&name, "NAME")).collect();
    assert_text(
        "the archive",
        &others.join("\n"),
        "
        NAME/
        NAME/CHANGELOG.md
        NAME/LICENSE-APACHE
        NAME/LICENSE-MIT
        NAME/README.md
        NAME/THIRD-PARTY.md
        NAME/completions/
        NAME/completions/_segue
        NAME/completions/_segue.ps1
        NAME/completions/segue.bash
        NAME/completions/segue.elv
        NAME/completions/segue.fish
        NAME/man/
        NAME/man/segue.1
        NAME/segue
        NAME/segue.cdx.json
        ",
    );

    let checksum = format!(
        "{:x}  {name}.tar.gz\n",
        Hex(Sha256::digest(&bytes).as_slice())
    );
    let told = fs::read_to_string(folder.path().join(format!("out/{name}.tar.gz.sha256")));
    assert_eq!(told.expect("a checksum"), checksum);

    let unpacked = Command::new("tar")
        .args(["-xzf", &archive.display().to_string(), "-C"])
        .arg(folder.path())
        .output();
    stdout(&unpacked.expect("tar"));
    let unpacked = folder.path().join(&name);
    let runs = Command::new(unpacked.join("segue"))
        .arg("--version")
        .output();
    assert_eq!(stdout(&runs.expect("segue")), format!("segue {VERSION}\n"));

    let bill = fs::read_to_string(unpacked.join("segue.cdx.json")).expect("an SBOM");
    assert_eq!(
        fs::read_to_string(folder.path().join(format!("out/{name}.cdx.json"))).expect("an SBOM"),
        bill
    );
    check_bill(&serde_json::from_str(&bill).expect("JSON"));
    let licences = fs::read_to_string(unpacked.join("THIRD-PARTY.md")).expect("licences");
    for line in [
        "| PostgreSQL, in pg_query | | PostgreSQL |\n",
        "\nCopyright (c) 1996-2026 The PostgreSQL Global Development Group\n",
        "| ring | ",
        "| Rust standard library | ",
    ] {
        assert!(licences.contains(line), "no {line:?} in\n{licences}");
    }

    fs::remove_file(&archive).expect("removed");
    stdout(&package(folder.path(), &host));
    assert!(
        fs::read(&archive).expect("an archive") == bytes,
        "another archive"
    );
}

/// Bytes, to be written in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl std::fmt::LowerHex for Hex<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What is linked is in it with a licence, and what is said to be needed is there.
fn check_bill(bill: &Value) {
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["timestamp"], "2026-03-02T14:05:00Z");
    assert_eq!(bill["metadata"]["component"]["version"], VERSION);
    let components = bill["components"].as_array().expect("components");
    let named = |name: &str| {
        let found = components
            .iter()
            .find(|component| component["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing"))
    };
    assert_eq!(named("tokio")["scope"], "required");
    assert_eq!(
        named("tokio")["hashes"][0]["content"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    assert_eq!(named("serde_derive")["scope"], "excluded");
    assert!(
        !components
            .iter()
            .any(|component| component["name"] == "proptest")
    );
    let bundled = named("pg_query")["components"].as_array().expect("C code");
    assert!(bundled.iter().any(|part| {
        part["name"] == "PostgreSQL" && part["licenses"][0]["license"]["id"] == "PostgreSQL"
    }));
    let mut known: Vec<&Value> = components.iter().map(|one| &one["bom-ref"]).collect();
    known.push(&bill["metadata"]["component"]["bom-ref"]);
    for dependency in bill["dependencies"].as_array().expect("dependencies") {
        for needed in dependency["dependsOn"].as_array().expect("a list") {
            assert!(known.contains(&needed), "{needed} is no component");
        }
    }
}

#[test]
fn what_is_no_static_program_is_not_packed_as_one() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let target = "x86_64-unknown-linux-musl";
    let refused = script("package", &["--binary", SEGUE, "--out", &out, target]);
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        format!("package: `{SEGUE}` is not static\n")
    );
    assert!(!refused.status.success());
}

/// A template of cargo-binstall for a target.
fn expand(template: &str, target: &str) -> String {
    let repository = manifest()["package"]["repository"].to_string();
    let values = [
        ("{ repo }", repository.trim_matches('"')),
        ("{ name }", "segue"),
        ("{ version }", VERSION),
        ("{ target }", target),
        ("{ bin }", "segue"),
        ("{ binary-ext }", ""),
    ];
    let expanded = values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        });
    assert!(!expanded.contains('{'), "{expanded}");
    expanded
}

fn manifest() -> Table {
    read("Cargo.toml").parse().expect("TOML")
}

#[test]
fn binstall_looks_where_the_archives_are() {
    let manifest = manifest();
    let package = &manifest["package"];
    let repository = package["repository"].as_str().expect("a URL");
    let binstall = &package["metadata"]["binstall"];
    assert_eq!(binstall["pkg-fmt"].as_str(), Some("tgz"));
    // Systems with glibc take the static program.
    let dynamic = [
        ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"),
        ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"),
    ];
    let own = TARGETS.iter().map(|target| (*target, *target));
    for (target, made) in own.chain(dynamic) {
        let overrides = binstall["overrides"].get(target);
        let value = |key: &str| {
            let value = overrides.and_then(|table| table.get(key));
            let template = value.unwrap_or(&binstall[key]).as_str();
            expand(template.expect("a template"), target)
        };
        let name = stdout(&script("package", &["--name", made]));
        let name = name.trim_end();
        assert_eq!(
            value("pkg-url"),
            format!("{repository}/releases/download/v{VERSION}/{name}")
        );
        let folder = name.strip_suffix(".tar.gz").expect("an archive");
        assert_eq!(value("bin-dir"), format!("{folder}/segue"));
    }
}

#[test]
fn the_image_is_built_from_all_that_the_sources_include() {
    let sent = read(".dockerignore");
    let sent: Vec<&str> = sent
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let include =
        Regex::new(r#"include_(?:str|bytes)!\(\s*"((?:\.\./)+[^"]+)""#).expect("a pattern");
    let mut included = 0;
    let mut check = |path: &Path, text: &str| {
        let program = text.split("#[cfg(test)]").next().expect("a part");
        for found in include.captures_iter(program) {
            let file = path.parent().expect("a folder").join(&found[1]);
            let file = file.canonicalize().expect("an included file");
            let below = file.strip_prefix(root().canonicalize().expect("a folder"));
            let top = below.expect("below").iter().next().expect("a name");
            assert!(
                sent.contains(&top.to_str().expect("UTF-8")),
                "{}",
                file.display()
            );
            included += 1;
        }
    };
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
                // Only the tests have this module.
                && !path.ends_with("cli/report/schema.rs")
            {
                check(&path, &fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    assert!(included > 30, "{included}");
    for file in read("Dockerfile")
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
    {
        assert!([". .", "--from=build /image /"].contains(&file), "{file}");
    }
}

#[test]
fn workflows_take_actions_by_commit_and_have_few_rights() {
    let pinned = Regex::new(r"^[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").expect("a pattern");
    for name in ["ci.yml", "release.yml"] {
        let text = read(&format!(".github/workflows/{name}"));
        let mut actions = 0;
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("- ");
            if let Some(action) = line.strip_prefix("uses: ") {
                assert!(pinned.is_match(action), "{name}: {action}");
                actions += 1;
            }
            // A name of a branch or tag that is put into a script is run by it.
            assert!(
                !line.contains("${{") || !line.contains("run:"),
                "{name}: {line}"
            );
        }
        assert!(actions > 1, "{name}");
        let checkouts = text.matches("uses: actions/checkout@").count();
        assert_eq!(
            text.matches("persist-credentials: false").count(),
            checkouts,
            "{name}"
        );
        assert_eq!(text.matches("\npermissions:").count(), 1, "{name}");
    }
    let release = read(".github/workflows/release.yml");
    let target = Regex::new(r"- target: (\S+)").expect("a pattern");
    let made: BTreeSet<&str> = target
        .captures_iter(&release)
        .map(|found| found.get(1).expect("a target").as_str())
        .collect();
    assert_eq!(made, TARGETS.into());
    let components = read("scripts/components.py");
    for target in TARGETS {
        assert!(components.contains(&format!("\"{target}\"")), "{target}");
    }
}

#[test]
fn a_release_is_what_its_tag_says() {
    let manifest = manifest();
    let repository = manifest["package"]["repository"].as_str().expect("a URL");
    let refused = |tag: &str, url: &str| {
        let output = script("release-check", &[tag, url]);
        assert!(!output.status.success(), "{tag} {url}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert_eq!(
        refused("v99.0.0", repository),
        format!("release-check: the tag is v99.0.0, and Cargo.toml has version {VERSION}\n")
    );
    let elsewhere = "https://example.com/segue";
    assert_eq!(
        refused(&format!("v{VERSION}"), elsewhere),
        format!(
            "release-check: Cargo.toml names {repository}, and this is {elsewhere}: \
             `cargo binstall` would look there\n"
        )
    );
    let notes = stdout(&script("release-check", &["--notes", "vUnreleased"]));
    assert!(notes.trim_start().starts_with("- "), "{notes}");
    let none = stdout(&script("release-check", &["--notes", "v99.0.0"]));
    assert_eq!(none, "");
}
