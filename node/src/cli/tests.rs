//! The command tree as a whole, and commands that need no node.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::keystore::{KdfParams, Keystore, Password};
use clap::CommandFactory;
use serde_json::{Value, json};
use std::path::Path;
use wattle_primitives::{Address, Auth, SecretKey};

fn args(line: &str) -> Vec<OsString> {
    std::iter::once("wattle").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn parsed(args: Vec<OsString>) -> Cli {
    match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => panic!("{error}"),
    }
}

/// Runs a command on a keystore in `dir`, without a node.
async fn run_in(dir: &Path, line: &str) -> Result<Value, CliError> {
    let mut all = args(line);
    all.extend(["--json", "--rpc", "http://127.0.0.1:9/rpc", "--keystore"].map(OsString::from));
    all.push(dir.join("keys").into_os_string());
    if dir.join("pw").exists() {
        all.extend([OsString::from("--password-file"), dir.join("pw").into_os_string()]);
    }
    let cli = parsed(all);
    match dispatch(cli.command, &Ctx::new(cli.global)?).await? {
        Report::Both { json, .. } => Ok(json),
        Report::Printed => Ok(Value::Null),
    }
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// A directory with a password file and a cheaply sealed key for each name, of seeds 1, 2, ...
fn home(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    private(&dir.path().join("pw"), "correct\n");
    let keystore = Keystore::new(dir.path().join("keys"));
    for (name, seed) in names.iter().zip(1u8..) {
        let password = Password::new("correct".into());
        keystore
            .store(name, &SecretKey::from_seed([seed; 32]), None, &password, KdfParams::INSECURE_FAST)
            .unwrap();
    }
    dir
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_shows_examples() {
    fn visit(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Example"), "{path} has no example");
        assert!(command.get_about().is_some(), "{path} does not say what it does");
        for sub in command.get_subcommands() {
            visit(sub, &path);
        }
    }
    visit(&Cli::command(), "");
}

#[test]
fn secrets_are_no_arguments() {
    fn visit(command: &clap::Command) {
        for arg in command.get_arguments() {
            let name = arg.get_id().as_str();
            let secret =
                ["password", "secret", "mnemonic", "passphrase", "seed"].iter().any(|s| name.contains(s));
            assert!(
                !secret || name.ends_with("_file"),
                "{name} of {} is visible to other users",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}

#[test]
fn what_is_not_understood_exits_with_2() {
    for line in
        ["", "nonsense", "wallet send", "--json keys", "tx build --offline --module token --call burn"]
    {
        assert_eq!(parse(args(line)).err(), Some(EXIT_USAGE), "{line:?}");
    }
    assert!(matches!(parse(args("--help")), Ok(None)));
    assert!(matches!(parse(args("keys list --json")), Ok(Some(_))));
}

#[tokio::test]
async fn a_key_is_imported_listed_shown_and_exported() {
    let dir = home(&[]);
    private(&dir.path().join("words"), &("abandon ".repeat(23) + "art\n"));
    let made = run_in(dir.path(), &format!("keys import a --mnemonic-file {}/words", dir.path().display()))
        .await
        .unwrap();
    assert_eq!(made["path"], "m/44'/1463899220'/0'");
    assert_eq!(run_in(dir.path(), "keys list").await.unwrap()["keys"], json!([made]));
    assert_eq!(run_in(dir.path(), "keys show a").await.unwrap(), made);
    let exported = run_in(dir.path(), "keys export a").await.unwrap();
    private(&dir.path().join("seed"), exported["secretKeyHex"].as_str().unwrap());
    let again = run_in(dir.path(), &format!("keys import b --secret-key-file {}/seed", dir.path().display()))
        .await
        .unwrap();
    assert_eq!(again["address"], made["address"]);
    private(&dir.path().join("pw"), "wrong");
    assert_eq!(run_in(dir.path(), "keys export a").await.err().unwrap().code(), "wrong_password");
}

#[tokio::test]
async fn a_new_key_shows_its_words_once() {
    let dir = home(&[]);
    let made = run_in(dir.path(), "keys new a").await.unwrap();
    let words = made["mnemonic"].as_str().unwrap();
    assert_eq!(words.split(' ').count(), 24);
    let (secret, _) =
        crate::keystore::derive::account(&crate::keystore::derive::parse(words).unwrap(), "", 0).unwrap();
    assert_eq!(made["publicKey"], secret.public().to_string());
    assert_eq!(run_in(dir.path(), "keys show a").await.unwrap().get("mnemonic"), None);
    assert_eq!(run_in(dir.path(), "keys new a").await.err().unwrap().code(), "key_exists");
}

const BURN: [&str; 6] = ["--module", "token", "--call", "burn", "--args", r#"{"asset":"1","amount":"5"}"#];

#[tokio::test]
async fn transactions_are_built_and_signed_by_several_without_a_node() {
    let dir = home(&["alice", "bob"]);
    let file = dir.path().join("tx.json");
    let alice = Address::of_key(&SecretKey::from_seed([1; 32]).public());
    let build = format!(
        "tx build --offline --sender alice --chain {} --nonce 7 --max-fee 2000 {} --out {}",
        "ab".repeat(32),
        BURN.join(" "),
        file.display(),
    );
    let built = run_in(dir.path(), &build).await.unwrap();
    let file = file.display();
    let unsigned = run_in(dir.path(), &format!("tx submit {file}")).await.err().unwrap();
    assert_eq!(unsigned.code(), "input", "an unsigned one is not sent");
    for (signer, count) in [("alice", 1), ("bob", 2), ("alice", 2)] {
        let signed =
            run_in(dir.path(), &format!("tx sign {file} --from {signer} --out {file}")).await.unwrap();
        assert_eq!((&signed["id"], signed["signatures"].as_u64()), (&built["id"], Some(count)));
    }
    let shown = run_in(dir.path(), &format!("tx show {file}")).await.unwrap();
    assert_eq!(shown["body"]["sender"], alice.to_string());
    let draft = input::Draft::load(&file.to_string()).unwrap();
    let message = draft.body.signing_bytes();
    assert!(draft.auths.iter().all(|Auth { key, signature }| key.verify(&message, signature).is_ok()));
    assert!(draft.auths.windows(2).all(|pair| pair[0].key < pair[1].key));
    let other = format!("tx sign {file} --from alice --chain {}", "cd".repeat(32));
    assert_eq!(run_in(dir.path(), &other).await.err().unwrap().code(), "wrong_chain");
}

#[tokio::test]
async fn altered_transaction_files_are_refused() {
    let dir = home(&["alice"]);
    let path = dir.path().join("tx.json");
    let line = format!(
        "tx build --offline --sender alice --chain {} --nonce 7 --max-fee 2000 {}",
        "ab".repeat(32),
        BURN.join(" "),
    );
    let built = run_in(dir.path(), &line).await.unwrap();
    let hex = built["bodyHex"].as_str().unwrap().to_string();
    assert!(input::Draft::parse(&hex).is_ok());
    let key = SecretKey::from_seed([1; 32]);
    let forged = json!({ "key": key.public(), "signature": key.sign(b"something else") });
    let table = [
        ("another id", json!({ "id": "00".repeat(32) })),
        ("a signature on something else", json!({ "auths": [forged] })),
        ("a truncated body", json!({ "bodyHex": &hex[2..] })),
    ];
    for (what, change) in table {
        let mut altered = built.clone();
        for (name, value) in change.as_object().unwrap() {
            altered[name] = value.clone();
        }
        std::fs::write(&path, altered.to_string()).unwrap();
        let refused = run_in(dir.path(), &format!("tx show {}", path.display())).await;
        assert_eq!(refused.err().unwrap().code(), "input", "{what}");
    }
}

#[tokio::test]
async fn failures_have_codes_and_hints() {
    let dir = home(&["alice", "bob"]);
    let table = [
        ("keys show carol", "key_not_found"),
        ("keys show ../alice", "key_name"),
        ("query status", "rpc_unreachable"),
        ("wallet balance", "no_signer"),
        ("wallet balance wat1qqqq", "input"),
        ("query block 12x", "input"),
        ("tx call --from alice --module token --call nonsense", "input"),
        ("tx show nowhere.json", "io"),
        ("tx show abc", "input"),
    ];
    for (line, code) in table {
        let error = run_in(dir.path(), line).await.err().unwrap();
        assert_eq!(error.code(), code, "{line}: {}", error.message());
        assert_eq!(error.to_json()["error"]["code"], code);
        assert_eq!(error.exit(), EXIT_FAILED);
    }
}

#[tokio::test]
async fn completions_know_every_command() {
    let dir = home(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let script = run_in(dir.path(), &format!("completions {shell}")).await.unwrap();
        let script = script["script"].as_str().unwrap();
        for command in ["wallet", "query", "energy", "token"] {
            assert!(script.contains(command), "{command} in {shell}");
        }
    }
}
