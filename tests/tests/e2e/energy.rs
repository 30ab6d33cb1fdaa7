//! `wattle energy` as an operator and households use it: every subcommand once, through the real program, on a real
//! devnet whose clock runs fast.

use crate::chain::{curl_ok, number};
use crate::devnet::Devnet;
use crate::network::ports;
use crate::process::{PATIENCE, until, wattle, wattle_error, wattle_json};
use clap::CommandFactory as _;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use wattle_node::commands::Cli;

/// How many times as fast the clock runs: an interval of 15 min in under four seconds.
const SPEED: &str = "240";

/// Who calls, and what has been called so far.
struct Village {
    devnet: Devnet,
    dir: PathBuf,
    called: RefCell<BTreeSet<String>>,
}

impl Village {
    /// `wattle energy …` with `--json`; its one document.
    fn ask(&self, words: &[&str]) -> Value {
        self.note(words);
        wattle_json(["energy"].iter().chain(words).copied().chain(["--rpc", self.devnet.url()]))
    }

    /// The same, signed by one of the devnet's wallets; it must succeed on the chain.
    fn send(&self, who: &str, words: &[&str]) -> Value {
        self.note(words);
        let key = self.file(&format!("net/{who}.key"));
        let signer = ["--secret-key-file", &key, "--rpc", self.devnet.url()];
        let done = wattle_json(["energy"].iter().chain(words).copied().chain(signer));
        assert_eq!(
            (&done["state"], &done["receipt"]["code"]),
            (&json!("finalized"), &json!("success")),
            "{words:?}: {done}"
        );
        done
    }

    /// The code with which a call is refused.
    fn refused(&self, who: &str, words: &[&str]) -> String {
        let key = self.file(&format!("net/{who}.key"));
        let signer = ["--secret-key-file", &key, "--rpc", self.devnet.url()];
        wattle_error(["energy"].iter().chain(words).copied().chain(signer)).1
    }

