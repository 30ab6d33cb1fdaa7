//! `wattle keys`: the encrypted keystore.

use super::output::note;
use super::{CliError, CliResult, Ctx, Report, secret};
use crate::keystore::derive;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use wattle_host::file;
use wattle_host::seal::{KdfParams, KeyFile};
use wattle_primitives::SecretKey;
use zeroize::Zeroizing;

const EXAMPLES: &str = "Examples:
  wattle keys new alice                                   asks for a password, shows 24 words once
  wattle keys new bot --password-file pw.txt --json
  wattle keys import alice                                asks for the words
  wattle keys import dev --secret-key-file seed.hex
  wattle keys list
  wattle keys export alice --out alice.hex

Keys stand at m/44'/1463899220'/account' (SLIP-0010, Ed25519) of the mnemonic.";

/// Arguments of `keys`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key from a new 24-word mnemonic, shown once.
    #[command(after_help = "Example:\n  wattle keys new alice")]
    New(NewArgs),
    /// Store a key from a mnemonic or a seed.
    #[command(after_help = "Examples:\n  wattle keys import alice --mnemonic-file words.txt --account 1\n  \
        wattle keys import dev --secret-key-file seed.hex")]
    Import(ImportArgs),
    /// List the keys of the keystore.
    #[command(after_help = "Example:\n  wattle keys list --json")]
    List,
    /// Show one key's address and public key. Needs no password.
    #[command(after_help = "Example:\n  wattle keys show alice --json")]
    Show(NameArgs),
    /// Print a key's secret seed, unencrypted.
    #[command(after_help = "Example:\n  wattle keys export alice --out alice.hex")]
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct NameArgs {
    /// Name of the key, or its address.
    name: String,
}

#[derive(Debug, Args)]
struct DeriveArgs {
    /// Account number in the derivation path.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=0x7fff_ffff))]
    account: u32,
    /// File with a BIP-39 passphrase, a further secret beside the words.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Name of the new key: letters, digits, '-' and '_'.
    name: String,
    #[command(flatten)]
    derive: DeriveArgs,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// Name of the new key: letters, digits, '-' and '_'.
    name: String,
    /// File with the mnemonic, or - for standard input; asked for when absent.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_key_file")]
    mnemonic_file: Option<PathBuf>,
    /// File with a 32-byte seed in hex, instead of a mnemonic.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["account", "passphrase_file"])]
    secret_key_file: Option<PathBuf>,
    #[command(flatten)]
    derive: DeriveArgs,
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// Name of the key, or its address.
    name: String,
    /// File to write to, mode 0600, instead of standard output; must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs `keys`.
///
/// # Errors
/// [`CliError`].
pub(crate) fn run(args: KeysArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        KeysCommand::New(args) => new(&args, ctx),
        KeysCommand::Import(args) => import(&args, ctx),
        KeysCommand::List => list(ctx),
        KeysCommand::Show(args) => show(&args, ctx),
        KeysCommand::Export(args) => export(&args, ctx),
    }
}

fn new(args: &NewArgs, ctx: &Ctx) -> CliResult {
    ctx.keystore.check_free(&args.name)?;
    let mnemonic = derive::generate()?;
    let (secret, path) = args.derive.key(&mnemonic)?;
    let file = store(&args.name, &secret, Some(path), ctx)?;
    let words = Zeroizing::new(mnemonic.to_string());
    let mut json = public(&args.name, &file);
    if ctx.json {
        json["mnemonic"] = words.as_str().into();
    } else {
        note("Write these words down, in order. They are the only backup, and are not shown again:\n");
        for (at, four) in words.split(' ').collect::<Vec<_>>().chunks(4).enumerate() {
            note(&format!("  {:>2}  {}", at.saturating_mul(4).saturating_add(1), four.join("  ")));
        }
        note("");
    }
    let text = summary(&args.name, &file);
    Ok(Report::new(json, text))
}

fn import(args: &ImportArgs, ctx: &Ctx) -> CliResult {
    ctx.keystore.check_free(&args.name)?;
    let both_stdin = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    if both_stdin(&args.mnemonic_file) && both_stdin(&ctx.password_file) {
        let detail = "mnemonic and password cannot both come from standard input".into();
        return Err(CliError::Usage { detail });
    }
    let (secret, path) = match &args.secret_key_file {
        Some(file) => (secret::read_seed(file)?, None),
        None => {
            let words = secret::mnemonic_words(args.mnemonic_file.as_deref())?;
            let (secret, path) = args.derive.key(&derive::parse(&words)?)?;
            (secret, Some(path))
        }
    };
    let file = store(&args.name, &secret, path, ctx)?;
    Ok(Report::new(public(&args.name, &file), summary(&args.name, &file)))
}

fn store(name: &str, secret: &SecretKey, path: Option<String>, ctx: &Ctx) -> Result<KeyFile, CliError> {
    let password = secret::new_password(ctx)?;
    Ok(ctx.keystore.store(name, secret, path, &password, KdfParams::STRONG)?)
}

fn list(ctx: &Ctx) -> CliResult {
    let keys = ctx.keystore.list()?;
    let dir = ctx.keystore.dir().display().to_string();
    let text = if keys.is_empty() {
        format!("no keys in {dir}; `wattle keys new NAME` makes one")
    } else {
        let width = keys.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        keys.iter().map(|(name, file)| format!("{name:<width$}  {}\n", file.address)).collect()
    };
    let items: Vec<Value> = keys.iter().map(|(name, file)| public(name, file)).collect();
    Ok(Report::new(json!({ "keystore": dir, "keys": items }), text))
}

fn show(args: &NameArgs, ctx: &Ctx) -> CliResult {
    let (name, file) = ctx.keystore.find(&args.name)?;
    Ok(Report::of(public(&name, &file)))
}

fn export(args: &ExportArgs, ctx: &Ctx) -> CliResult {
    let (name, file) = ctx.keystore.find(&args.name)?;
    let password = secret::password(ctx, &format!("Password of {name}: "))?;
    let secret = file.open(&password)?;
    let seed = Zeroizing::new(hex::encode(secret.seed()));
    let mut json = public(&name, &file);
    let Some(out) = &args.out else {
        json["secretKeyHex"] = seed.as_str().into();
        return Ok(Report::new(json, seed.as_str()));
    };
    let line = Zeroizing::new(format!("{}\n", seed.as_str()));
    file::create(out, line.as_bytes(), file::PRIVATE)?;
    json["file"] = out.display().to_string().into();
    Ok(Report::new(json, format!("secret key of {name} written to {}", out.display())))
}

impl DeriveArgs {
    fn key(&self, mnemonic: &bip39::Mnemonic) -> Result<(SecretKey, String), CliError> {
        let passphrase = match &self.passphrase_file {
            Some(path) => wattle_host::secret::read(path)?,
            None => Zeroizing::default(),
        };
        Ok(derive::account(mnemonic, passphrase.trim_end_matches(['\r', '\n']), self.account)?)
    }
}

fn public(name: &str, file: &KeyFile) -> Value {
    let mut json = json!({ "name": name, "address": file.address, "publicKey": file.public_key });
    if let Some(path) = &file.path {
        json["path"] = path.as_str().into();
    }
    json
}

fn summary(name: &str, file: &KeyFile) -> String {
    format!("{name}\naddress     {}\npublic key  {}", file.address, file.public_key)
}
