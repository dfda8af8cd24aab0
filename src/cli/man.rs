//! `segue man`

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use jiff::Timestamp;

use super::error::Error;
use super::outcome::Outcome;
use super::{Cli, report};
use crate::text::nearest;

/// Print a manual page, or write all of them
///
/// To read one: `segue man up | man -l -`. To install all: `segue man --dir
/// ~/.local/share/man/man1`, then `man segue-up`. `SOURCE_DATE_EPOCH`, seconds since 1970, is the
/// date at their foot; without it they have none, and the same version's are always the same.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Whose page; otherwise that of segue itself
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Option<String>,

    /// Write the pages of all commands into this folder, made if need be
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A command that nobody knows, a date that is none, a folder that cannot be
/// written.
pub fn run(args: &ManArgs) -> Result<Outcome, Error> {
    let pages = pages(&date()?);
    if let Some(folder) = &args.dir {
        write(folder, &pages)?;
        return Ok(Outcome::Done);
    }
    let wanted = args.command.as_deref();
    let Some(page) = pages.iter().find(|page| page.command.as_deref() == wanted) else {
        let wanted = wanted.unwrap_or_default();
        let names = pages.iter().filter_map(|page| page.command.as_deref());
        let error = Error::new(Outcome::Usage, format!("there is no command `{wanted}`"));
        return Err(match nearest(wanted, names) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("`segue help` lists the commands"),
        });
    };
    report::result(&page.text)?;
    Ok(Outcome::Done)
}

/// A manual page of section 1.
struct Page {
    /// `up`, for example; none is segue itself.
    command: Option<String>,
    /// In roff's language.
    text: String,
}

impl Page {
    /// `segue-up.1`, for example.
    fn file_name(&self) -> String {
        match &self.command {
            Some(command) => format!("segue-{command}.1"),
            None => "segue.1".to_owned(),
        }
    }
}

fn write(folder: &Path, pages: &[Page]) -> Result<(), Error> {
    let failed = |path: &Path, error: &std::io::Error| {
        Error::new(
            Outcome::Failed,
            format!("cannot write `{}`: {error}", path.display()),
        )
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for page in pages {
        let path = folder.join(page.file_name());
        fs::write(&path, &page.text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// The date at the foot of each page, as `2026-03-02`; empty without
/// `SOURCE_DATE_EPOCH`, which reproducible builds set.
fn date() -> Result<String, Error> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(String::new());
    };
    let seconds = value.to_str().and_then(|value| value.parse().ok());
    let moment = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let moment = moment.ok_or_else(|| {
        let message = format!("`{}` is no SOURCE_DATE_EPOCH", value.display());
        Error::new(Outcome::Usage, message).help("it counts seconds since 1970: `date +%s`")
    })?;
    Ok(moment.strftime("%Y-%m-%d").to_string())
}

/// The page of segue itself, then one for each command, in the order of the
/// help.
fn pages(date: &str) -> Vec<Page> {
    let mut segue = Cli::command().disable_help_subcommand(true);
    segue.build();
    let commands: Vec<&Command> = segue
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .collect();
    let names = commands.iter().map(|command| command.get_name());
    let mut pages = vec![Page {
        command: None,
        text: page(&segue, date, &names.collect::<Vec<_>>()),
    }];
    for command in commands {
        let name = command.get_name();
        pages.push(Page {
            command: Some(name.to_owned()),
            text: page(&own(command), date, &[]),
        });
        pages.extend(command.get_subcommands().map(|nested| Page {
            command: Some(format!("{name}-{}", nested.get_name())),
            text: page(&own(nested), date, &[]),
        }));
    }
    pages
}

/// Without the global options, which are said once, in segue(1).
fn own(command: &Command) -> Command {
    command.clone().mut_args(|arg| {
        let is_global = arg.is_global_set();
        arg.hide(is_global)
    })
}

/// `subcommands` are those of segue's own page, to be seen also.
fn page(command: &Command, date: &str, subcommands: &[&str]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command.clone())
        .title(command.get_display_name().unwrap_or("segue").to_uppercase())
        .date(date)
        .source(format!("segue {version}"))
        .manual("segue manual");
    let mut page = Vec::new();
    let rendered = [
        man.render_title(&mut page),
        man.render_name_section(&mut page),
        man.render_synopsis_section(&mut page),
        man.render_description_section(&mut page),
        man.render_options_section(&mut page),
    ];
    let is_segue = !subcommands.is_empty();
    for result in rendered {
        result.expect("memory can be written");
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)
            .expect("memory can be written");
    }
    page.extend(last_sections(command, is_segue).render().into_bytes());
    plain_breaks(&String::from_utf8_lossy(&page))
}

/// What every page ends with.
fn last_sections(command: &Command, is_segue: bool) -> Roff {
    let mut roff = Roff::new();
    if let Some(after) = command.get_after_help() {
        roff.control("SH", ["NOTES"]);
        roff.text([roman(after.to_string())]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for outcome in Outcome::ALL {
        roff.control("TP", ["5"]);
        roff.text([bold(outcome.status().to_string())]);
        roff.text([roman(outcome.summary())]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let mut others = if is_segue {
        vec![bold("psql"), roman("(1), ")]
    } else {
        vec![bold("segue"), roman("(1) for the global options, ")]
    };
    others.extend([
        bold("segue explain"),
        roman(" for directives, rules and codes"),
    ]);
    roff.text(others);
    roff
}

/// Once what each section defines of the apostrophe. One `.sp` where clap's paragraphs leave blank lines, which are no part of
/// roff's language for manuals, and breaks around them. `.PP` would end an
/// option's indentation.
fn plain_breaks(page: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in page.lines().map(str::trim_end) {
        let is_definition = line.starts_with(".ie ") || line.starts_with(".el ");
        match (line, lines.last()) {
            _ if is_definition && lines.contains(&line) => {}
            ("", Some(&".br")) => *lines.last_mut().expect("looked at") = ".sp",
            ("" | ".br", Some(&".sp")) => {}
            ("", _) => lines.push(".sp"),
            (line, _) => lines.push(line),
        }
    }
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}
