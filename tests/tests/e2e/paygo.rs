//! `wattle paygo` as an operator, a customer and a gateway use it: every subcommand once, through the real program, on
//! a real devnet whose clock runs fast.

use crate::chain::{curl_ok, number};
use crate::devnet::Devnet;
use crate::energy::leaves;
use crate::network::ports;
use crate::process::{PATIENCE, until, wattle_error, wattle_json};
use clap::CommandFactory as _;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use wattle_node::commands::Cli;
use wattle_primitives::SecretKey;

/// How many times as fast the clock runs: an interval of 15 min in under four seconds.
const SPEED: &str = "240";

/// Who calls, and what has been called so far.
struct Shop {
    devnet: Devnet,
    dir: PathBuf,
    called: RefCell<BTreeSet<String>>,
}

impl Shop {
    /// `wattle paygo …` with `--json`; its one document.
    fn ask(&self, words: &[&str]) -> Value {
        self.note(words);
        wattle_json(["paygo"].iter().chain(words).copied().chain(["--rpc", self.devnet.url()]))
    }

    /// The same, signed by one of the devnet's wallets; it must succeed on the chain.
    fn send(&self, who: &str, words: &[&str]) -> Value {
        self.note(words);
        self.sign(who, &[&["paygo"], words].concat())
    }

    fn sign(&self, who: &str, words: &[&str]) -> Value {
        let key = self.file(&format!("net/{who}.key"));
        let signer = ["--secret-key-file", &key, "--rpc", self.devnet.url()];
        let done = wattle_json(words.iter().copied().chain(signer));
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
        wattle_error(["paygo"].iter().chain(words).copied().chain(signer)).1
    }

    /// Sells a token of a device; its count and value.
    fn issue(&self, who: &str, device: &str, words: &[&str]) -> (String, u64) {
        let secret = self.file("issuer.nonces");
        let nonces = ["--nonce-secret-file", &secret];
        let done = self.send(who, &[&["issue", device], words, &nonces].concat());
        let token = &event(&done, "token_issued")["token"];
        (number(&token["count"]).to_string(), number(&token["value"]))
    }

