//! Writes the seed corpus from real values: `cargo run --release -p wattle-fuzz --example seeds`.
//!
//! Seeds are named `seed-…` and are written anew; inputs named `found-…` are regressions and stay.

use serde_json::{Value, json};
use std::path::Path;
use wattle_chain_spec::{Checkpoint, Preset};
use wattle_cli::keystore::derive;
use wattle_consensus::{LightBlock, Record};
use wattle_fuzz::disk::{self, SEGMENT, SIGN_FILE};
use wattle_fuzz::world::{START_MS, key, secret, tx, world};
use wattle_host::seal::{KdfParams, KeyFile, Password};
use wattle_meter::queue::Queue;
use wattle_meter::sensor::BUILT_IN;
use wattle_node::journal::WalRecord;
use wattle_node::signer::{DataDir, Signer};
use wattle_p2p::wire::{
    self, Gossip, Hello, HelloAnswer, Refusal, Request, Response, Role, ValidatorMessage,
};
use wattle_primitives::genesis::{GenesisAccount, ScheduledSet};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::{
    Address, Amount, Block, BoundedBytes, BoundedVec, Call, Epoch, Evidence, Hash, Height, PublicKey, Tx,
    ValidatorIndex, View, Vote, decode, encode,
};
use wattle_test_disk::SimDir;

fn main() {
    for (target, seeds) in all() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("seed-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let bytes: usize = seeds.iter().map(Vec::len).sum();
        println!("{target}: {} seeds, {bytes} bytes", seeds.len());
        for (at, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{at:02}")), seed).unwrap();
        }
    }
}

type Seeds = Vec<Vec<u8>>;

