//! `wattle paygo token`: OpenPAYGO tokens.

use super::key::KeyArgs;
use crate::{CliError, CliResult, Report};
use clap::{Args, Subcommand, ValueEnum};
use openpaygo::{
    Command, Count, Divider, Format, Keypad, Outcome, Profile, Token, Value, Width, Window, decode, encode,
};
use serde_json::{Value as Json, json};
use wattle_host::secret;

const EXAMPLES: &str = "Examples:
  wattle paygo token encode --key-file box.key --count 1 --type add --value 7
  wattle paygo token encode --key-file box.key --count 2 --type set --value 1.5 --divider 4 --restricted
  wattle paygo token decode --key-file box.key --count 1 --used 1 \"662 486 790\"
  pass box | wattle paygo token encode --key-file - --count 3 --type disable --json";

/// Arguments of `paygo token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make the token that follows the last one. Keep the count that comes with it.
    #[command(
        after_help = "Example:\n  wattle paygo token encode --key-file box.key --count 1 --type add --value 7"
    )]
    Encode(EncodeArgs),
    /// Tell what a device makes of a token, and the counts that it stands at afterwards.
    #[command(
        after_help = "Example:\n  wattle paygo token decode --key-file box.key --count 4 --used 2,4 662486790"
    )]
    Decode(DecodeArgs),
}

/// A token's order to its device.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenType {
    /// Add credit.
    Add,
    /// Have this much credit; 0 cuts supply.
    Set,
    /// End payment control: paid off.
    Disable,
    /// Bring the device's count forward.
    Sync,
}

#[derive(Debug, Args)]
struct EncodeArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Count of the last token that was made; 1 for a new device.
    #[arg(long, value_name = "N")]
    count: u32,
    /// Type of the token: its order to the device.
    #[arg(long = "type", value_name = "TYPE")]
    kind: TokenType,
    /// Credit to add or set, a decimal number.
    #[arg(long, value_name = "VALUE")]
    value: Option<Value>,
    /// Units of the device that make one of the value.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    divider: u32,
    /// Twelve digits, for values up to 999,999.
    #[arg(long)]
    extended: bool,
    /// Digits 1 to 4 only.
    #[arg(long)]
    restricted: bool,
}

#[derive(Debug, Args)]
struct DecodeArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Last count of the device; 1 for a new one.
    #[arg(long, value_name = "N")]
    count: u32,
    /// Counts up to the last one whose tokens are used.
    #[arg(long, value_name = "N,N..", value_delimiter = ',')]
    used: Vec<u32>,
    /// Units of the device that make one of the value.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    divider: u32,
    /// Digits 1 to 4 only.
    #[arg(long)]
    restricted: bool,
    /// The token, spaces allowed; or - for the next line of standard input, after a key that comes from there.
    #[arg(value_name = "TOKEN")]
    token: String,
}

/// Runs `paygo token`.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: TokenArgs) -> CliResult {
    match args.command {
        TokenCommand::Encode(args) => run_encode(&args),
        TokenCommand::Decode(args) => run_decode(&args),
    }
}

fn run_encode(args: &EncodeArgs) -> CliResult {
    let usage = |detail: &str| CliError::Usage { detail: detail.into() };
    let command = match (args.kind, args.value) {
        (TokenType::Add, Some(value)) => Command::Add { value: units(args.divider, value)? },
        (TokenType::Set, Some(value)) => Command::Set { value: units(args.divider, value)? },
        (TokenType::Disable, None) => Command::Disable,
        (TokenType::Sync, None) => Command::Sync,
        (TokenType::Add | TokenType::Set, None) => return Err(usage("--value says how much to add or set")),
        (TokenType::Disable | TokenType::Sync, Some(_)) => return Err(usage("this type has no --value")),
    };
    let width = if args.extended { Width::Extended } else { Width::Standard };
    let format = Format { width, keypad: keypad(args.restricted) };
    let issued = encode(&args.key.secret()?, Profile::Python, command, Count(args.count), format);
    let issued = issued.map_err(|error| CliError::input("token", error))?;
    let json = json!({ "token": issued.token.to_string(), "newCount": issued.count.0 });
    Ok(Report::new(json, format!("{:#}\ncount {}", issued.token, issued.count)))
}

fn run_decode(args: &DecodeArgs) -> CliResult {
    let secret = args.key.secret()?;
    let line = if args.token == "-" { Some(secret::stdin_line()?) } else { None };
    let text = line.as_ref().map_or(args.token.as_str(), |line| line.as_str());
    let token =
        Token::parse(text, keypad(args.restricted)).map_err(|error| CliError::input("token", error))?;
    let window = Window::with_used(Count(args.count), args.used.iter().copied().map(Count));
    let (outcome, window) = decode(&secret, Profile::Own, window, token);
    let (kind, value) = match outcome {
        Outcome::Credit { command: command @ (Command::Add { value } | Command::Set { value }), .. } => {
            (command.kind().name(), shown(divider(args.divider)?.value(value)))
        }
        Outcome::Credit { command, .. } => (command.kind().name(), Json::Null),
        Outcome::AlreadyUsed => ("alreadyUsed", Json::Null),
        Outcome::Invalid => ("invalid", Json::Null),
    };
    let used: Vec<u32> = window.used().map(|count| count.0).collect();
    Ok(Report::of(json!({ "type": kind, "value": value, "count": window.last().0, "used": used })))
}

const fn keypad(restricted: bool) -> Keypad {
    if restricted { Keypad::Restricted } else { Keypad::Full }
}

fn divider(divider: u32) -> Result<Divider, CliError> {
    Divider::new(divider).ok_or_else(|| CliError::input("divider", "it is zero"))
}

fn units(by: u32, value: Value) -> Result<u32, CliError> {
    divider(by)?.units(value).ok_or_else(|| CliError::input("value", "too large a number"))
}

/// A whole number as one, other values as the nearest float: what JSON has.
#[expect(clippy::cast_precision_loss, reason = "units and dividers have 32 bits")]
fn shown(value: Value) -> Json {
    match value.whole() {
        Some(whole) => whole.into(),
        None => (value.numerator() as f64 / value.denominator() as f64).into(),
    }
}