    /// Words that tell of a token which a device took just now, by the chain's clock.
    fn taken(&self, command: &'static str, device: &str, count: &str, more: &[&str]) -> Vec<String> {
        let (secret, now) = (self.file("issuer.nonces"), self.now_ms().to_string());
        let words = [command, device, "--count", count, "--nonce-secret-file", &secret, "--at", &now];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn confirm(&self, device: &str, count: &str, more: &[&str]) -> Value {
        let words = self.taken("confirm", device, count, more);
        self.send("operator", &texts(&words))
    }

    fn show(&self, device: &str) -> Value {
        self.ask(&["device", "show", device])
    }

    /// The devices of one of the operator's lists.
    fn list(&self, more: &[&str]) -> Vec<Value> {
        let operator = self.address("operator");
        let found = self.ask(&[&["device", "list", "--operator", &operator], more].concat());
        found["items"].as_array().unwrap().iter().map(|item| item["device"].clone()).collect()
    }

    fn note(&self, words: &[&str]) {
        let path: Vec<&str> = words.iter().copied().take_while(|word| !word.starts_with("--")).collect();
        self.called.borrow_mut().insert(path.join(" "));
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// A key of a device's: its public half, and the file of its seed.
    fn device_key(&self, seed: u8) -> (String, String) {
        let (key, file) = (SecretKey::from_seed([seed; 32]), self.file(&format!("device{seed}.key")));
        std::fs::write(&file, format!("{seed:02x}").repeat(32)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        (key.public().to_string(), file)
    }

    fn address(&self, who: &str) -> String {
        self.devnet.wallet(who)["address"].as_str().unwrap().to_owned()
    }

    fn now_ms(&self) -> u64 {
        number(&curl_ok(self.devnet.url(), "chain_status", json!({}))["timeMs"])
    }
}

fn texts(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// An event of a transaction's receipt.
fn event<'a>(done: &'a Value, kind: &str) -> &'a Value {
    let events = done["receipt"]["events"].as_array().unwrap();
    events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind}: {done}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Goal: what the guide tells an operator, a customer and a gateway to type works, and leaves out nothing that can be
/// typed.
#[test]
fn every_paygo_command_is_sent_once() {
    let dir = tempfile::tempdir().unwrap();
    let port = ports(1).to_string();
    let options = ["--validators", "1", "--meters", "3", "--speed", SPEED, "--rpc-port", &port];
    let devnet = Devnet::start(dir.path(), &options);
    let shop = Shop { devnet, dir: dir.path().to_owned(), called: RefCell::default() };
    an_operator_begins(&shop);
    let device = a_device_is_registered(&shop);
    tokens_are_sold(&shop, &device);
    tokens_are_redeemed(&shop, &device);
    debts_are_paid(&shop, &device);
    a_gateway_draws(&shop, &device);
    a_sale_is_taken_back(&shop, &device);
    a_device_is_cut_off_and_unlocked(&shop, &device);
    wrong_devices_are_refused(&shop, &device);
    days_are_sold(&shop);
    a_meter_uses_credit(&shop);
    the_history_is_whole(&shop, &device);
    no_secret_is_anywhere(&shop);
    all_was_called(&shop);
    shop.devnet.interrupt();
}

fn an_operator_begins(shop: &Shop) {
    let secret = shop.file("issuer.nonces");
    shop.note(&["new-secret"]);
    wattle_json(["paygo", "new-secret", "--out", &secret]);
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o077, 0, "others can read it");
    assert_eq!(wattle_error(["paygo", "new-secret", "--out", &secret]).1, "io", "never overwritten");
    assert_eq!(shop.refused("operator", &["operator", "set", "--daily-cap", "9"]), "not_found");
    assert_eq!(shop.refused("operator", &["device", "add", "--unit", "wh:100"]), "unknown_operator");
    shop.send("operator", &["operator", "register", "--daily-cap", "500"]);
    shop.send("operator", &["operator", "set", "--daily-cap", "1000"]);
    let operator = shop.address("operator");
    let shown = shop.ask(&["operator", "show", &operator]);
    assert_eq!((&shown["dailyCap"], &shown["devices"]), (&json!(1000), &json!(0)), "{shown}");
}

fn add_device(shop: &Shop, more: &[&str]) -> String {
    let done = shop.send("operator", &[&["device", "add"], more].concat());
    text(&event(&done, "device_registered")["device"])
}

fn a_device_is_registered(shop: &Shop) -> String {
    let device = add_device(shop, &["--unit", "wh:100", "--profile", "own"]);
    let (alice, bob, (key, _)) = (shop.address("alice"), shop.address("bob"), shop.device_key(9));
    let words = ["device", "set", &device, "--owner", &alice, "--gateway", &bob, "--key", &key];
    shop.send("operator", &words);
    let set = ["contract", "set", &device, "--deposit", "20", "--included", "70", "--price", "0.05"];
    shop.send("operator", &[&set[..], &["--total", "150", "--postpaid"]].concat());
    shop.send("operator", &["device", "set", &device, "--suspended", "true"]);
    let nonce = "5f".repeat(32);
    let sale = ["issue", &device, "--free", "--value", "1", "--nonce", &nonce];
    assert_eq!(shop.refused("operator", &sale), "device_inactive");
    shop.send("operator", &["device", "set", &device, "--suspended", "false"]);
    let shown = shop.show(&device);
    assert_eq!(
        ["state", "owner", "gateway", "key"].map(|name| shown[name].clone()),
        [json!("active"), json!(alice), json!(bob), json!(key)],
        "what was not named stays: {shown}"
    );
    let contract = &shown["contract"];
    assert_eq!((&contract["terms"]["price"], &contract["left"]), (&json!("50000"), &json!("150000000")));
    device
}

/// In each way of payment: by hand, by a hold, from a wallet, not at all, on account.
fn tokens_are_sold(shop: &Shop, device: &str) {
    let nonce = "5f".repeat(32);
    let bare = ["issue", device, "--cash", "21"];
    assert_eq!(shop.refused("operator", &bare), "usage", "a commitment without a nonce");
    let little = ["issue", device, "--cash", "19", "--nonce", &nonce];
    assert_eq!(shop.refused("operator", &little), "wrong_price", "less than the deposit");
    let other = ["issue", device, "--cash", "21", "--value", "91", "--nonce", &nonce];
    assert_eq!(shop.refused("operator", &other), "wrong_price");
    assert_eq!(shop.issue("operator", device, &["--cash", "21"]), ("2".to_owned(), 90));

    let (alice, operator) = (shop.address("alice"), shop.address("operator"));
    let hold = ["ledger", "hold", "--debit", &alice, "--credit", &operator, "--amount", "2"];
    let done = shop.sign("alice", &[&hold[..], &["--captor", &operator]].concat());
    let hold = text(&event(&done, "hold_created")["hold"]);
    assert_eq!(shop.issue("operator", device, &["--hold", &hold]), ("4".to_owned(), 40));

    let secret = shop.file("issuer.nonces");
    let reserve = ["reserve", device, "--nonce-secret-file", &secret, "--tokens", "2", "--value"];
    assert_eq!(shop.refused("operator", &[&reserve[..], &["600"]].concat()), "issuance_capped");
    shop.send("operator", &[&reserve[..], &["100"]].concat());
    let kept = shop.ask(&["tokens", device]);
    let states: Vec<_> = kept["items"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, [&json!("reserved"), &json!("reserved"), &json!("issued"), &json!("issued")]);
    // Whoever pays from its own wallet buys what is reserved, and needs to know no secret for it.
    let unreserved = ["issue", device, "--wallet", "1", "--count", "20", "--nonce", &nonce];
    assert_eq!(shop.refused("alice", &unreserved), "not_reserved");
    let done = shop.send("alice", &["issue", device, "--wallet", "2.5", "--count", "6"]);
    let sold = event(&done, "token_issued");
    assert_eq!((&sold["token"]["value"], &sold["by"]), (&json!(50), &json!(alice)), "{sold}");

    assert_eq!(shop.issue("operator", device, &["--free", "--value", "5"]), ("10".to_owned(), 5));
    assert_eq!(shop.issue("operator", device, &["--postpaid", "--wh", "1000"]), ("12".to_owned(), 10));
    let shown = shop.show(device);
    assert_eq!((&shown["debt"], &shown["adds"]), (&json!("500000"), &json!(6)), "{shown}");
    assert_eq!(shown["contract"]["paid"], "25500000", "{shown}");
}

fn tokens_are_redeemed(shop: &Shop, device: &str) {
    let (_, key) = shop.device_key(9);
    let (_, other) = shop.device_key(10);
    let by_key = |file: &str, nonces: &[&str]| {
        let now = shop.now_ms().to_string();
        let words = ["redeem", device, "--count", "2", "--key-file", file, "--at", &now];
        words.iter().chain(nonces).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let secret = shop.file("issuer.nonces");
    let nonces = ["--nonce-secret-file", secret.as_str()];
    assert_eq!(shop.refused("carol", &texts(&by_key(&other, &nonces))), "wrong_device");
    let another = "5e".repeat(32);
    assert_eq!(shop.refused("carol", &texts(&by_key(&key, &["--nonce", &another]))), "bad_commitment");
    // Anybody brings what the device has signed.
    let done = shop.send("carol", &texts(&by_key(&key, &nonces)));
    assert_eq!(event(&done, "token_redeemed")["by"], "device");
    assert_eq!(event(&done, "credit_minted")["wh"], "9000");
    // The same token again: nothing of it is kept, and its count is used.
    assert_eq!(shop.refused("carol", &texts(&by_key(&key, &nonces))), "not_reserved");
    let again = by_key(&key, &["--kind", "add", "--value", "90"]);
    assert_eq!(shop.refused("carol", &texts(&again)), "token_used");

    let by_gateway = shop.taken("redeem", device, "4", &[]);
    assert_eq!(shop.refused("carol", &texts(&by_gateway)), "not_allowed");
    let done = shop.send("bob", &texts(&by_gateway));
    assert_eq!(event(&done, "token_redeemed")["by"], "gateway");
    shop.confirm(device, "6", &[]);
    // Sold without a chain: taken first, told later.
    shop.confirm(device, "8", &["--wh", "3000"]);
    let done = shop.send("operator", &["issue", device, "--count", "8", "--cash", "1.5"]);
    assert_eq!(event(&done, "token_issued")["token"]["value"], 30);
    shop.confirm(device, "10", &[]);
    shop.confirm(device, "12", &[]);
    let shown = shop.show(device);
    assert_eq!(shown["credit"]["availableWh"], "22500", "{shown}");
    assert_eq!((&shown["count"], &shown["adds"]), (&json!(12), &json!(0)), "{shown}");
    let kept = shop.ask(&["tokens", device]);
    assert_eq!(kept["items"], json!([]), "{kept}");
    let words = ["query", "proof", "--device", device, "--rpc", shop.devnet.url()];
    let proven = wattle_json(words);
    assert_eq!((&proven["verified"]["state"], &proven["value"]["count"]), (&json!(true), &json!(12)));
    let (wallet, asset) = (text(&shown["wallet"]), number(&shown["credit"]["asset"]).to_string());
    let words = ["query", "proof", &wallet, "--asset", &asset, "--rpc", shop.devnet.url()];
    assert_eq!(wattle_json(words)["value"]["available"], "22500");
    // Nobody's key moves it.
    let transfer = json!({ "to": shop.address("alice"), "asset": asset, "amount": "1" }).to_string();
    let (key, rpc) = (shop.file("net/operator.key"), shop.devnet.url());
    let call = ["tx", "call", "--module", "token", "--call", "transfer", "--args", &transfer];
    let (_, code) = wattle_error(call.into_iter().chain(["--secret-key-file", &key, "--rpc", rpc]));
    assert_eq!(code, "insufficient_funds");
}

fn debts_are_paid(shop: &Shop, device: &str) {
    assert_eq!(shop.list(&["--only", "overdue"]), [json!(device)]);
    assert_eq!(shop.refused("carol", &["pay", device, "--wallet", "0.6"]), "limit_exceeded");
    assert_eq!(shop.refused("carol", &["pay", device, "--cash", "0.1"]), "not_allowed");
    shop.send("operator", &["pay", device, "--cash", "0.2"]);
    shop.send("carol", &["pay", device, "--wallet", "0.3"]);
    assert_eq!(shop.show(device)["debt"], "0");
    assert!(shop.list(&["--only", "overdue"]).is_empty());
    assert_eq!(shop.list(&["--only", "low", "--below-wh", "22500"]), [json!(device)]);
    assert!(shop.list(&["--only", "low", "--below-wh", "22499"]).is_empty());
    assert!(shop.list(&["--only", "silent"]).is_empty());
}

fn a_gateway_draws(shop: &Shop, device: &str) {
    let expires = (shop.now_ms() + 30 * 86_400_000).to_string();
    let authorise = ["authorise", device, "--wh", "500", "--expires", &expires];
    assert_eq!(shop.refused("carol", &authorise), "not_allowed");
    let more = ["authorise", device, "--wh", "22501", "--expires", &expires];
    assert_eq!(shop.refused("bob", &more), "insufficient_funds");
    let done = shop.send("bob", &authorise);
    let authorisation = text(&event(&done, "credit_authorised")["authorisation"]);
    let credit = |shown: &Value| (text(&shown["credit"]["availableWh"]), text(&shown["credit"]["heldWh"]));
    assert_eq!(credit(&shop.show(device)), ("22000".to_owned(), "500".to_owned()));
    let draw = ["draw", device, "--authorisation", &authorisation, "--seq", "1", "--wh", "300"];
    for _ in 0..2 {
        // The same report again changes nothing.
        let done = shop.send("bob", &draw);
        let used = event(&done, "credit_used");
        assert_eq!((&used["remainingWh"], &used["stop"]), (&json!("200"), &json!(false)), "{used}");
    }
    let shown = shop.show(device);
    assert_eq!(credit(&shown), ("22000".to_owned(), "200".to_owned()));
    let one = &shown["authorisations"][0];
    assert_eq!((&one["usedWh"], &one["seq"], &one["stop"]), (&json!("300"), &json!("1"), &json!(false)));
    shop.send("bob", &["close", device, "--authorisation", &authorisation, "--wh", "420"]);
    assert_eq!(credit(&shop.show(device)), ("22080".to_owned(), "0".to_owned()));
    assert_eq!(shop.refused("bob", &draw), "unknown_hold");
}

/// The box takes the token all the same: then its price is a debt.
fn a_sale_is_taken_back(shop: &Shop, device: &str) {
    let (count, value) = shop.issue("operator", device, &["--cash", "1"]);
    assert_eq!(value, 20);
    let paid = shop.show(device)["contract"]["paid"].clone();
    let done = shop.send("operator", &["void", device, "--count", &count, "--refund"]);
    assert_eq!(event(&done, "token_voided")["refunded"], "1000000");
    assert_eq!(number(&shop.show(device)["contract"]["paid"]) + 1_000_000, number(&paid));
    assert_eq!(shop.ask(&["tokens", device])["items"][0]["state"], "voided");
    let sell = ["issue", device, "--cash", "1", "--count", &count];
    assert_eq!(shop.refused("operator", &sell), "token_used");
    let done = shop.confirm(device, &count, &[]);
    assert_eq!(event(&done, "device_owes")["amount"], "1000000");
    shop.send("carol", &["pay", device, "--wallet", "1"]);
    assert_eq!(shop.show(device)["credit"]["availableWh"], "24080");
}

fn a_device_is_cut_off_and_unlocked(shop: &Shop, device: &str) {
    let (count, _) = shop.issue("operator", device, &["--kind", "set", "--value", "0", "--free"]);
    let done = shop.confirm(device, &count, &[]);
    assert_eq!(event(&done, "credit_burned")["cause"], "set");
    assert_eq!(shop.show(device)["credit"]["availableWh"], "0");
    assert_eq!(shop.list(&["--only", "overdue"]), [json!(device)], "it has run out and is not paid off");
    let nonce = "5f".repeat(32);
    let unlock = ["issue", device, "--kind", "disable", "--free", "--nonce", &nonce];
    assert_eq!(shop.refused("operator", &unlock), "contract_unpaid");
    shop.send("operator", &["contract", "set", device, "--price", "0.05", "--total", "30"]);
    assert_eq!(shop.issue("operator", device, &["--cash", "5"]).1, 100);
    let (count, _) = shop.issue("operator", device, &["--kind", "disable", "--free"]);
    shop.confirm(device, &count, &[]);
    let shown = shop.show(device);
    assert_eq!((&shown["state"], &shown["contract"]["left"]), (&json!("unlocked"), &json!("0")), "{shown}");
    assert!(shop.list(&["--only", "overdue"]).is_empty());
    assert_eq!(
        shop.refused("operator", &["issue", device, "--cash", "5", "--nonce", &nonce]),
        "device_inactive"
    );
    shop.send("operator", &["contract", "end", device]);
    assert!(shop.show(device)["contract"].is_null());
}

/// A sibling of the same maker, with tokens of the same counts: no sale of one is good for the other.
fn wrong_devices_are_refused(shop: &Shop, device: &str) {
    let sibling = add_device(shop, &["--unit", "wh:100", "--profile", "c-firmware"]);
    assert_ne!(sibling, device);
    let ours = "5c".repeat(32);
    shop.send("operator", &["issue", &sibling, "--cash", "3", "--value", "30", "--nonce", &ours]);
    let now = shop.now_ms().to_string();
    let secret = shop.file("issuer.nonces");
    // The nonce of the other device's token with this count.
    let words = ["confirm", &sibling, "--count", "2", "--at", &now, "--nonce-secret-file", &secret];
    assert_eq!(shop.refused("operator", &words), "bad_commitment");
    let another = ["confirm", &sibling, "--count", "2", "--value", "31", "--at", &now, "--nonce", &ours];
    assert_eq!(shop.refused("operator", &another), "bad_commitment");
    let nobody = "00".repeat(32);
    let unknown = wattle_error(["paygo", "tokens", &nobody, "--rpc", shop.devnet.url()]);
    assert_eq!(unknown.1, "not_found");
    // A token that nobody committed to credits nothing, and is told.
    let words = ["confirm", &sibling, "--count", "4", "--kind", "add", "--value", "995", "--at", &now];
    let done = shop.send("operator", &words);
    assert_eq!(event(&done, "unknown_redemption")["token"]["value"], 995);
    assert_eq!(shop.show(&sibling)["credit"]["availableWh"], "0");
}

fn days_are_sold(shop: &Shop) {
    let device = add_device(shop, &["--unit", "days:1", "--divider", "4", "--count", "30"]);
    let nonce = "5f".repeat(32);
    let energy = ["issue", &device, "--cash", "3", "--wh", "100", "--nonce", &nonce];
    assert_eq!(shop.refused("operator", &energy), "usage");
    let (count, value) = shop.issue("operator", &device, &["--cash", "3", "--days", "30"]);
    assert_eq!((count.as_str(), value), ("32", 120));
    let done = shop.confirm(&device, &count, &[]);
    let until_ms = number(&event(&done, "token_redeemed")["activeUntilMs"]);
    let shown = shop.show(&device);
    assert_eq!((number(&shown["activeUntilMs"]), &shown["credit"]), (until_ms, &Value::Null), "{shown}");
    assert!(until_ms > shop.now_ms() + 29 * 86_400_000);
    assert!(!shop.list(&["--only", "low"]).contains(&json!(device)));
    assert!(shop.list(&["--only", "low", "--within-hours", "720"]).contains(&json!(device)));
}

/// The meter's import is taken from the credit as it is settled, and billed to nobody.
fn a_meter_uses_credit(shop: &Shop) {
    let (alice, url) = (shop.address("alice"), shop.devnet.url());
    let meters = curl_ok(url, "energy_listMeters", json!({}));
    let own = meters["items"].as_array().unwrap().iter().find(|meter| meter["owner"] == json!(alice));
    let meter = text(&own.unwrap_or_else(|| panic!("{meters}"))["address"]);
    let device = add_device(shop, &["--unit", "wh:100"]);
    let bob = shop.address("bob");
    let of = |owner: &str| ["device", "set", &device, "--owner", owner, "--meter", &meter].map(str::to_owned);
    assert_eq!(shop.refused("operator", &texts(&of(&bob))), "wrong_device", "another's meter");
    shop.send("operator", &texts(&of(&alice)));
    assert_eq!(curl_ok(url, "energy_getMeter", json!({ "address": meter }))["device"], json!(device));
    let (count, _) = shop.issue("operator", &device, &["--cash", "50", "--value", "900"]);
    shop.confirm(&device, &count, &[]);
    let burned = until("settlement takes credit for what the meter imported", PATIENCE, || {
        let page = shop.ask(&["history", &device]);
        let lines = page["items"].as_array().unwrap();
        lines.iter().find(|line| line["event"]["cause"] == "import").cloned()
    });
    assert!(burned["tx"].is_null() && number(&burned["event"]["wh"]) > 0, "{burned}");
    let place = json!({ "height": burned["height"], "index": burned["index"] });
    assert_eq!(curl_ok(url, "chain_getEventProof", place)["event"], burned["event"]);
    assert!(number(&shop.show(&device)["credit"]["availableWh"]) < 90_000);
    shop.send("operator", &["device", "set", &device, "--meter", "none"]);
    assert!(curl_ok(url, "energy_getMeter", json!({ "address": meter }))["device"].is_null());
}

/// Everything that was done to the device is in its history, newest first and in parts.
fn the_history_is_whole(shop: &Shop, device: &str) {
    let (mut kinds, mut places, mut cursor) = (BTreeSet::new(), Vec::new(), None::<String>);
    loop {
        let mut words = vec!["history", device, "--limit", "7"];
        words.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor.as_str()]));
        let page = shop.ask(&words);
        for line in page["items"].as_array().unwrap() {
            assert_eq!(line["event"]["device"], json!(device), "{line}");
            kinds.insert(text(&line["event"]["type"]));
            places.push((number(&line["height"]), number(&line["index"])));
        }
        let next = page["nextCursor"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    assert!(places.windows(2).all(|pair| pair[0] > pair[1]), "{places:?}");
    for kind in [
        "device_registered",
        "device_set",
        "token_reserved",
        "token_issued",
        "token_voided",
        "token_redeemed",
        "credit_minted",
        "credit_burned",
        "device_owes",
        "device_paid",
        "contract_paid",
        "credit_at_risk",
        "credit_authorised",
        "credit_used",
        "credit_closed",
    ] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
}

/// The secret of the nonces is in no file of the node's: neither its text nor its bytes.
fn no_secret_is_anywhere(shop: &Shop) {
    fn files(path: &std::path::Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, into) } else { into.push(path) }
        }
    }
    let secret = std::fs::read_to_string(shop.file("issuer.nonces")).unwrap();
    let bytes = crate::chain::from_hex(secret.trim());
    let mut all = Vec::new();
    files(&shop.dir.join("net"), &mut all);
    all.push(shop.dir.join("log"));
    assert!(all.len() > 5, "{all:?}");
    let holds = |content: &[u8], part: &[u8]| content.windows(part.len()).any(|window| window == part);
    for file in all {
        let Ok(content) = std::fs::read(&file) else { continue }; // a socket, or a file that was replaced
        let found = holds(&content, secret.trim().as_bytes()) || holds(&content, &bytes);
        assert!(!found, "{} holds the secret", file.display());
    }
}

/// Every subcommand that there is was called above, but for those that ask no chain.
fn all_was_called(shop: &Shop) {
    let (cli, mut all) = (Cli::command(), Vec::new());
    leaves(cli.find_subcommand("paygo").unwrap(), "", &mut all);
    all.retain(|path| !path.starts_with("token "));
    let called = shop.called.borrow();
    let missing: Vec<_> = all
        .iter()
        .filter(|path| !called.iter().any(|words| words == *path || words.starts_with(&format!("{path} "))))
        .collect();
    assert!(missing.is_empty() && all.len() >= 20, "{missing:?} of {}", all.len());
}
