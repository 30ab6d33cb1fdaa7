//! The command tree as a whole.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use clap::CommandFactory;
use std::ffi::OsString;
use wattle_cli::{EXIT_USAGE, Report};

fn parsed(line: &str) -> Result<Option<Cli>, u8> {
    wattle_cli::parse(std::iter::once("wattle").chain(line.split_whitespace()).map(OsString::from))
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
            let words = ["password", "secret", "mnemonic", "passphrase", "seed"];
            // A devnet's or testnet's seed is a public number: its keys are anybody's, as its help says.
            let public = name == "seed" && ["devnet", "testnet"].contains(&command.get_name());
            let secret = !public && words.iter().any(|s| name.contains(s));
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
        assert_eq!(parsed(line).err(), Some(EXIT_USAGE), "{line:?}");
    }
    assert!(matches!(parsed("--help"), Ok(None)));
    assert!(matches!(parsed("keys list --json"), Ok(Some(_))));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let Ok(Some(Cli { command: Command::Completions(args), .. })) =
            parsed(&format!("completions {shell}"))
        else {
            panic!("completions {shell}")
        };
        let Report::Both { json, .. } = completions::run(&args).unwrap() else { panic!("a report") };
        let script = json["script"].as_str().unwrap();
        for command in ["wallet", "query", "energy", "token"] {
            assert!(script.contains(command), "{command} in {shell}");
        }
    }
}