fn all() -> Vec<(&'static str, Seeds)> {
    let world = world();
    let certificate = world.certificates[3].clone().unwrap();
    vec![
        ("tx", txs().iter().map(encode).collect()),
        ("block", vec![encode(&world.blocks[0]), encode(&world.blocks[1]), encode(&long_block())]),
        ("header", vec![encode(world.header(0)), encode(world.header(5))]),
        ("certificate", vec![encode(&certificate), encode(&world.certificate(nullify()))]),
        ("vote", votes().iter().map(encode).collect()),
        ("validator_message", messages().iter().map(encode).collect()),
        ("validator_stream", streams()),
        ("gossip", gossip().iter().map(encode).collect()),
        ("request", requests().iter().map(encode).collect()),
        ("response", responses().iter().map(encode).collect()),
        (
            "hello",
            vec![encode(&hello()), encode(&HelloAnswer::Accept(Box::new(hello()))), encode(&refusal())],
        ),
        ("frames", frames()),
        ("light_block", light_blocks()),
        ("state_proof", state_proofs()),
        ("list_proof", list_proofs()),
        ("signatures", signatures()),
        ("genesis_toml", genesis()),
        ("checkpoint", checkpoints()),
        ("calls_json", calls().into_iter().map(|(_, json)| text(json!([json]))).collect()),
        ("rpc", rpc()),
        ("text", texts()),
        ("amount", ["\u{6}1.5", "\u{6}1.5 WAT", "\u{12}1500000 base", "\x007"].map(bytes).to_vec()),
        ("node_config", vec![node_config()]),
        ("light_config", vec![include_bytes!("../../meter/light.example.toml").to_vec()]),
        ("meter_profile", BUILT_IN.iter().map(|(_, text)| bytes(text)).collect()),
        ("modbus", modbus()),
        ("wal", logs()),
        ("sign_state", sign_states()),
        ("key_file", key_files()),
        ("meter_queue", queues()),
    ]
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn text(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Every kind of call, encoded and in JSON, from the protocol's test vectors.
fn calls() -> Vec<(Call, Value)> {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/encodings.json")).unwrap();
    let named = vectors.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("Call::"));
    let calls = named.map(|(_, vector)| {
        let json = vector["json"].clone();
        (serde_json::from_value(json.clone()).unwrap(), json)
    });
    calls.collect()
}

fn txs() -> Vec<Tx> {
    let with = |calls: Vec<Call>| {
        let plain = tx(world().chain, 1);
        let mut body = plain.body().clone();
        body.calls = BoundedVec::new(calls).unwrap();
        Tx::new(body, plain.auths().to_vec()).unwrap()
    };
    let mut all: Vec<Tx> = calls().into_iter().map(|(call, _)| with(vec![call])).collect();
    all.push(with(calls().into_iter().take(4).map(|(call, _)| call).collect()));
    all
}

fn long_block() -> Block {
    Block { header: world().header(2).clone(), txs: txs().into_iter().take(6).collect() }
}

fn nullify() -> Vote {
    world().certificates[3].as_ref().map(|c| Vote::Nullify(c.round())).unwrap()
}

fn votes() -> Vec<wattle_primitives::SignedVote> {
    let proposal = world().certificates[3].as_ref().and_then(|c| c.vote.proposal()).unwrap();
    vec![
        world().signed(2, Vote::Notarize(proposal)),
        world().signed(3, nullify()),
        world().signed(4, Vote::Finalize(proposal)),
    ]
}

fn messages() -> Vec<ValidatorMessage> {
    let world = world();
    let block = Box::new(world.blocks[3].clone());
    vec![
        ValidatorMessage::Proposal { vote: votes()[0], block },
        ValidatorMessage::Vote(votes()[1]),
        ValidatorMessage::Certificate(world.certificates[3].clone().unwrap()),
        ValidatorMessage::Heard(heard()),
        ValidatorMessage::Clock(world.blocks[3].header.time_ms),
    ]
}

fn heard() -> wire::Heard {
    wire::Heard { epoch: Epoch(0), numbers: BoundedVec::new(vec![7, 0, 65_535, 1]).unwrap() }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

fn streams() -> Seeds {
    let frames: Seeds = messages().iter().map(|message| framed(&encode(message))).collect();
    vec![
        [&[0][..], &frames[1], &frames[2], &frames[3], &frames[1]].concat(),
        [&[15][..], &frames[0], &frames[0]].concat(),
        [&[0][..], &frames[0]].concat(),
        [&[0][..], &(1u32 << 30).to_le_bytes()].concat(),
    ]
}

fn wire_light(height: u64, path: u64) -> wire::LightBlock {
    let world = world();
    let headers = (height + 1..=height + path).map(|h| world.header(h).clone()).collect();
    let end = usize::try_from(height + path).unwrap();
    wire::LightBlock {
        header: world.header(height).clone(),
        certificate: world.certificates[end].clone().unwrap(),
        path: BoundedVec::new(headers).unwrap(),
    }
}

fn gossip() -> Vec<Gossip> {
    let some = BoundedVec::new(txs().into_iter().take(3).collect()).unwrap();
    let evidence = Evidence { first: votes()[0], second: votes()[1] };
    vec![
        Gossip::Txs(some),
        Gossip::Finalized(Box::new(wire_light(2, 2))),
        Gossip::Evidence(Box::new(evidence)),
    ]
}

fn requests() -> Vec<Request> {
    vec![
        Request::Status,
        Request::Blocks { from: Height(1), count: 16, bytes: 65_536 },
        Request::BlockByHash { hash: world().chain, offset: 1, bytes: 4_096 },
        Request::Certificates { epoch: Epoch(0), above_view: View(3), max: 8 },
        Request::LightBlock { height: Some(Height(2)) },
        Request::EpochProof { epoch: Epoch(0) },
        Request::Proof {
            keys: BoundedVec::new(vec![BoundedBytes::new(vec![1, 1, 2]).unwrap()]).unwrap(),
            known: Height(2),
        },
        Request::SubmitTx(Box::new(txs().remove(0))),
        Request::TxStatus(Hash([4; 32])),
        Request::Account(Address::of_key(&key(5))),
        Request::Heard,
        Request::Reached,
    ]
}

fn responses() -> Vec<Response> {
    let world = world();
    let sync = |height: usize| wire::SyncBlock {
        block: world.blocks[height].clone(),
        certificate: world.certificates[height].clone(),
    };
    let status = wire::Status {
        height: Height(6),
        hash: world.chain,
        epoch: Epoch(0),
        view: View(7),
        version: 1,
        syncing: false,
    };
    let (raw, value) = world.entries[4].clone();
    let value = Some(BoundedBytes::new(value).unwrap());
    let record = wire::ProofAnswer {
        values: BoundedVec::new(vec![wire::ProvenValue { value, proof: world.state.prove(&raw) }]).unwrap(),
        known: Some(world.header(2).hash()),
        light: wire_light(3, 1),
    };
    let epoch = wire::EpochProof {
        header: world.header(6).clone(),
        certificate: world.certificates[6].clone().unwrap(),
        next_validators: world.set.clone(),
    };
    vec![
        Response::error(wire::ErrorCode::Pruned, "below 5"),
        Response::Busy,
        Response::Status(status),
        Response::Blocks(BoundedVec::new(vec![sync(1), sync(2)]).unwrap()),
        Response::Block(Some(Box::new(sync(3)))),
        sync(3).answer(16, 1_024),
        Response::Certificates(BoundedVec::new(vec![world.certificates[2].clone().unwrap()]).unwrap()),
        Response::LightBlock(Box::new(wire_light(2, 2))),
        Response::EpochProof(Box::new(epoch)),
        Response::Proof(Box::new(record)),
        Response::Submitted { id: Hash([5; 32]) },
        Response::Heard(heard()),
        Response::Reached(wire::Reached { epoch: Epoch(0), certificate: world.certificates[2].clone() }),
        Response::TxStatus(wire::TxFate::Included { height: Height(3) }),
        Response::TxStatus(wire::TxFate::Rejected { code: wire::Text::new("nonce_too_low") }),
    ]
}

fn hello() -> Hello {
    let world = world();
    Hello {
        version: 1,
        genesis: world.chain,
        role: Role::Validator,
        validator: Some(world.handshake_proof()),
        meter: None,
        height: Height(6),
        session: 7,
    }
}

fn refusal() -> HelloAnswer {
    HelloAnswer::Refuse(Refusal::Genesis)
}

fn frames() -> Seeds {
    vec![
        framed(&encode(&hello())),
        framed(&encode(&refusal())),
        framed(&encode(&requests()[1])),
        framed(&encode(&responses()[3])),
        (1u32 << 30).to_le_bytes().to_vec(),
    ]
}

fn light_blocks() -> Seeds {
    let full = |height, path| {
        let wire = wire_light(height, path);
        let (header, path, certificate) = (wire.header, wire.path.into_inner(), wire.certificate);
        LightBlock {
            header,
            path: BoundedVec::new(path).unwrap(),
            certificate,
            validators: world().set.clone(),
        }
    };
    let answer = Response::LightBlock(Box::new(wire_light(1, 0)));
    vec![encode(&full(1, 0)), encode(&full(2, 3)), encode(&full(6, 0)), encode(&answer)]
}

fn state_proofs() -> Seeds {
    let proof = |raw: &[u8]| {
        [&[u8::try_from(raw.len()).unwrap()], raw, &encode(&world().state.prove(raw))[..]].concat()
    };
    world().entries.iter().map(|(raw, _)| proof(raw)).chain([proof(b"absent"), proof(b"")]).collect()
}

fn list_proofs() -> Seeds {
    let proof = |(count, index): (u8, u32)| {
        let leaf = |n: u32| Hash::of(wattle_primitives::domain::TX_LEAF, &[&n.to_le_bytes()]);
        let leaves: Vec<Hash> = (0..u32::from(count)).map(leaf).collect();
        [&[count][..], &encode(&ListProof::build(&leaves, index).unwrap())].concat()
    };
    [(1, 0), (2, 1), (7, 6), (33, 32), (200, 100)].map(proof).to_vec()
}

/// Good signatures, bad ones, and the crafted ones of the ZIP-215 vectors.
fn signatures() -> Seeds {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/zip215.json")).unwrap();
    let good = |n: u8| {
        let message = [n; 16];
        [&key(n).0[..], &secret(n).sign(&message).0, &message].concat()
    };
    let mut bad = good(3);
    bad[40] ^= 1;
    let torsion = |key: &str, signature: &str| {
        let key: PublicKey = key.parse().unwrap();
        let signature: wattle_primitives::Signature = signature.parse().unwrap();
        [&key.0[..], &signature.0, b"one rule for all"].concat()
    };
    let crafted = vectors["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| Some(torsion(v.get("key")?.as_str()?, v.get("signature")?.as_str()?)));
    let mut seeds = vec![good(1), [good(1), good(2), bad].concat()];
    seeds.extend(crafted.take(8));
    seeds
}

fn genesis() -> Seeds {
    let mut seeds: Seeds = Preset::ALL.map(|preset| bytes(preset.text())).to_vec();
    let sets = vec![ScheduledSet { from_epoch: Epoch(0), validators: world().set.clone() }];
    let accounts = vec![GenesisAccount { key: key(5), balance: Amount(1_000_000) }];
    let template = Preset::Devnet.template().unwrap();
    let spec = template.complete(wattle_primitives::TimeMs(START_MS), sets, accounts, Vec::new()).unwrap();
    seeds.push(bytes(&spec.to_toml().unwrap()));
    seeds
}

fn checkpoints() -> Seeds {
    let checkpoint = |height| Checkpoint {
        chain_id: "fuzz".to_owned(),
        genesis_hash: world().chain,
        header: world().header(height).clone(),
        epoch: Epoch(0),
        validators: world().set.clone(),
        trust_period_ms: wattle_primitives::TimeMs(1000),
    };
    vec![bytes(&checkpoint(0).to_json()), bytes(&checkpoint(4).to_json())]
}

fn rpc() -> Seeds {
    let address = Address::of_key(&key(5));
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let transaction = txs().remove(0);
    let transfer: Vec<Value> = calls().into_iter().take(2).map(|(_, json)| json).collect();
    let auths = serde_json::to_value(transaction.auths()).unwrap();
    let calls = [
        ("chain_status", json!({})),
        ("chain_getBlock", json!({ "height": "3" })),
        ("chain_getBlock", json!([null, Hash([4; 32])])),
        ("account_getProof", json!({ "key": "010102" })),
        ("account_history", json!({ "address": address, "limit": 5, "cursor": "a" })),
        ("tx_prepare", json!({ "calls": transfer, "sender": address, "nonce": "4", "tip": 1 })),
        ("tx_submit", json!({ "txHex": hex(&encode(&transaction)) })),
        ("tx_submit", json!({ "bodyHex": hex(&encode(transaction.body())), "auths": auths })),
        ("tx_submitBatch", json!({ "txs": [{ "txHex": hex(&encode(&transaction)) }, { "txHex": "00" }] })),
        ("tx_simulate", json!({ "bodyHex": hex(&encode(transaction.body())), "auths": auths })),
        (
            "event_list",
            json!({ "fromHeight": "1", "filter": { "types": ["Posted"], "accounts": [address] } }),
        ),
        ("event_subscribe", json!({ "fromHeight": "1" })),
        ("ledger_getAccount", json!({ "account": { "kind": "wallet", "owner": address }, "asset": "0" })),
        ("ledger_trialBalance", json!({ "book": "07".repeat(16), "toMs": "5" })),
        ("search_query", json!({ "text": "wat1" })),
        ("node_peers", json!([])),
        ("rpc.discover", json!(null)),
    ];
    let envelope = |(id, (method, params)): (usize, &(&str, Value))| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let mut seeds: Seeds = calls.iter().enumerate().map(envelope).map(text).collect();
    seeds.push(text(json!(calls.iter().take(4).enumerate().map(envelope).collect::<Vec<_>>())));
    seeds.push(bytes(r#"[{"jsonrpc":"2.0","method":"chain_status"},1,{"id":null}]"#));
    seeds
}

fn texts() -> Seeds {
    let phrase =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    assert!(derive::parse(phrase).is_ok() || phrase.split(' ').count() == 12);
    vec![
        text(Address::of_key(&key(5))),
        text(world().chain),
        text(key(5)),
        bytes(&format!("0x{}", world().chain)),
        bytes("18446744073709551615"),
        bytes("KWH2"),
        bytes(&format!("/ip4/10.0.0.1/tcp/8650/p2p/{}", world().node_key.peer_id())),
        bytes("/dns4/node.example.org/udp/8650/quic-v1"),
        bytes(phrase),
        bytes(&format!("{}art", "abandon ".repeat(23))),
    ]
}

fn node_config() -> Vec<u8> {
    let config = wattle_node::home::NodeConfigFile {
        name: "fuzz".to_owned(),
        p2p: wattle_node::home::P2pSection {
            listen: vec!["/ip4/0.0.0.0/tcp/8650".to_owned()],
            persistent: vec!["/ip4/10.0.0.1/tcp/8650".parse().unwrap()],
            shared_addresses: vec!["203.0.113.0/24".parse().unwrap()],
            mdns: wattle_node::home::Mdns::Off,
            ..wattle_node::home::P2pSection::default()
        },
        rpc: wattle_node::home::RpcSection {
            allowed_hosts: vec!["wattle.example.org".to_owned()],
            ..wattle_node::home::RpcSection::default()
        },
        ..wattle_node::home::NodeConfigFile::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let home = wattle_node::home::Home::new(dir.path());
    home.write_config(&config).unwrap();
    std::fs::read(home.config_path()).unwrap()
}

/// Answers to all questions of two built-in profiles over both kinds of line, an exception, and a stream without
/// heads.
fn modbus() -> Seeds {
    let answer = |head: &[u8], function: u8, data: &[u8]| {
        let length = u8::try_from(head.len() + 2 + data.len()).unwrap();
        let size = u8::try_from(data.len()).unwrap();
        [&[length], head, &[function, size], data].concat()
    };
    let sdm630 = |head: &[u8]| {
        let inputs = [(18, [0x43, 0x66]), (2, [0, 0]), (6, [0x42, 0])];
        let mut all: Vec<Vec<u8>> =
            inputs.iter().map(|(count, word)| answer(head, 4, &word.repeat(*count))).collect();
        all.push(answer(head, 3, &[0x01, 0x33, 0xA4, 0xF2]));
        all.concat()
    };
    let sunspec = |head: &[u8]| {
        let meter = [[0, 1].repeat(52), vec![0, 0]].concat(); // the last is the power of ten of the counters
        let answers: [&[u8]; 6] =
            [b"SunS", &[0, 1, 0, 66], &[b'W'; 64], &[b'1'; 32], &[0, 203, 0, 105], &meter];
        answers.map(|data| answer(head, 3, data)).concat()
    };
    let with = |first: u8, answers: &[u8]| [&[first], answers].concat();
    let exception = [1, 2, 0x84, 2].to_vec();
    let raw = [&[0, 0, 0, 0, 0, 0, 39, 1, 4, 36][..], &[0x43; 36]].concat();
    vec![
        with(1, &sdm630(&[])),
        exception,
        raw,
        with(1, &answer(&[], 4, &[0; 34])),
        with(6, &sdm630(&[1])),
        with(9, &sunspec(&[])),
        with(14, &sunspec(&[1])),
    ]
}

fn logs() -> Seeds {
    let dir = SimDir::new();
    let mut log = disk::open_log(&dir).unwrap();
    let empty = dir.bytes(SEGMENT).unwrap();
    let records = [
        WalRecord::body(&world().blocks[1]),
        WalRecord::Consensus(Record::Vote(votes()[0])),
        WalRecord::Consensus(Record::Vote(votes()[1])),
    ];
    for (height, record) in (1..).zip(&records) {
        log.append(Height(height), &[encode(record), encode(&records[1])]).unwrap();
    }
    let whole = dir.bytes(SEGMENT).unwrap();
    [&empty[..], &whole, &whole[..whole.len() - 1000]].map(|file| [&[1], file].concat()).to_vec()
}

fn sign_states() -> Seeds {
    let dir = SimDir::new();
    let open = || Signer::open(dir.clone(), world().chain, secret(4), DataDir::NewKey).unwrap();
    let (mut signer, _) = open().reconcile([]).unwrap();
    let fresh = dir.bytes(SIGN_FILE).unwrap();
    for vote in votes().iter().take(2) {
        signer.prepare(vote.vote, ValidatorIndex(3)).unwrap();
        signer.sync().unwrap();
    }
    let used = dir.bytes(SIGN_FILE).unwrap();
    [&fresh[..], &used, &used[..8192]].map(|file| [&[1], file].concat()).to_vec()
}

fn key_files() -> Seeds {
    let seal = |path: Option<&str>| {
        let password = Password::new("fuzz".to_owned());
        let file = KeyFile::seal(&secret(5), path.map(str::to_owned), &password, KdfParams::INSECURE_FAST);
        serde_json::to_vec(&file.unwrap()).unwrap()
    };
    vec![seal(None), seal(Some("m/44'/1463899220'/0'"))]
}

fn queues() -> Seeds {
    let dir = tempfile::tempdir().unwrap();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    queue.ack(0).unwrap();
    for _ in 0..2 {
        queue.next_seq().unwrap();
    }
    for _ in 0..5 {
        let seq = queue.next_seq().unwrap();
        queue.append(&disk::reading(seq)).unwrap();
    }
    queue.sync().unwrap();
    let state = std::fs::read(dir.path().join("state")).unwrap();
    let segment = std::fs::read(dir.path().join(format!("{:020}.readings", 3))).unwrap();
    let padded = |mut state: Vec<u8>| {
        state.resize(4096 + 512, 0);
        state
    };
    let file = |first: u8, segment: &[u8]| [&[first][..], &padded(state.clone()), segment].concat();
    assert!(decode::<wattle_primitives::reading::SignedReading>(&segment[18..]).is_err(), "slots are padded");
    vec![file(3, &segment), file(3, &segment[..700]), file(0, &[])]
}
