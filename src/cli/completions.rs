//! `segue completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::error::Error;
use super::outcome::Outcome;
use super::report;

/// Print a completion script for a shell
///
/// For bash: `segue completions bash > ~/.local/share/bash-completion/completions/segue`.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: CompletionsArgs) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "segue", &mut script);
    report::result(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
