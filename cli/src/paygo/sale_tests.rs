#![expect(clippy::unwrap_used, reason = "tests")]
use super::super::DAY_MS;
use super::*;
use wattle_primitives::call::paygo::{Contract, CreditUnit, FirmwareProfile};
use wattle_primitives::{Address, AssetId, TimeMs};
use wattle_rpc_types::DeviceState;

fn device(unit: CreditUnit, divider: u16) -> DeviceInfo {
    DeviceInfo {
        device: Hash([1; 32]),
        operator: Address([2; 32]),
        wallet: Address([1; 32]),
        owner: None,
        gateway: None,
        key: None,
        meter: None,
        unit,
        divider,
        profile: FirmwareProfile::Python,
        extended: false,
        state: DeviceState::Active,
        last_count: 0,
        count: 0,
        active_until_ms: None,
        credit: None,
        asset: AssetId::NATIVE,
        debt: Amount::ZERO,
        contract: None,
        issued_today: 0,
        left_today: 0,
        adds: 0,
        silent_since_ms: None,
        authorisations: Vec::new(),
    }
}

#[test]
fn energy_and_days_are_whole_raw_units_or_refused() {
    let energy = device(CreditUnit::WattHours { per_unit: WattHours(100) }, 4);
    let days = device(CreditUnit::Time { per_unit: TimeMs(DAY_MS) }, 1);
    let args = |value, wh, days| ValueArgs { value, wh, days };
    let table = [
        (&energy, args(None, Some(1000), None), Some(Some(40))),
        (&energy, args(None, Some(25), None), Some(Some(1))),
        (&energy, args(None, Some(30), None), None),
        (&energy, args(None, None, Some(1)), None),
        (&energy, args(Some(7), None, None), Some(Some(7))),
        (&energy, args(None, None, None), Some(None)),
        (&energy, args(None, Some(u64::MAX), None), None),
        (&days, args(None, None, Some(30)), Some(Some(30))),
        (&days, args(None, None, Some(u64::MAX)), None),
        (&days, args(None, Some(100), None), None),
    ];
    for (device, args, want) in table {
        assert_eq!(args.raw(device).ok(), want, "{args:?}");
    }
}

#[test]
fn add_tokens_have_even_counts_and_all_others_odd_ones() {
    use TokenKind::{Add, Disable, Set, Sync};
    let table = [(0, Add, 2), (1, Add, 2), (2, Add, 4), (0, Set, 1), (1, Disable, 3), (2, Sync, 3)];
    for (last, kind, want) in table {
        assert_eq!(next_count(last, kind), want, "{kind:?} after {last}");
    }
}

#[test]
fn money_buys_what_the_contract_says_and_the_rest_counts_later() {
    let terms =
        Contract { deposit: Amount(20), included: 7, price: Amount(3), total: Amount::ZERO, postpaid: false };
    let contract =
        |begun, rest| ContractInfo { terms, begun, paid: Amount::ZERO, rest: Amount(rest), left: None };
    let table = [
        (contract(false, 0), 19, None),
        (contract(false, 0), 20, Some(7)),
        (contract(false, 0), 30, Some(10)),
        (contract(true, 0), 10, Some(3)),
        (contract(true, 2), 10, Some(4)),
        (contract(true, 0), u128::MAX, None),
    ];
    for (contract, money, want) in table {
        assert_eq!(bought(&contract, Amount(money)), want, "{money} {contract:?}");
    }
}

/// Goal: every example of the help is understood as it stands.
#[test]
fn the_examples_of_the_help_are_commands() {
    use clap::CommandFactory as _;
    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        global: crate::GlobalArgs,
        #[command(subcommand)]
        command: crate::Command,
    }
    fn texts(command: &clap::Command, into: &mut Vec<String>) {
        into.extend(command.get_after_help().map(ToString::to_string));
        command.get_subcommands().for_each(|sub| texts(sub, into));
    }
    let mut found = Vec::new();
    texts(Cli::command().find_subcommand("paygo").unwrap(), &mut found);
    let lines: Vec<&str> = found.iter().flat_map(|text| text.lines()).collect();
    let examples: Vec<&str> =
        lines.into_iter().filter_map(|line| line.trim().strip_prefix("wattle ")).collect();
    assert!(examples.len() > 30, "{examples:?}");
    for example in examples {
        let words = std::iter::once("wattle".to_owned()).chain(words(example));
        if let Err(error) = <Cli as clap::Parser>::try_parse_from(words) {
            panic!("{example}\n{error}");
        }
    }
}

/// The words of an example, as a shell takes them apart.
fn words(example: &str) -> Vec<String> {
    let parts = example.split('"').enumerate();
    let words = parts.flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(filled).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A word of an example with what it leaves out.
fn filled(word: &str) -> String {
    match word.strip_suffix('…') {
        Some("wat1") => Address([7; 32]).to_string(),
        Some(_) => "5f".repeat(32),
        None => word.to_owned(),
    }
}
