//! The command line, through the real program against a real node.

use crate::chain::number;
use crate::devnet::Devnet;
use crate::network::ports;
use crate::process::{wattle, wattle_error, wattle_json};
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A user with a keystore, a password file and a node to ask.
struct User {
    options: Vec<String>,
    dir: PathBuf,
}

impl User {
    fn new(dir: &Path, url: &str) -> Self {
        let password = dir.join("password");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&password).unwrap();
        std::io::Write::write_all(&mut file, b"correct horse battery\n").unwrap();
        let text = |path: PathBuf| path.display().to_string();
        let options =
            ["--rpc", url, "--password-file", &text(password), "--keystore", &text(dir.join("keys"))];
        Self { options: options.map(str::to_owned).into(), dir: dir.to_owned() }
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        args.iter().copied().chain(self.options.iter().map(String::as_str)).collect()
    }

    fn json(&self, args: &[&str]) -> Value {
        wattle_json(self.args(args))
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// Goal: a user makes a key, pays and is paid, signs offline and looks at the chain, by documents that machines read.
#[test]
fn a_user_works_by_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let port = ports(1).to_string();
    let devnet = Devnet::start(dir.path(), &["--validators", "1", "--meters", "1", "--rpc-port", &port]);
    let user = User::new(dir.path(), devnet.url());
    let made = user.json(&["keys", "new", "dora"]);
    assert_eq!(made["mnemonic"].as_str().unwrap().split(' ').count(), 24);
    let dora = made["address"].as_str().unwrap();
    let listed = user.json(&["keys", "list"]);
    assert_eq!(listed["keys"][0]["address"], made["address"]);
    assert_eq!(user.json(&["keys", "show", "dora"])["publicKey"], made["publicKey"]);
    let other = devnet.wallet("bob")["address"].as_str().unwrap().to_owned();

    let alice = user.file("net/alice.key");
    let paid = user.json(&["wallet", "send", "--secret-key-file", &alice, "--to", dora, "--amount", "5"]);
    assert_eq!(paid["state"], "finalized", "{paid}");
    let args = ["wallet", "send", "--from", "dora", "--to", &other, "--amount", "1.5", "--wait", "finalized"];
    let sent = user.json(&args);
    assert_eq!(
        (&sent["state"], &sent["receipt"]["code"]),
        (&json!("finalized"), &json!("success")),
        "{sent}"
    );
    let balance = user.json(&["wallet", "balance", "dora"]);
    assert!(number(&balance["balances"][0]["available"]) < 3_500_000, "{balance}");
    let history = user.json(&["wallet", "history", "dora"]);
    assert_eq!(history["items"].as_array().unwrap().len(), 2, "{history}");

    let supply = user.json(&["token", "supply", "WAT"]);
    let places = ["wallets", "held", "fees", "deposits", "books"].map(|place| number(&supply[place]));
    assert_eq!(number(&supply["issued"]) - number(&supply["burned"]), places.iter().sum::<u64>(), "{supply}");

    let broke = ["wallet", "send", "--from", "dora", "--to", &other, "--amount", "1000"];
    assert_eq!(
        wattle_error(user.args(&broke)),
        (1, "insufficient_funds".to_owned()),
        "tried before it is sent"
    );
    assert_eq!(
        user.json(&["wallet", "history", "dora"])["items"].as_array().unwrap().len(),
        2,
        "no fee is spent"
    );

    granted(&user, &alice, &other);
    sponsored(&user, &alice, devnet.wallet("alice")["address"].as_str().unwrap(), &other);
    offline(&user, &other);
    issued(&user, dora);
    look(&user, dora, sent["id"].as_str().unwrap());
    refusals(&user);
    moved(&user, dora);
    devnet.interrupt();
}

/// Goal: the measurement counts the transfers that it sends.
#[test]
fn a_measurement_counts_its_transfers() {
    let all = ["bench", "--rate", "20", "--max", "20", "--seconds", "60", "--validators", "1"];
    let measured = wattle_json(all);
    let [run] = &measured["runs"].as_array().unwrap()[..] else { panic!("{measured}") };
    assert_eq!((run["sent"].as_u64(), run["refused"].as_u64()), (Some(20), Some(0)), "{run}");
    assert!((1..=20).contains(&run["finalized"].as_u64().unwrap()), "{run}");
}

