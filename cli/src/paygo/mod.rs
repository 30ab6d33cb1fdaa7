//! `wattle paygo`: pay-as-you-go.

mod key;
mod token;

use super::CliResult;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "Examples:
  wattle paygo token encode --key-file box.key --count 1 --type add --value 7
  wattle paygo token decode --key-file box.key --count 1 \"662 486 790\"";

/// Arguments of `paygo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct PaygoArgs {
    #[command(subcommand)]
    command: PaygoCommand,
}

#[derive(Debug, Subcommand)]
enum PaygoCommand {
    /// Make and read OpenPAYGO tokens, without a node.
    Token(token::TokenArgs),
}

/// Runs `paygo`.
///
/// # Errors
/// [`CliError`](super::CliError).
pub(crate) fn run(args: PaygoArgs) -> CliResult {
    match args.command {
        PaygoCommand::Token(args) => token::run(args),
    }
}

#[cfg(test)]
mod tests;
