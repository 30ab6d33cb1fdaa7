//! Transactions that break a rule, each offered by a client and put into a block by a validator.

use crate::chain::{Rpc, Wallet, now_ms, to_hex};
use crate::network::Network;
use crate::process::{PATIENCE, until};
use serde_json::json;
use std::sync::Arc;
use wattle_cli::client::ClientError;
use wattle_node::work::{ExecuteError, TxCache, Worker, check_body, execute};
use wattle_primitives::key::SignatureError;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, Block, BoundedVec, Call, Hash, Header, Height, Lane, Nonce, PublicKey,
    SecretKey, Signature, TimeMs, Tx, TxBody, call, decode, encode,
};
use wattle_runtime::{BlockError, TxError};

/// The order of the group that signatures are numbers of, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A transaction and how it must be refused.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// `data.code` of the interface's refusal.
    told: &'static str,
    /// The code with which a block that holds it is invalid; `None` when no block can hold such bytes.
    block: Option<&'static str>,
}

struct Maker {
    chain: Hash,
    alice: Wallet,
    bob: Wallet,
}

impl Maker {
    fn body(&self) -> TxBody {
        let (to, asset) = (self.bob.address, AssetId::NATIVE);
        let pay = Call::from(call::token::Transfer { to, asset, amount: Amount(1) });
        TxBody {
            chain: self.chain,
            sender: self.alice.address,
            grant: None,
            lane: Lane(1),
            nonce: Nonce(0),
            expires_ms: TimeMs(now_ms() + 600_000),
            fee_payer: self.alice.address,
            max_fee: Amount(1_000_000),
            tip: Amount(0),
            calls: BoundedVec::new(vec![pay]).unwrap(),
        }
    }

    fn sign(&self, body: TxBody) -> Vec<u8> {
        let auth = auth(&self.alice.key, &body);
        encode(&Tx::new(body, vec![auth]).unwrap())
    }

    fn with_auths(&self, auths: impl FnOnce(&TxBody) -> Vec<Auth>) -> Vec<u8> {
        let body = self.body();
        let auths = BoundedVec::new(auths(&body)).unwrap();
        encode(&Tx::V1 { body, auths })
    }

    fn changed(&self, change: impl FnOnce(&mut TxBody)) -> Vec<u8> {
        let mut body = self.body();
        change(&mut body);
        self.sign(body)
    }

