//! The command line as a page, `docs/cli.md`.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::{Cli, HELP_WIDTH, Outcome};

/// Without the global options, which are said once, above.
fn own(command: &clap::Command) -> clap::Command {
    command.clone().mut_args(|arg| {
        let is_global = arg.is_global_set();
        arg.hide(is_global)
    })
}

/// All commands' help and the exit statuses, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut command = Cli::command().term_width(HELP_WIDTH);
    command.build();
    let mut text = String::from(
        "# Command line\n\nMade from `segue help`; a test keeps it so, and `UPDATE_EXPECTED=1 cargo \
         test` writes it.\n",
    );
    let mut section = |title: &str, command: &mut clap::Command| {
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        // Writing into a string cannot fail, here and below.
        let _ = write!(text, "\n## {title}\n\n```text\n{}\n```\n", help.join("\n"));
    };
    section("segue", &mut command);
    for subcommand in command.get_subcommands_mut() {
        if subcommand.is_hide_set() || subcommand.get_name() == "help" {
            continue;
        }
        let title = format!("segue {}", subcommand.get_name());
        section(&title, &mut own(subcommand));
        for nested in subcommand.get_subcommands_mut() {
            if nested.get_name() != "help" {
                section(&format!("{title} {}", nested.get_name()), &mut own(nested));
            }
        }
    }
    text.push_str("\n## Exit statuses\n\n| status | meaning |\n|---|---|\n");
    for outcome in Outcome::ALL {
        let _ = writeln!(text, "| {} | {} |", outcome.status(), outcome.summary());
    }
    text
}