/// Somebody lets the user act on its behalf, for a while.
fn granted(user: &User, grantor: &str, to: &str) {
    let by = ["--secret-key-file", grantor];
    let issue = [&["token", "issue", "--symbol", "KES", "--scale", "2"][..], &by[..]].concat();
    assert_eq!(user.json(&issue)["receipt"]["code"], "success");
    let terms = [
        "--to",
        "dora",
        "--call",
        "token.transfer",
        "--asset",
        "WAT",
        "--total",
        "2",
        "--asset",
        "KES",
        "--total",
        "7",
        "--per-tx",
        "1.5",
        "--expires-in",
        "3600",
    ];
    let add: Vec<&str> = ["grant", "add"].into_iter().chain(by).chain(terms).collect();
    assert_eq!(user.json(&add)["receipt"]["code"], "success");
    let listed = user.json(&["grant", "list", "--to", "dora"]);
    let [given] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed}") };
    let (id, alice) = (given["grant"].as_str().unwrap(), given["grantor"].as_str().unwrap());
    let most = |row: usize| {
        let row = &given["limits"]["spending"][row];
        ["total", "perTx"].map(|limit| number(&row[limit]))
    };
    assert_eq!([most(0), most(1)], [[2_000_000, 1_500_000], [700, 150]], "{given}");
    let before = user.json(&["wallet", "balance", alice]);
    let pay = |amount| {
        [
            "token", "transfer", "--from", "dora", "--grant", id, "--asset", "WAT", "--to", to, "--amount",
            amount,
        ]
    };
    assert_eq!(user.json(&pay("1.5"))["receipt"]["code"], "success");
    let after = user.json(&["wallet", "balance", alice]);
    let available = |account: &Value| number(&account["balances"][0]["available"]);
    assert_eq!(available(&before) - available(&after), 1_500_000);
    assert_eq!(wattle_error(user.args(&pay("1"))), (1, "grant_exceeded".to_owned()));
    let left = user.json(&["grant", "show", id]);
    assert_eq!(number(&left["spent"][0]["left"]), 500_000, "{left}");
    let revoke: Vec<&str> = ["grant", "revoke", id].into_iter().chain(by).collect();
    assert_eq!(user.json(&revoke)["receipt"]["code"], "success");
    assert_eq!(wattle_error(user.args(&pay("0.1"))), (1, "unknown_grant".to_owned()));
}

/// Somebody pays the user's fees for a while, and then signs for one.
fn sponsored(user: &User, key: &str, sponsor: &str, to: &str) {
    let by = ["--secret-key-file", key];
    let terms = ["--to", "dora", "--total", "2", "--tx-per-hour", "60", "--expires-in", "3600"];
    let begin = [&["grant", "sponsor"][..], &terms[..], &by[..]].concat();
    assert_eq!(user.json(&begin)["receipt"]["code"], "success");
    let ask = ["grant", "sponsorship", "--by", sponsor, "--to", "dora"];
    let left = || number(&user.json(&ask)["spent"][0]["left"]);
    for side in [["--by", sponsor], ["--to", "dora"]] {
        let listed = user.json(&[&["grant", "sponsorships"][..], &side[..]].concat());
        let items = listed["items"].as_array().unwrap();
        let one = user.json(&ask);
        let same = |item: &&Value| item["grantee"] == one["grantee"] && item["spent"] == one["spent"];
        assert_eq!(items.iter().filter(same).count(), 1, "{listed}");
    }
    let available = || number(&user.json(&["wallet", "balance", "dora"])["balances"][0]["available"]);
    assert_eq!(left(), 2_000_000);
    let pay = ["wallet", "send", "--from", "dora", "--fee-payer", sponsor, "--to", to, "--amount", "0.1"];
    let before = available();
    let paid = user.json(&pay);
    assert_eq!(paid["receipt"]["code"], "success", "{paid}");
    assert_eq!(before - available(), 100_000, "the fee is not the user's");
    assert_eq!(left(), 2_000_000 - number(&paid["receipt"]["fee"]));
    let end = [&["grant", "unsponsor", "--to", "dora"][..], &by[..]].concat();
    assert_eq!(user.json(&end)["receipt"]["code"], "success");
    assert_eq!(wattle_error(user.args(&ask)), (1, "not_found".to_owned()));
    assert_eq!(wattle_error(user.args(&pay)), (1, "tx_not_sponsored".to_owned()));
    // With its own signature it pays as well; that can be tried before, as soon as it is built.
    let file = user.file("paid.json");
    let args = json!({ "to": to, "asset": "0", "amount": "100000" }).to_string();
    let call = ["--module", "token", "--call", "transfer", "--args", &args, "--out", &file];
    let build = ["tx", "build", "--sender", "dora", "--fee-payer", sponsor];
    user.json(&[&build[..], &call[..]].concat());
    for signer in [["--from", "dora"], by] {
        let simulated = user.json(&["tx", "simulate", &file]);
        assert_eq!(simulated["receipt"]["code"], "success", "{simulated}");
        user.json(&[&["tx", "sign", &file, "--out", &file][..], &signer[..]].concat());
    }
    assert_eq!(user.json(&["tx", "simulate", &file])["receipt"]["code"], "success");
    assert_eq!(user.json(&["tx", "submit", &file])["receipt"]["code"], "success");
}