    fn cases(&self) -> Vec<Case> {
        let case = |name, bytes, told, block| Case { name, bytes, told, block };
        let same = |name, bytes, code| Case { name, bytes, told: code, block: Some(code) };
        let (alice, bob) = (&self.alice.key, &self.bob.key);
        let good = self.sign(self.body());
        let signed = |change: fn(&mut Signature)| {
            self.with_auths(|body| {
                let mut auth = auth(alice, body);
                change(&mut auth.signature);
                vec![auth]
            })
        };
        let stranger = SecretKey::from_seed([0x77; 32]);
        let pay = |amount| {
            let (to, asset) = (self.bob.address, AssetId::NATIVE);
            Call::from(call::token::Transfer { to, asset, amount: Amount(amount) })
        };
        vec![
            same("another chain", self.changed(|b| b.chain = Hash([7; 32])), "tx_wrong_chain"),
            same("lane 16", self.changed(|b| b.lane = Lane(16)), "tx_bad_lane"),
            case(
                "a nonce far ahead",
                self.changed(|b| b.nonce = Nonce(100_000)),
                "nonce_too_far_ahead",
                Some("tx_bad_nonce"),
            ),
            same(
                "the highest nonce there is",
                self.changed(|b| b.nonce = Nonce(u64::MAX)),
                "nonce_too_far_ahead",
            )
            .in_block("tx_bad_nonce"),
            same("expired", self.changed(|b| b.expires_ms = TimeMs(1)), "tx_expired"),
            same("no calls", self.changed(|b| b.calls = BoundedVec::default()), "tx_no_calls"),
            same(
                "a payment of nothing",
                self.changed(|b| b.calls = BoundedVec::new(vec![pay(0)]).unwrap()),
                "tx_bad_call",
            ),
            same("a fee beyond its own cap", self.changed(|b| b.max_fee = Amount(0)), "tx_fee_cap"),
            same(
                "a tip beyond all money",
                self.changed(|b| (b.tip, b.max_fee) = (Amount::MAX, Amount::MAX)),
                "tx_insufficient_funds",
            ),
            same(
                "a payer who never agreed",
                self.changed(|b| b.fee_payer = self.bob.address),
                "tx_not_sponsored",
            ),
            same(
                "a sender without an account",
                {
                    let mut body = self.body();
                    (body.sender, body.fee_payer) =
                        (Address::of_key(&stranger.public()), Address::of_key(&stranger.public()));
                    let auth = auth(&stranger, &body);
                    encode(&Tx::new(body, vec![auth]).unwrap())
                },
                "tx_unknown_account",
            ),
            same(
                "signed by somebody else",
                self.with_auths(|body| vec![auth(bob, body)]),
                "tx_not_authorized",
            ),
            same(
                "a superfluous signature",
                self.with_auths(|body| sorted(vec![auth(alice, body), auth(bob, body)])),
                "tx_superfluous_signature",
            ),
            same("no signature", self.with_auths(|_| Vec::new()), "tx_bad_auths"),
            same(
                "one key twice",
                self.with_auths(|body| vec![auth(alice, body), auth(alice, body)]),
                "tx_bad_auths",
            ),
            same(
                "signatures out of order",
                self.with_auths(|body| {
                    let mut auths = sorted(vec![auth(alice, body), auth(bob, body)]);
                    auths.reverse();
                    auths
                }),
                "tx_bad_auths",
            ),
            same(
                "a signature of another body",
                self.with_auths(|body| vec![auth(alice, &TxBody { tip: Amount(1), ..body.clone() })]),
                "tx_bad_signature",
            ),
            same("s + order: the same number again", signed(|s| add_order(&mut s.0)), "tx_bad_signature"),
            same("s without end", signed(|s| s.0[32..].fill(0xff)), "tx_bad_signature"),
            same("R that is no point", signed(|s| s.0[..32].fill(0xfe)), "tx_bad_signature"),
            same("R of another signature", signed(|s| s.0[0] ^= 1), "tx_bad_signature"),
            same(
                "a key of small order",
                self.with_auths(|_| {
                    // R and A the neutral element, s = 0: holds for every message where small orders are allowed.
                    let mut key = [0; 32];
                    key[0] = 1;
                    let mut signature = [0; 64];
                    signature[0] = 1;
                    vec![Auth { key: PublicKey(key), signature: Signature(signature) }]
                }),
                "tx_bad_signature",
            ),
            same(
                "a key that is no point",
                self.with_auths(|body| vec![Auth { key: PublicKey([0xfe; 32]), ..auth(alice, body) }]),
                "tx_bad_signature",
            ),
            case("trailing bytes", [good.clone(), vec![0]].concat(), "invalid_params", None),
            case("cut short", good[..good.len() - 1].to_vec(), "invalid_params", None),
            case("an unknown version", [&[2], &good[1..]].concat(), "invalid_params", None),
            case("65 calls", many_calls(&good, self.body().calls[0].clone(), 65), "invalid_params", None),
            case("four thousand million calls", calls_claimed(&good, u32::MAX), "invalid_params", None),
            case("more than 64 KiB", [good, vec![0; 64 * 1024]].concat(), "invalid_params", None),
        ]
    }
}

impl Case {
    /// The code of a block, where it differs from the interface's: a block knows no waiting.
    fn in_block(self, code: &'static str) -> Self {
        Self { block: Some(code), ..self }
    }
}

fn auth(key: &SecretKey, body: &TxBody) -> Auth {
    Auth { key: key.public(), signature: key.sign(&body.signing_bytes()) }
}

fn sorted(mut auths: Vec<Auth>) -> Vec<Auth> {
    auths.sort_unstable();
    auths
}

/// `s + L`: verifies wherever s is not compared with L.
fn add_order(signature: &mut [u8; 64]) {
    let mut carry = 0u16;
    for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (u8::try_from(sum & 0xff).unwrap(), sum >> 8);
    }
}

/// Where the list of calls begins: behind version, chain, sender, lane, nonce, expiry, payer, fee and tip.
const CALLS_AT: usize = 1 + 32 + 32 + 2 + 8 + 8 + 32 + 16 + 16;

fn calls_claimed(good: &[u8], count: u32) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[CALLS_AT..CALLS_AT + 4].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn many_calls(good: &[u8], call: Call, count: u32) -> Vec<u8> {
    let claimed = calls_claimed(good, count);
    let call = encode(&call);
    let (head, tail) = claimed.split_at(CALLS_AT + 4);
    [head, &call.repeat(usize::try_from(count).unwrap()), &tail[call.len()..]].concat()
}

