//! `wattle completions`: scripts that complete commands and options in a shell.

use super::Cli;
use clap::{Args, CommandFactory, ValueEnum};
use serde_json::json;
use wattle_cli::{CliError, CliResult, Report};

const EXAMPLES: &str = "Examples:
  wattle completions bash > ~/.local/share/bash-completion/completions/wattle
  wattle completions zsh > ~/.zfunc/_wattle
  wattle completions fish > ~/.config/fish/completions/wattle.fish";

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Runs `completions`.
///
/// # Errors
/// None in practice: the script is text.
pub(super) fn run(args: &CompletionsArgs) -> CliResult {
    let (name, shell) = match args.shell {
        Shell::Bash => ("bash", clap_complete::Shell::Bash),
        Shell::Zsh => ("zsh", clap_complete::Shell::Zsh),
        Shell::Fish => ("fish", clap_complete::Shell::Fish),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wattle", &mut script);
    let script = String::from_utf8(script).map_err(|e| CliError::input("completion script", e))?;
    Ok(Report::new(json!({ "shell": name, "script": script }), script))
}
