//! What comes with the program: completions and manual pages.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Project, SEGUE};

/// Runs a program that may not be installed; `None` if it is not.
fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// What a shell says, which has to end well and say nothing to standard error.
#[track_caller]
fn said(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The names of the commands, as the help has them.
fn commands() -> Vec<String> {
    entries(&Project::new().segue(&["help"]).stdout)
}

/// What a help lists below `Commands:`.
fn entries(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // A summary that is wrapped goes on further to the right.
    let entries = lines.filter(|line| !line.starts_with("   "));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Those below a command.
fn nested(command: &str) -> impl Iterator<Item = String> {
    let help = Project::new().segue(&[command, "--help"]).stdout;
    entries(&help).into_iter()
}

fn completions(project: &Project, shell: &str) -> String {
    let script = printed(project, &["completions", shell]);
    let path = project.path().join(format!("completions.{shell}"));
    fs::write(&path, script).expect("written");
    path.display().to_string()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let project = Project::new();
    let script = completions(&project, "bash");
    let complete = |words: &str| {
        // As readline would: the words, the last of which is being typed.
        let asked = format!(
            r#"source '{script}'
            COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _segue segue "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
            echo "${{COMPREPLY[*]}}""#
        );
        let mut bash = Command::new("bash");
        let output = run(bash.args(["--noprofile", "--norc", "-c", &asked])).expect("bash");
        said(&output).trim_end().to_owned()
    };
    assert_eq!(complete("segue wai"), "wait");
    assert_eq!(complete("segue ab"), "abandon");
    assert_eq!(complete("segue up --unt"), "--until");
    assert_eq!(complete("segue up --until r"), "ready");
    assert_eq!(complete("segue completions f"), "fish");
    // The supervisor of a throwaway server is no command to be typed.
    assert!(
        !fs::read_to_string(&script)
            .expect("read")
            .contains("supervise")
    );
}

#[test]
fn zsh_and_fish_read_their_completions() {
    let project = Project::new();
    let zsh = completions(&project, "zsh");
    if let Some(output) = run(Command::new("zsh").args(["-f", "-n", &zsh])) {
        said(&output);
    }
    let fish = completions(&project, "fish");
    let asked = format!("source {fish}; complete --do-complete 'segue settl'");
    let mut command = Command::new("fish");
    command.args(["--no-config", "--command", &asked]);
    if let Some(output) = run(command.env("HOME", project.path())) {
        let summary = "Run what the tail still has to do";
        assert_eq!(said(&output), format!("settle\t{summary}\n"));
    }
}

#[test]
fn each_command_has_a_manual_page_without_complaints() {
    let mut project = Project::new();
    project.env("SOURCE_DATE_EPOCH", "1772460300");
    project
        .segue(&["man", "--dir", "share/man1"])
        .expect("", "", 0);
    let folder = project.path().join("share/man1");
    let mut expected: Vec<String> = commands()
        .iter()
        .map(|command| format!("segue-{command}.1"))
        .collect();
    assert!(expected.len() > 15, "{expected:?}");
    expected.extend(nested("backfill").map(|command| format!("segue-backfill-{command}.1")));
    expected.push("segue.1".to_owned());
    expected.sort();
    assert_eq!(names(&folder), expected);
    for name in &expected {
        let page = fs::read_to_string(folder.join(name)).expect("a page");
        let mut arguments = vec!["man"];
        arguments.extend(name.trim_end_matches(".1").strip_prefix("segue-"));
        assert_eq!(printed(&project, &arguments), page, "{name}");
        for line in [
            "\n.SH NAME\n",
            "\n.SH SYNOPSIS\n",
            "\n.SH \"EXIT STATUS\"\n",
        ] {
            assert!(page.contains(line), "{name}: {line}");
        }
        assert!(page.contains(" 1 2026-03-02 "), "{page}");
        lint(&folder.join(name));
    }
}

/// Standard output as it is, without what [`Project`] redacts.
fn printed(project: &Project, arguments: &[&str]) -> String {
    said(&run(&mut project.command(arguments)).expect("segue"))
}

/// Asks those programs what is wrong with a page that are installed.
#[track_caller]
fn lint(page: &Path) {
    let mut mandoc = Command::new("mandoc");
    if let Some(output) = run(mandoc.args(["-T", "lint", "-W", "warning"]).arg(page)) {
        assert_eq!(said(&output), "", "{}", page.display());
    }
    let mut groff = Command::new("groff");
    if let Some(output) = run(groff.args(["-man", "-ww", "-z", "-Tutf8"]).arg(page)) {
        said(&output);
    }
}

#[test]
fn without_a_date_the_pages_are_always_the_same() {
    let page = |environment: &[(&str, &str)]| {
        let mut segue = Command::new(SEGUE);
        segue.env_clear().envs(environment.iter().copied());
        said(&run(segue.args(["man", "wait"])).expect("segue"))
    };
    let head = format!(
        ".TH SEGUE-WAIT 1  \"segue {}\" \"segue manual\"",
        env!("CARGO_PKG_VERSION")
    );
    let undated = page(&[]);
    assert_eq!(undated.lines().nth(2), Some(head.as_str()));
    let dated = page(&[("SOURCE_DATE_EPOCH", "0")]);
    assert_eq!(undated, dated.replace(" 1 1970-01-01 ", " 1  "));
}

#[test]
fn what_is_asked_for_wrongly_is_said() {
    let mut project = Project::new();
    project.segue(&["man", "setle"]).expect(
        "",
        "
        error: there is no command `setle`
        help: did you mean `settle`?
        ",
        2,
    );
    project.segue(&["man", "up", "--dir", "man"]).expect(
        "",
        "
        error: the argument '[COMMAND]' cannot be used with '--dir <DIR>'

        Usage: segue man <COMMAND>

        For more information, try '--help'.
        ",
        2,
    );
    project.write("occupied", "a file");
    project.segue(&["man", "--dir", "occupied/man1"]).expect(
        "",
        "
        error: cannot write `occupied/man1`: Not a directory (os error 20)
        ",
        4,
    );
    project.env("SOURCE_DATE_EPOCH", "yesterday");
    project.segue(&["man"]).expect(
        "",
        "
        error: `yesterday` is no SOURCE_DATE_EPOCH
        help: it counts seconds since 1970: `date +%s`
        ",
        2,
    );
}

/// Names of the files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