/// Goal: the interface and every validator refuse each of them, by a code that says why, and nothing is paid twice.
pub(crate) fn assert_refused(network: &Network, url: &str) {
    let open = |name| Wallet::open(&network.path(), name, 1);
    let maker = Maker { chain: network.chain, alice: open("alice"), bob: open("bob") };
    let rpc = Rpc::new(url);
    let block = Blocks::new(network);
    let cases = maker.cases();
    for Case { name, bytes, told, block: want } in &cases {
        let answer = rpc.call("tx_submit", json!({ "txHex": to_hex(bytes) }));
        let Err(ClientError::Refused { code, message, .. }) = &answer else { panic!("{name}: {answer:?}") };
        assert_eq!(code, told, "{name}: {message}");
        let in_block = decode::<Tx>(bytes).ok().map(|tx| block.code(vec![tx]));
        assert_eq!(in_block.as_deref(), *want, "{name}, in a block");
        println!("refused: {name:<36} interface {told:<24} block {}", want.unwrap_or("cannot hold it"));
    }
    spends_once(&maker, &rpc, &block);
    println!("{} kinds of transactions refused", cases.len() + 2);
}

/// Twice the same, and another in its place.
fn spends_once(maker: &Maker, rpc: &Rpc, block: &Blocks) {
    let (first, other) = (maker.sign(maker.body()), maker.changed(|b| b.max_fee = Amount(999_999)));
    let tx = decode::<Tx>(&first).unwrap();
    assert_eq!(block.code(vec![tx.clone(), tx.clone()]), "tx_bad_nonce", "a replay in one block");
    let paid = |rpc: &Rpc| {
        rpc.ask("account_get", json!({ "address": maker.bob.address }))["balances"][0]["available"].clone()
    };
    let submit = |bytes: &[u8]| rpc.call("tx_submit", json!({ "txHex": to_hex(bytes) }));
    assert_eq!(submit(&first).unwrap()["id"], json!(tx.id()));
    until("the payment is final", PATIENCE, || rpc.is_final(&tx.id()).then_some(()));
    let after = paid(rpc);
    assert_eq!(submit(&first).unwrap()["id"], json!(tx.id()), "a replay is told that it is there");
    let taken = submit(&other).unwrap_err();
    assert_eq!(taken.code(), "tx_bad_nonce", "{taken}");
    // The same id with a spoilt signature is no way to have it forgotten.
    let spoilt = maker.with_auths(|body| {
        let mut auth = auth(&maker.alice.key, body);
        auth.signature.0[40] ^= 1;
        vec![auth]
    });
    assert_eq!(submit(&spoilt).unwrap_err().code(), "tx_bad_signature");
    assert!(rpc.is_final(&tx.id()));
    assert_eq!(paid(rpc), after, "paid once");
}

/// Blocks of a dishonest validator, as every other one judges them: on the state of genesis.
struct Blocks {
    worker: Worker,
    state: wattle_runtime::State,
    header: Header,
}

impl Blocks {
    fn new(network: &Network) -> Self {
        let (state, header) = wattle_runtime::genesis(&network.spec.genesis).unwrap();
        let schedule = Arc::new(wattle_runtime::Schedule::of(&state).unwrap());
        Self {
            worker: Worker { chain: header.hash(), schedule, cache: Arc::new(TxCache::default()) },
            state,
            header,
        }
    }

    /// Why a block of these transactions, bound to its header, is invalid.
    fn code(&self, txs: Vec<Tx>) -> String {
        let header = Header {
            height: Height(1),
            parent: self.header.hash(),
            time_ms: TimeMs(now_ms()),
            txs_root: Block::txs_root(&txs),
            ..self.header.clone()
        };
        let block = check_body(&self.worker, Block { header, txs }).unwrap();
        let error = match execute(&self.worker, &block, &self.state) {
            Err(ExecuteError::Body(wattle_node::work::BodyFault::Tx { source, .. })) => source,
            Err(ExecuteError::Block(BlockError::Tx { source, .. })) => source,
            other => panic!("{other:?}"),
        };
        if let TxError::Signature { key, source } = error {
            assert_eq!(source == SignatureError::SmallOrder, key.is_small_order());
        }
        error.code().to_owned()
    }
}