/// Built online, signed without network, submitted.
fn offline(user: &User, to: &str) {
    let (draft, signed) = (user.file("draft.json"), user.file("signed.json"));
    let args = json!({ "to": to, "asset": "0", "amount": "250000" }).to_string();
    let call = ["--module", "token", "--call", "transfer", "--args", &args];
    let build: Vec<&str> =
        ["tx", "build", "--sender", "dora", "--out", &draft].into_iter().chain(call).collect();
    let built = user.json(&build);
    let simulated = user.json(&["tx", "simulate", &draft]);
    assert_eq!((&simulated["id"], &simulated["receipt"]["code"]), (&built["id"], &json!("success")));
    // Nobody listens on the endpoint that signing is given.
    let mut sign = user.args(&["tx", "sign", &draft, "--from", "dora", "--out", &signed]);
    sign.iter_mut().filter(|arg| **arg == user.options[1]).for_each(|arg| *arg = "http://127.0.0.1:9/rpc");
    assert_eq!(wattle_json(sign)["id"], built["id"]);
    assert_eq!(user.json(&["tx", "show", &signed])["auths"].as_array().unwrap().len(), 1);
    let submitted = user.json(&["tx", "submit", &signed, "--wait", "finalized"]);
    assert_eq!((&submitted["id"], &submitted["state"]), (&built["id"], &json!("finalized")));
    let id = built["id"].as_str().unwrap();
    assert_eq!(user.json(&["tx", "status", id])["state"], "finalized");
    assert_eq!(user.json(&["tx", "get", id])["id"], built["id"]);
}

/// An asset of the user's own: issued, minted, burned, and paid in one step by any call.
fn issued(user: &User, dora: &str) {
    let done = |args: &[&str]| {
        let done = user.json(args);
        assert_eq!(done["receipt"]["code"], "success", "{args:?}: {done}");
    };
    done(&["token", "issue", "--from", "dora", "--symbol", "OWN", "--scale", "2"]);
    done(&["token", "mint", "--from", "dora", "--asset", "OWN", "--to", dora, "--amount", "10"]);
    done(&["token", "burn", "--from", "dora", "--asset", "OWN", "--amount", "2.5"]);
    let own = user.json(&["token", "show", "OWN"]);
    assert_eq!((number(&own["supply"]), &own["issuer"]), (750, &json!(dora)), "{own}");
    let listed = user.json(&["token", "list"]);
    assert!(listed["items"].as_array().unwrap().contains(&own), "{listed}");
    let args = json!({ "asset": own["id"], "amount": "50" }).to_string();
    done(&["tx", "call", "--from", "dora", "--module", "token", "--call", "burn", "--args", &args]);
    let supply = user.json(&["token", "supply", "OWN"]);
    assert_eq!((number(&supply["issued"]), number(&supply["burned"])), (1000, 300), "{supply}");
}

/// A key goes from one keystore to another as a file.
fn moved(user: &User, dora: &str) {
    let file = user.file("dora.hex");
    user.json(&["keys", "export", "dora", "--out", &file]);
    let again = user.json(&["keys", "import", "again", "--secret-key-file", &file]);
    assert_eq!(again["address"], dora);
}

/// Every question that can be asked answers with one document.
fn look(user: &User, address: &str, id: &str) {
    let questions: [&[&str]; 18] = [
        &["query", "status"],
        &["query", "block"],
        &["query", "block", "1"],
        &["query", "account", address],
        &["query", "balances", address],
        &["query", "proof", address],
        &["query", "proof", address, "--asset", "0"],
        &["query", "validators"],
        &["query", "events", "--limit", "5"],
        &["query", "search", id],
        &["query", "params"],
        &["query", "peers"],
        &["query", "consensus"],
        &["query", "evidence"],
        &["query", "ledger-account", "{\"kind\": \"system\", \"account\": \"fees\"}"],
        &["query", "call", "rpc.discover"],
        &["query", "call", "energy_listMeters"],
        &["completions", "bash"],
    ];
    for question in questions {
        let answer = user.json(question);
        assert!(answer.is_object(), "{question:?}: {answer}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = wattle(["completions", shell]);
        assert!(code == 0 && script.contains("wattle"), "{shell}: {code}");
    }
}

/// A failure says so by a stable code, also as one document.
fn refusals(user: &User) {
    let nothing = "5f".repeat(32);
    let table: [(&[&str], i32, &str); 5] = [
        (&["query", "block", "999999999"], 1, "not_found"),
        (&["query", "hold", nothing.as_str()], 1, "not_found"),
        (&["query", "status", "--rpc", "http://127.0.0.1:9/rpc"], 1, "rpc_unreachable"),
        (&["wallet", "send"], 2, "usage"),
        (&["keys", "new", "dora"], 1, "key_exists"),
    ];
    for (args, code, text) in table {
        let args = if args.contains(&"--rpc") { args.to_vec() } else { user.args(args) };
        assert_eq!(wattle_error(args.clone()), (code, text.to_owned()), "{args:?}");
    }
}
