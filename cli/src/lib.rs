//! The wallet's side of the command line: keys, transactions and questions to a node over JSON-RPC.
//!
//! - Results go to standard output: text for people, or with `--json` exactly one JSON document. A failure with
//!   `--json` is a document too: `{"error": {"code", "message", "hint"}}`.
//! - Prompts, notes and logs go to standard error.
//! - Exit code: 0 done, 1 failed, 2 not understood.
//! - Secrets come from files, prompts or the environment, never from arguments, which other users can see.
//!
//! A new command is a variant of [`Command`] and a line in [`dispatch`].
//!
//! # Not here
//! The state machine, the database, servers. The program: `node` adds the commands that run nodes, and is `wattle`.

mod admin;
pub mod amount;
pub mod client;
mod context;
mod date;
mod energy;
mod error;
mod grant;
mod input;
mod keys;
pub mod keystore;
mod ledger;
pub mod output;
mod proof;
mod query;
mod secret;
mod send;
mod token;
mod tx;
mod wallet;

pub use context::{Ctx, GlobalArgs};
pub use error::{CliError, EXIT_FAILED, EXIT_OK, EXIT_USAGE};
pub use output::Report;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;
use std::pin::Pin;
use wattle_host::FileError;

/// The outcome of a command.
pub type CliResult = Result<Report, CliError>;

/// Commands that need a node's interface at most.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, import and show the keys that sign transactions.
    Keys(keys::KeysArgs),
    /// Look at balances, send money, see what was sent and received.
    Wallet(wallet::WalletArgs),
    /// Build, sign (offline), submit and follow transactions.
    Tx(tx::TxArgs),
    /// Issue, mint, burn and transfer assets.
    Token(token::TokenArgs),
    /// Books: open, post, close; charts, statements, trial balances; export for hledger and beancount.
    Ledger(ledger::LedgerArgs),
    /// Let others act on your behalf, or at your cost, within limits.
    Grant(grant::GrantArgs),
    /// Microgrids: terms, members and meters; orders and deals; readings, bills and disputes.
    Energy(energy::EnergyArgs),
    /// Ask a node about the chain.
    Query(query::QueryArgs),
    /// Order a running node about, by the socket in its directory.
    Admin(admin::AdminArgs),
}

/// Runs a command. Boxed, so that all of it is compiled here, once, and not with every program that calls it.
///
/// # Errors
/// [`CliError`] of the command.
pub fn dispatch(command: Command, ctx: &Ctx) -> Pin<Box<dyn Future<Output = CliResult> + '_>> {
    Box::pin(run(command, ctx))
}

async fn run(command: Command, ctx: &Ctx) -> CliResult {
    match command {
        Command::Keys(args) => keys::run(args, ctx),
        Command::Wallet(args) => wallet::run(args, ctx).await,
        Command::Tx(args) => tx::run(args, ctx).await,
        Command::Token(args) => token::run(args, ctx).await,
        Command::Ledger(args) => ledger::run(args, ctx).await,
        Command::Grant(args) => grant::run(args, ctx).await,
        Command::Energy(args) => energy::run(args, ctx).await,
        Command::Query(args) => query::run(args, ctx).await,
        Command::Admin(args) => admin::run(args, ctx).await,
    }
}

/// Reads the arguments of a whole program; `None` when help or version was asked for and printed, an exit code when
/// they are wrong.
///
/// # Errors
/// The exit code, after the reason was printed.
pub fn parse<C: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<Option<C>, u8> {
    let args: Vec<OsString> = args.into_iter().collect();
    let error = match C::try_parse_from(&args) {
        Ok(cli) => return Ok(Some(cli)),
        Err(error) => error,
    };
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print(); // a closed pipe: the reader had enough
        return Ok(None);
    }
    if args.iter().skip(1).take_while(|a| *a != "--").any(|a| a == "--json") {
        let detail = error.render().to_string().replacen("error: ", "", 1);
        return Err(fail(&CliError::Usage { detail: detail.trim().to_string() }, true));
    }
    let _ = error.print();
    Err(EXIT_USAGE)
}

/// Prints the outcome of a command. Returns the exit code.
pub fn finish(result: CliResult, json: bool) -> u8 {
    let printed = result.and_then(|report| {
        Ok(report.print(json).map_err(FileError::io("write", Path::new("standard output")))?)
    });
    match printed {
        Ok(()) => EXIT_OK,
        Err(error) => fail(&error, json),
    }
}

/// Prints a failure and returns its exit code.
pub fn fail(error: &CliError, json: bool) -> u8 {
    if json {
        // When not even this can be written, the exit code still says it.
        let _ = Report::new(error.to_json(), "").print(true);
    } else {
        output::note(&format!("error: {} [{}]", error.message(), error.code()));
        if let Some(hint) = error.hint() {
            output::note(&format!("hint: {hint}"));
        }
    }
    error.exit()
}

#[cfg(test)]
mod tests;
