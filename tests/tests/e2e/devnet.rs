//! `wattle devnet`: what it says, a payment made with `curl`, readings, and that it can be ended and begun again.

use crate::chain::{curl, curl_ok, from_hex, number, to_hex};
use crate::network::ports;
use crate::process::{PATIENCE, Process, program, until};
use ed25519_dalek::Signer as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use wattle_chain_spec::ChainSpec;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::state_key::{self, BalanceRecord};
use wattle_primitives::{Address, AssetId, Hash, Vote, decode};
use wattle_rpc_types::ProofReply;

/// Amount paid, base units.
const PAID: u128 = 1_250_000;

/// A running devnet.
pub(crate) struct Devnet {
    pub(crate) process: Process,
    /// The event that it began with.
    pub(crate) ready: Value,
}

impl Devnet {
    /// Starts `wattle devnet --json` in `dir` and waits until it is ready.
    pub(crate) fn start(dir: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(program("wattle"));
        command.args(["devnet", "--json", "--dir"]).arg(dir.join("net")).args(options);
        let process = Process::start("devnet", &mut command, &dir.join("log"));
        let ready = process.event();
        assert_eq!(ready["event"], "ready", "{ready}");
        Self { process, ready }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["rpc"].as_str().unwrap()
    }

    pub(crate) fn wallet(&self, name: &str) -> &Value {
        let wallets = self.ready["wallets"].as_array().unwrap();
        wallets.iter().find(|w| w["name"] == name).unwrap()
    }

    /// Ends it as Ctrl-C does; its last word.
    pub(crate) fn interrupt(mut self) -> Value {
        self.process.signal_group(Signal::INT);
        let status = self.process.wait(PATIENCE);
        let rest = self.process.rest();
        assert!(status.success(), "{status}\n{}", self.process.log_tail());
        let events: Vec<Value> = rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        events.last().unwrap_or_else(|| panic!("no summary\n{}", self.process.log_tail())).clone()
    }
}

fn port() -> String {
    ports(4).to_string()
}

/// Goal: the ready event holds what wallets need, a payment signed by others' code is final, its proof holds.
#[test]
fn a_transfer_sent_with_curl_becomes_final_and_is_proven() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = ports(8);
    let busy = std::net::TcpListener::bind(("127.0.0.1", wanted + 2)).unwrap(); // a later validator's
    let devnet =
        Devnet::start(dir.path(), &["--processes", "--meters", "2", "--rpc-port", &wanted.to_string()]);
    let ready = &devnet.ready;
    assert_eq!(ready["validators"].as_array().unwrap().len(), 4, "{ready}");
    assert!(
        ready["validators"].as_array().unwrap().iter().all(|v| v["pid"].is_u64() && v["rpc"].is_string())
    );
    let first_ms = number(&ready["firstFinalBlockMs"]);
    println!("firstFinalBlockMs {first_ms}");
    assert!(first_ms > 0 && Duration::from_millis(first_ms) < PATIENCE);

    let (alice, url) = (devnet.wallet("alice"), devnet.url());
    let carol: Address = devnet.wallet("carol")["address"].as_str().unwrap().parse().unwrap();
    let before = available(url, &carol);
    let id = pay(url, alice, &carol);
    let status = finality(url, &id);
    assert_eq!(status["receipt"]["code"], "success", "{status}");
    assert_eq!(available(url, &carol), before + PAID);
    let spec = ChainSpec::load(&dir.path().join("net/genesis.toml")).unwrap();
    let chain: Hash = ready["genesisHash"].as_str().unwrap().parse().unwrap();
    // Every validator can prove it, not only the one that was asked to submit it.
    for validator in ready["validators"].as_array().unwrap() {
        let url = validator["rpc"].as_str().unwrap();
        finality(url, &id);
        assert_eq!(proven_balance(url, &spec, &chain, &carol), before + PAID);
    }
    let last = devnet.interrupt();
    assert_eq!(last["event"], "stopped", "{last}");
    drop(busy);
}

/// Builds with `tx_prepare`, signs the bytes it names outside, submits twice.
fn pay(url: &str, from: &Value, to: &Address) -> String {
    let transfer = json!({ "module": "token", "call": "transfer",
        "args": { "to": to, "asset": 0, "amount": PAID.to_string() } });
    let prepared = curl_ok(url, "tx_prepare", json!({ "calls": [transfer], "sender": from["address"] }));
    let seed: [u8; 32] = from_hex(from["secretKeyHex"].as_str().unwrap()).try_into().unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    let signature = key.sign(&from_hex(prepared["signingHex"].as_str().unwrap()));
    let auth =
        json!({ "key": to_hex(key.verifying_key().as_bytes()), "signature": to_hex(&signature.to_bytes()) });
    let signed = json!({ "bodyHex": prepared["bodyHex"], "auths": [auth] });
    let sent = curl_ok(url, "tx_submit", signed.clone());
    assert_eq!(sent["id"], prepared["id"]);
    assert_eq!(curl_ok(url, "tx_submit", signed.clone()), sent, "the same transaction again has the same id");
    let id = sent["id"].as_str().unwrap().to_owned();
    finality(url, &id);
    assert_eq!(curl_ok(url, "tx_submit", signed)["id"], sent["id"], "also when it is final");
    id
}

fn finality(url: &str, id: &str) -> Value {
    until("the transfer is final", PATIENCE, || {
        let status = curl(url, "tx_status", json!({ "id": id }))["result"].take();
        (status["state"] == "finalized").then_some(status)
    })
}

fn available(url: &str, address: &Address) -> u128 {
    let account = curl_ok(url, "account_get", json!({ "address": address }));
    account["balances"][0]["available"].as_str().unwrap().parse().unwrap()
}