    fn note(&self, words: &[&str]) {
        let path: Vec<&str> = words.iter().copied().take_while(|word| !word.starts_with("--")).collect();
        self.called.borrow_mut().insert(path.join(" "));
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn address(&self, who: &str) -> String {
        self.devnet.wallet(who)["address"].as_str().unwrap().to_owned()
    }

    fn now_ms(&self) -> u64 {
        number(&curl_ok(self.devnet.url(), "chain_status", json!({}))["timeMs"])
    }

    /// A time so many minutes from now, as the command line takes it.
    fn in_minutes(&self, minutes: u64) -> String {
        (self.now_ms() + minutes * 60_000).to_string()
    }

    /// One field of the events of a transaction's receipt.
    fn field(done: &Value, kind: &str, name: &str) -> String {
        let events = done["receipt"]["events"].as_array().unwrap();
        let event = events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{done}"));
        event[name].as_str().unwrap_or_else(|| panic!("{event}")).to_owned()
    }

    /// A meter key, and its agreement to count somewhere: key, address, binding.
    fn bound(&self, name: &str, place: &[&str]) -> (String, String, String) {
        let (file, chain) = (self.file(name), self.devnet.ready["genesisHash"].as_str().unwrap().to_owned());
        wattle_json(["light", "keygen", "--out", &file]);
        let words = ["light", "bind", "--key", &file, "--chain", &chain];
        let bound = wattle_json(words.iter().chain(place).copied());
        let text = |field: &str| bound[field].as_str().unwrap().to_owned();
        (text("publicKey"), text("address"), text("binding"))
    }
}

/// Goal: what the guide tells an operator and a household to type works, and leaves out nothing that can be typed.
#[test]
fn every_energy_command_is_sent_once() {
    let dir = tempfile::tempdir().unwrap();
    let port = ports(1).to_string();
    let options = ["--validators", "1", "--meters", "3", "--speed", SPEED, "--rpc-port", &port];
    let devnet = Devnet::start(dir.path(), &options);
    let village = Village { devnet, dir: dir.path().to_owned(), called: RefCell::default() };
    let grid = an_operator_begins(&village);
    a_household_consents(&village, &grid);
    let old = a_meter_is_registered(&village, &grid);
    lines_are_posted(&village, &grid);
    orders(&village, &grid);
    a_deal(&village);
    let new = a_meter_is_swapped(&village, &grid, &old);
    a_meter_ends(&village, &grid, &new);
    a_bill_is_contested(&village);
    a_bill_is_proven(&village);
    let grids = village.ask(&["microgrids"]);
    let (alice, bob, book) = (village.address("alice"), village.address("bob"), &grids["items"][0]["book"]);
    crate::books::are_kept(village.devnet.url(), &village.dir, &alice, &bob, book.as_str().unwrap());
    all_was_called(&village);
    village.devnet.interrupt();
}

fn an_operator_begins(village: &Village) -> String {
    let done = village.send("operator", &["register-microgrid", "--interval-minutes", "60"]);
    let grid = Village::field(&done, "microgrid_registered", "microgrid");
    let help = wattle(["energy", "set-terms", "--help"]).1;
    let (_, toml) = help.split_once("per kWh):").unwrap();
    std::fs::write(village.file("terms.toml"), toml).unwrap();
    let terms = village.file("terms.toml");
    village.send("operator", &["set-terms", "--microgrid", &grid, "--file", &terms]);
    for who in ["alice", "bob"] {
        let account = village.address(who);
        let words = ["set-member", "--microgrid", &grid, "--account", &account, "--credit-limit", "5"];
        village.send("operator", &words);
    }
    grid
}

fn a_household_consents(village: &Village, grid: &str) {
    let alice = village.address("alice");
    village.send("alice", &["mandate", "set", "--microgrid", grid]);
    village.send("alice", &["mandate", "revoke", "--microgrid", grid]);
    let limits = ["--per-charge", "2", "--per-period", "60", "--notice-days", "7"];
    village.send("alice", &[&["mandate", "set", "--microgrid", grid], &limits[..]].concat());
    let shown = village.ask(&["mandate", "show", "--microgrid", grid, &alice]);
    let fields = ["perCharge", "left", "noticeMs"].map(|name| shown[name].clone());
    assert_eq!(fields, [json!("2000000"), json!("2000000"), json!("604800000")], "{shown}");
    let members = village.ask(&["members", grid, "--account", &alice]);
    let member = &members["items"][0];
    assert_eq!(
        (&member["creditLimit"], &member["mandate"]["perCharge"], &members["items"][1]),
        (&json!("5000000"), &json!("2000000"), &Value::Null),
        "{members}"
    );
}

fn a_meter_is_registered(village: &Village, grid: &str) -> String {
    let alice = village.address("alice");
    let opening = format!("0000,0007/0000,0000@{}", village.now_ms());
    let place = ["--microgrid", grid, "--owner", &alice, "--opening", &opening];
    let (key, meter, binding) = village.bound("house.key", &place);
    let words =
        ["register-meter", "--microgrid", grid, "--key", &key, "--owner", &alice, "--opening", &opening];
    // Another owner is not what the meter agreed to.
    let bob = village.address("bob");
    let other = [
        "register-meter",
        "--microgrid",
        grid,
        "--key",
        &key,
        "--owner",
        &bob,
        "--opening",
        &opening,
        "--binding",
        &binding,
    ];
    assert_eq!(village.refused("operator", &other), "bad_signature");
    let words: Vec<&str> = words.into_iter().chain(["--binding", &binding]).collect();
    village.send("operator", &words);
    assert_eq!(village.ask(&["meter", &meter])["owner"], json!(alice));
    meter
}

/// A connection is charged once, at no more than the terms say; parts of it are given back, credited and written off,
/// and the tax on it is paid: all on the bills. Those of a month are not seen here: a month of the devnet's clock is
/// three hours long.
fn lines_are_posted(village: &Village, grid: &str) {
    let [alice, operator] = ["alice", "operator"].map(|who| village.address(who));
    let reason = "5e".repeat(32);
    let line = |kind: &'static str, amount: &'static str| {
        let account = if kind == "tax-paid" { &operator } else { &alice };
        let to = ["line", "--microgrid", grid, "--account", account];
        [&to[..], &["--kind", kind, "--amount", amount, "--reason", &reason]].concat()
    };
    assert_eq!(village.refused("operator", &line("connection", "10")), "limit_exceeded");
    village.send("operator", &line("connection", "9"));
    assert_eq!(village.refused("operator", &line("connection", "9")), "limit_exceeded");
    for (kind, amount) in [("refund", "0.75"), ("credit", "1"), ("write-off", "0.5"), ("tax-paid", "1.25")] {
        village.send("operator", &line(kind, amount));
    }
    assert_eq!(village.refused("operator", &line("tax-paid", "0.2")), "limit_exceeded");
    let own = village.ask(&["bill", &operator, "--microgrid", grid, "--verify"]);
    let lines = own["lines"].as_array().unwrap();
    let paid: Vec<_> = lines.iter().filter(|line| line["kind"] == "tax paid").collect();
    assert!(paid.len() == 1 && paid[0]["credit"] == json!("1250000"), "{own}");
    assert_eq!(own["proofs"].as_array().unwrap().len(), lines.len(), "{own}");
    let bill = village.ask(&["bill", &alice, "--microgrid", grid]);
    let of = |kind: &str| {
        let lines = bill["lines"].as_array().unwrap();
        lines.iter().find(|line| line["kind"] == kind).cloned().unwrap_or_else(|| panic!("{bill}"))
    };
    let (connection, refund) = (of("connection"), of("refund"));
    assert_eq!((&connection["debit"], &refund["credit"]), (&json!("10440000"), &json!("750000")), "{bill}");
    assert!(refund["what"].as_str().unwrap().contains(&reason), "{bill}");
    assert_eq!(connection["taxes"], json!([{ "code": 16, "amount": "1440000" }]), "{bill}");
    let given = ["credit", "write-off"].map(|kind| of(kind)["credit"].clone());
    assert_eq!(given, [json!("1000000"), json!("500000")], "{bill}");
    village.send("alice", &["pay-tab", "--microgrid", grid]); // or she may owe too much to trade
}

fn orders(village: &Village, grid: &str) {
    let info = village.ask(&["microgrid", grid]);
    let interval = (number(&info["current"]) + 4).to_string();
    let order = |who: &str, side: &str, price: &str| {
        let words = [
            "order",
            "--microgrid",
            grid,
            "--interval",
            &interval,
            "--side",
            side,
            "--price",
            price,
            "--wh",
            "500",
        ];
        Village::field(&village.send(who, &words), "order_placed", "order")
    };
    let bid = order("alice", "buy", "0.15");
    order("bob", "sell", "90000 base");
    let shown = village.ask(&["order", "show", &bid]);
    assert_eq!((&shown["price"], &shown["wh"]), (&json!("150000"), &json!("500")), "{shown}");
    assert_eq!(village.ask(&["orders", grid, &interval])["items"].as_array().unwrap().len(), 2);
    let book = village.ask(&["book", grid, &interval]);
    assert_eq!((&book["bids"][0]["price"], &book["offers"][0]["price"]), (&json!("150000"), &json!("90000")));
    village.send("alice", &["cancel-order", &bid]);
    assert_eq!(village.refused("alice", &["cancel-order", &bid]), "unknown_order");
    assert_eq!(village.ask(&["interval", grid, &interval])["state"], "open");
    assert_eq!(village.ask(&["trades", grid, &interval])["items"], json!([]));
    let old = wattle_error(["energy", "interval", grid, "7", "--rpc", village.devnet.url()]);
    assert_eq!(old, (1, "not_found".to_owned()), "before the first terms");
    assert_eq!(
        wattle_error(["energy", "terms", grid, "--interval", "7", "--rpc", village.devnet.url()]),
        old
    );
}

/// In the devnet's own microgrid, whose meters are read.
fn a_deal(village: &Village) {
    let grids = village.ask(&["microgrids"]);
    let grid = grids["items"][0]["id"].as_str().unwrap();
    let alice = village.address("alice");
    let found = until("the meter of who charges is read", PATIENCE, || {
        let meters = village.ask(&["meters", "--microgrid", grid])["items"].clone();
        let own = meters.as_array()?.iter().find(|meter| meter["owner"] == json!(alice))?.clone();
        (number(&own["seq"]) > 0).then_some(own)
    });
    let meter = found["address"].as_str().unwrap();
    let request = |who: &str| {
        let expires = village.in_minutes(600);
        let words = [
            "deal",
            "request",
            "--microgrid",
            grid,
            "--side",
            "buy",
            "--wh-max",
            "5000",
            "--unit-wh",
            "100",
            "--price",
            "0.15",
            "--expires",
            &expires,
        ];
        Village::field(&village.send(who, &words), "deal_requested", "deal")
    };
    let deal = request("alice");
    village.send("bob", &["deal", "accept", &deal, "--wh-max", "3050", "--price", "0.12"]);
    let bob = village.address("bob");
    village.send("alice", &["deal", "confirm", &deal, "--partner", &bob]);
    let expires = village.in_minutes(600);
    let words = ["deal", "authorise", &deal, "--meter", meter, "--expires", &expires, "--margin-wh", "100"];
    village.send("alice", &words);
    village.send("alice", &["deal", "report", &deal, "--seq", "1", "--wh", "0"]);
    assert_eq!(
        village.refused("alice", &["deal", "report", &deal, "--seq", "2", "--wh", "900"]),
        "unmetered"
    );
    let shown = village.ask(&["deal", "show", &deal]);
    let fields = ["state", "wh", "seq", "marginWh", "reserved", "meter"].map(|name| shown[name].clone());
    let reserved = (3_000 + 100) * 150;
    assert_eq!(
        fields,
        [
            json!("authorised"),
            json!("3000"),
            json!("1"),
            json!("100"),
            json!(reserved.to_string()),
            json!(meter)
        ],
        "{shown}"
    );
    let second = request("bob");
    let open = village.ask(&["deal", "list", grid]);
    assert_eq!(open["items"].as_array().unwrap().len(), 2, "{open}");
    village.send("bob", &["deal", "abort", &second]);
    village.send("alice", &["deal", "close", &deal, "--wh", "0"]);
    assert_eq!(village.ask(&["deal", "list", grid])["items"], json!([]));
}

fn a_meter_is_swapped(village: &Village, grid: &str, old: &str) -> String {
    let (key, new, binding) = village.bound("new.key", &["--replaces", old]);
    let (chain, signer) =
        (village.devnet.ready["genesisHash"].as_str().unwrap(), village.file("net/operator.key"));
    let now = village.now_ms().to_string(); // the chain's
    let words = [
        "sign-swap",
        "--chain",
        chain,
        "--old",
        old,
        "--final-import-wh",
        "0",
        "--final-export-wh",
        "0",
        "--new",
        &key,
        "--binding",
        &binding,
        "--opening-import",
        "0000,0000",
        "--opening-export",
        "0000,0000",
        "--at",
        &now,
    ];
    village.note(&words);
    let signed = wattle_json(["energy"].iter().chain(&words).copied().chain(["--secret-key-file", &signer]));
    let file = village.file("swap.json");
    std::fs::write(&file, signed.to_string()).unwrap();
    village.called.borrow_mut().insert("swap-meter".into());
    village.send("operator", &["swap-meter", &file]);
    assert_eq!(village.ask(&["meter", old])["replacedBy"], json!(new));
    assert_eq!(village.ask(&["meters", "--microgrid", grid])["items"].as_array().unwrap().len(), 2);
    new
}

fn a_meter_ends(village: &Village, grid: &str, meter: &str) {
    let now = village.now_ms().to_string(); // the chain's
    let words = ["read-meter", meter, "--import-wh", "0", "--export-wh", "0", "--at", &now];
    village.send("operator", &words);
    assert_eq!(village.ask(&["meter", meter])["manual"], json!(true));
    village.send("operator", &["rate-meter", meter, "--power-max-w", "23000"]);
    let refused = |from: &str, words: &[&str], why: &str| {
        village.note(&words[..1]);
        assert_eq!(village.refused(from, words), why, "{words:?}");
    };
    // Its light node may still have readings that it could not send.
    refused("operator", &["retire-meter", meter], "reading_required");
    // Its order's interval is still to come.
    refused("bob", &["leave", "--microgrid", grid], "member_engaged");
    refused("alice", &["resume-microgrid", "--microgrid", grid], "not_paused");
}

/// Two signed readings, out of the transactions that brought them.
fn a_bill_is_contested(village: &Village) {
    let grids = village.ask(&["microgrids"]);
    let grid = grids["items"][0]["id"].as_str().unwrap();
    let alice = village.address("alice");
    let meters = village.ask(&["meters", "--microgrid", grid]);
    let meters = meters["items"].as_array().unwrap();
    let meter = meters.iter().find(|meter| meter["owner"] == json!(alice)).unwrap()["address"].clone();
    let meter = meter.as_str().unwrap();
    let from = (village.now_ms() - 86_400_000).to_string();
    let found = until("two readings", PATIENCE, || {
        let found = village.ask(&["readings", meter, "--from", &from, "--limit", "2"])["items"].clone();
        (found.as_array()?.len() == 2).then_some(found)
    });
    let seqs: Vec<u64> = [&found[1], &found[0]]
        .into_iter()
        .zip(["first.json", "second.json"])
        .map(|(item, file)| {
            let tx = curl_ok(village.devnet.url(), "tx_get", json!({ "id": item["tx"] }));
            let calls = tx["tx"]["body"]["calls"].as_array().unwrap().clone();
            let readings = calls.iter().filter_map(|call| call["args"]["readings"].as_array()).flatten();
            let same = |signed: &&Value| {
                signed["reading"]["meter"] == json!(meter) && signed["reading"]["seq"] == item["seq"]
            };
            let signed = readings.clone().find(same).unwrap_or_else(|| panic!("{tx}"));
            std::fs::write(village.file(file), signed.to_string()).unwrap();
            number(&item["seq"])
        })
        .collect();
    let (first, second) = (village.file("first.json"), village.file("second.json"));
    village.note(&["hand-over", meter]);
    let bob = village.address("bob");
    let words = ["hand-over", meter, "--to", &bob, "--closing", &first];
    assert_eq!(village.refused("operator", &words), "duplicate_reading");
    let words =
        ["dispute", "open", "--microgrid", grid, "--first", &first, "--second", &second, "--claim", "0.25"];
    let opened = village.send("alice", &words);
    let dispute = Village::field(&opened, "dispute_opened", "dispute");
    village.send("bob", &["dispute", "decide", &dispute, "--reject"]);
    let listed = village.ask(&["dispute", "list", "--microgrid", grid, "--account", &alice]);
    let found = &listed["items"][0];
    assert_eq!(
        (&found["claim"], &found["rejected"], &found["votesNeeded"], &found["opened"]["tx"]),
        (&json!("250000"), &json!(1), &json!(2), &opened["id"]),
        "{listed}"
    );
    assert_eq!([&found["opened"]["firstSeq"], &found["opened"]["secondSeq"]].map(number), seqs[..]);
    assert_eq!(village.ask(&["dispute", "show", &dispute])["dispute"], json!(dispute));
    village.send("operator", &["dispute", "decide", &dispute, "--reject"]);
    assert_eq!(village.ask(&["dispute", "list"])["items"], json!([]));
    let opened = village.send("alice", &words);
    let dispute = Village::field(&opened, "dispute_opened", "dispute");
    let withdrawn = village.send("alice", &["dispute", "withdraw", &dispute]);
    assert_eq!(Village::field(&withdrawn, "dispute_withdrawn", "dispute"), dispute);
    assert_eq!(village.ask(&["dispute", "list"])["items"], json!([]));
}

fn a_bill_is_proven(village: &Village) {
    let grids = village.ask(&["microgrids"]);
    let grid = grids["items"][0]["id"].as_str().unwrap();
    let alice = village.address("alice");
    let settled = until("an interval is settled", PATIENCE, || {
        let past = village.ask(&["intervals", grid, "--limit", "20"])["items"].clone();
        let settled = past.as_array()?.iter().find(|item| item["event"]["type"] == "interval_settled")?;
        Some(settled["event"].clone())
    });
    let number_of = settled["interval"].as_str().unwrap();
    let interval = village.ask(&["interval", grid, number_of]);
    assert_eq!(interval["tradedWh"], settled["tradedWh"], "{interval}");
    let told = interval["events"].as_array().unwrap();
    assert!(told.iter().any(|item| item["event"] == settled), "{interval}");
    assert!(village.ask(&["terms", grid, "--interval", number_of])["version"] == json!(0));
    village.send("alice", &["pay-tab", "--microgrid", grid]);
    let bill = village.ask(&["bill", &alice, "--readings", "--verify"]);
    let lines = bill["lines"].as_array().unwrap();
    assert!(!lines.is_empty() && bill["proofs"].as_array().unwrap().len() == lines.len(), "{bill}");
    for kind in ["connection", "refund", "credit", "write-off"] {
        assert!(lines.iter().any(|line| line["kind"] == kind), "{kind}: {bill}");
    }
    let readings = bill["readings"].as_array().unwrap().len();
    assert!(readings > 1 && bill["verified"]["readings"] == json!(readings), "{}", bill["verified"]);
    let complete = bill["verified"]["complete"].as_array().unwrap();
    assert!(complete.iter().all(|tab| tab["complete"] == true), "{complete:?}");
    assert_eq!((&bill["totals"][0]["symbol"], &bill["totals"][0]["scale"]), (&json!("WAT"), &json!(6)));
    let line =
        lines.iter().find(|line| line["kind"] == "interval" && line["microgrid"] == json!(grid)).unwrap();
    assert_eq!(number(&line["toMs"]) - number(&line["fromMs"]), 900_000);
    // By its energy: the same line when its interval is asked for, and not the next.
    let by_energy = |from: &Value, to: u64| {
        let (from, to) = (number(from).to_string(), to.to_string());
        let part = village.ask(&["bill", &alice, "--by", "energy", "--from", &from, "--to", &to]);
        part["lines"].as_array().unwrap().iter().filter(|other| other["what"] == line["what"]).count()
    };
    assert_eq!(by_energy(&line["fromMs"], number(&line["toMs"])), 1);
    assert_eq!(by_energy(&line["toMs"], number(&line["toMs"]) + 900_000), 0);
    // A part of a bill cannot be shown to be whole, and says so; an operator's neither.
    let part = village.ask(&["bill", &alice, "--verify", "--to", &village.now_ms().to_string()]);
    assert_eq!(part["verified"]["complete"][0]["complete"], false, "{}", part["verified"]);
    let operator = village.address("operator");
    let (_, text, _) = wattle(["energy", "bill", &operator, "--rpc", village.devnet.url()]);
    assert!(text.contains("counterpart") || text.starts_with("no lines"), "{text}");
    let csv = village.ask(&["bill", &alice, "--csv"]);
    assert!(csv["csv"].as_str().unwrap().contains(&format!(",{grid},interval,")), "{csv}");
    assert_eq!(wattle(["energy", "bill", &alice, "--csv", "--readings"]).0, 2);
}

/// Every subcommand that there is was called above.
fn all_was_called(village: &Village) {
    fn leaves(command: &clap::Command, path: &str, into: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            leaves(sub, &format!("{path} {}", sub.get_name()), into);
        }
        // `order` itself places one, beside its subcommand.
        if !command.has_subcommands() || command.get_name() == "order" {
            into.push(path.trim().to_owned());
        }
    }
    let (cli, mut all) = (Cli::command(), Vec::new());
    leaves(cli.find_subcommand("energy").unwrap(), "", &mut all);
    let called = village.called.borrow();
    let missing: Vec<_> = all
        .iter()
        .filter(|path| !called.iter().any(|words| words == *path || words.starts_with(&format!("{path} "))))
        .collect();
    assert!(missing.is_empty() && all.len() > 30, "{missing:?} of {}", all.len());
}