/// The native balance that a node proves, with nothing believed but the genesis file.
fn proven_balance(url: &str, spec: &ChainSpec, chain: &Hash, owner: &Address) -> u128 {
    let key = state_key::balance(&AccountId::Wallet { owner: *owner }, AssetId::NATIVE);
    let reply = curl_ok(url, "account_getProof", json!({ "key": to_hex(&key) }));
    let reply: ProofReply = serde_json::from_value(reply).unwrap();
    let value = reply.value.expect("a balance");
    reply.proof.verify(&reply.header.state_root, &key, Some(&value)).unwrap();
    assert!(reply.proof.verify(&reply.header.state_root, &key, None).is_err());
    let mut certified = &reply.header;
    for header in &reply.path {
        assert_eq!((header.parent, header.height), (certified.hash(), certified.height.next()));
        certified = header;
    }
    let certificate = reply.finalization.expect("above genesis");
    let Vote::Finalize(proposal) = certificate.vote else {
        panic!("{:?} finalizes nothing", certificate.vote)
    };
    assert_eq!(proposal.block, certified.hash());
    let set = spec.genesis.validators(proposal.round.epoch).unwrap();
    certificate.verify(chain, set).unwrap();
    assert_eq!(set.hash(), certified.validators_hash);
    let balance: BalanceRecord = decode(&value).unwrap();
    balance.credits_posted - balance.debits_posted - balance.debits_pending
}

/// Goal: what the meters' registers show is what the chain says, for each meter.
#[test]
fn readings_on_chain_are_what_the_registers_show() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path(), &["--rpc-port", &port()]);
    let (url, meters) = (devnet.url(), devnet.ready["meters"].as_array().unwrap());
    assert_eq!(meters.len(), 6);
    let now = number(&curl_ok(url, "chain_status", json!({}))["timeMs"]);
    let registers = |meter: &Value| read_counters(meter["modbus"].as_str().unwrap());
    let before: Vec<_> = meters.iter().map(registers).collect();
    let after_ms = now.max(crate::chain::now_ms());
    for (meter, before) in meters.iter().zip(before) {
        // The first one since may be of registers that were read before; the next one is not.
        let reading = until("two readings are on chain", PATIENCE, || {
            let list = curl_ok(url, "energy_listReadings", json!({ "meter": meter["address"] }));
            let items = list["items"].as_array().unwrap().iter();
            let mut since: Vec<Value> =
                items.filter(|item| number(&item["timeMs"]) >= after_ms).cloned().collect();
            since.sort_by_key(|item| number(&item["seq"]));
            since.into_iter().nth(1)
        });
        let after = registers(meter);
        let chain = (number(&reading["importWh"]), number(&reading["exportWh"]));
        assert!(before.0 <= chain.0 && chain.0 <= after.0, "{before:?} {chain:?} {after:?}");
        assert!(before.1 <= chain.1 && chain.1 <= after.1, "{before:?} {chain:?} {after:?}");
        let known = curl_ok(url, "energy_getMeter", json!({ "address": meter["address"] }));
        assert!(number(&known["seq"]) >= number(&reading["seq"]));
    }
    let last = devnet.interrupt();
    assert!(number(&last["transactions"]) > 0, "{last}");
}

/// Import and export counters in Wh, read over Modbus TCP byte by byte: no code shared with the product.
fn read_counters(address: &str) -> (u64, u64) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Transaction 1, protocol 0, six bytes follow: unit 1, read input registers, from 0x48, four.
    stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 4, 0, 0x48, 0, 4]).unwrap();
    let mut answer = [0u8; 17];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..9], [0, 1, 0, 0, 0, 11, 1, 4, 8]);
    let word = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
    let wh = |words: [u16; 2]| RegisterEncoding::Float32Kwh.watt_hours(&words).unwrap().0;
    (wh([word(9), word(11)]), wh([word(13), word(15)]))
}

/// Goal: the same directory goes on with the same chain; a busy port is no reason to fail.
#[test]
fn a_second_start_resumes_the_chain_and_avoids_a_busy_port() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = ports(8);
    let wanted_text = wanted.to_string();
    let options = ["--meters", "1", "--rpc-port", &wanted_text];
    let first = Devnet::start(dir.path(), &options);
    assert_eq!(first.url(), format!("http://127.0.0.1:{wanted}/rpc"));
    let genesis = first.ready["genesisHash"].clone();
    let url = first.url().to_owned();
    let height = until("five blocks", PATIENCE, || {
        Some(number(&curl_ok(&url, "chain_status", json!({}))["height"])).filter(|height| *height >= 5)
    });
    let hash = curl_ok(&url, "chain_getBlock", json!({ "height": height.to_string() }))["hash"].clone();
    let last = first.interrupt();
    assert!(last["event"] == "stopped" && number(&last["height"]) > 0, "{last}");

    let busy = std::net::TcpListener::bind(("127.0.0.1", wanted)).unwrap();
    let second = Devnet::start(dir.path(), &options);
    assert_ne!(second.url(), url, "the port is taken");
    assert_eq!(second.ready["genesisHash"], genesis);
    assert!(number(&second.ready["height"]) >= height, "{}", second.ready);
    let again = curl_ok(second.url(), "chain_getBlock", json!({ "height": height.to_string() }));
    assert_eq!(again["hash"], hash);
    let resumed = number(&second.ready["height"]);
    until("the chain goes on", PATIENCE, || {
        (number(&curl_ok(second.url(), "chain_status", json!({}))["height"]) > resumed + 2).then_some(())
    });
    second.interrupt();
    drop(busy);
}
