//! A node's interface from outside, with `curl` or the node's own client; and the wallets of a test network.

#[path = "../../../rpc/tests/interface/shapes.rs"]
#[expect(dead_code, reason = "the interface's own tests check more with it")]
mod shapes;

use crate::process::PATIENCE;
use jsonschema::Validator;
use serde_json::{Value, json};
use shapes::Described;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wattle_cli::client::{Client, ClientError};
use wattle_primitives::{
    Address, Amount, AssetId, Auth, BoundedVec, Call, Hash, Lane, Nonce, SecretKey, TimeMs, Tx, TxBody, call,
    encode,
};

/// Longest wait for an answer of a node that may stand still: it holds connections and says nothing.
const STANDSTILL: Duration = Duration::from_secs(2);
/// Most that a test's transfer may cost, base units.
const MAX_FEE: Amount = Amount(1_000_000);
/// How long a test's transfer may wait, ms: longer than any outage that tests make.
const LIFETIME_MS: u64 = 600_000;

/// A node's interface.
pub(crate) struct Rpc {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Rpc {
    pub(crate) fn new(url: &str) -> Self {
        Self::with_patience(url, PATIENCE)
    }

    /// A client that gives up soon, for a node that may be gone or stand still.
    pub(crate) fn hasty(url: &str) -> Self {
        Self::with_patience(url, STANDSTILL)
    }

    fn with_patience(url: &str, patience: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { client: Client::new(url, patience).unwrap(), runtime }
    }

    /// An answer, whose shape must be the one that the node describes.
    pub(crate) fn call(&self, method: &str, params: Value) -> Result<Value, ClientError> {
        let answer = self.runtime.block_on(self.client.call(method, params))?;
        if let Some(shapes) = self.shapes() {
            shapes.check(method, &answer);
        }
        Ok(answer)
    }

    /// The shapes of all replies, once a node has described them.
    fn shapes(&self) -> Option<&'static Shapes> {
        static SHAPES: OnceLock<Shapes> = OnceLock::new();
        if SHAPES.get().is_none() {
            let document = self.runtime.block_on(self.client.call("rpc.discover", json!({}))).ok()?;
            return Some(SHAPES.get_or_init(|| Shapes::of(document)));
        }
        SHAPES.get()
    }

    /// An answer that must come.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|e| panic!("{method}: {} {e}", e.code()))
    }

    /// The last finalized height, if the node answers.
    pub(crate) fn height(&self) -> Option<u64> {
        self.call("chain_status", json!({})).ok().map(|status| number(&status["height"]))
    }

    /// Whether this node says that a transaction is final.
    pub(crate) fn is_final(&self, id: &Hash) -> bool {
        self.call("tx_status", json!({ "id": id })).is_ok_and(|status| status["state"] == "finalized")
    }
}

/// A validator for each method's reply.
struct Shapes(BTreeMap<String, Validator>);

impl Shapes {
    fn of(document: Value) -> Self {
        let described = Described::new(document);
        let validator = |method: &Value| described.validator(&method["result"]["schema"]);
        let name = |method: &Value| method["name"].as_str().unwrap().to_owned();
        Self(described.methods().iter().map(|method| (name(method), validator(method))).collect())
    }

    fn check(&self, method: &str, answer: &Value) {
        let errors = self.0[method].iter_errors(answer).map(|e| format!("{}: {e}", e.instance_path()));
        let errors: Vec<String> = errors.collect();
        assert!(errors.is_empty(), "{method} answers {answer}, which is not as described: {errors:#?}");
    }
}

/// A call with plain `curl`: the whole envelope.
pub(crate) fn curl(url: &str, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut child = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "-H",
            "content-type: application/json",
            "-d",
            "@-",
            url,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed by scripts/setup");
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "curl ended with {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The result of a call with `curl` that must succeed.
pub(crate) fn curl_ok(url: &str, method: &str, params: Value) -> Value {
    let answer = curl(url, method, params);
    assert!(answer["error"].is_null(), "{method}: {answer}");
    answer["result"].clone()
}

/// A 64-bit number: a decimal string, or a JSON number.
pub(crate) fn number(value: &Value) -> u64 {
    let text = value.as_str().and_then(|s| s.parse().ok());
    text.or_else(|| value.as_u64()).unwrap_or_else(|| panic!("no number: {value}"))
}

/// A wallet that signs transfers by itself.
pub(crate) struct Wallet {
    pub(crate) key: SecretKey,
    pub(crate) address: Address,
    pub(crate) lane: Lane,
    pub(crate) nonce: Nonce,
}

impl Wallet {
    /// The wallet of a test network's directory, on a lane of its own.
    pub(crate) fn open(dir: &Path, name: &str, lane: u16) -> Self {
        let key = wattle_host::key::load(&dir.join(format!("{name}.key"))).unwrap();
        Self { address: Address::of_key(&key.public()), key, lane: Lane(lane), nonce: Nonce::ZERO }
    }

    /// A signed transfer with the next nonce.
    pub(crate) fn transfer(&mut self, chain: Hash, to: Address, amount: u128) -> Tx {
        self.transfer_until(chain, to, amount, now_ms() + LIFETIME_MS)
    }

    /// The same, for a chain whose clock is not this machine's.
    pub(crate) fn transfer_until(&mut self, chain: Hash, to: Address, amount: u128, expires_ms: u64) -> Tx {
        let call = Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: Amount(amount) });
        let body = TxBody {
            chain,
            sender: self.address,
            grant: None,
            lane: self.lane,
            nonce: self.nonce,
            expires_ms: TimeMs(expires_ms),
            fee_payer: self.address,
            max_fee: MAX_FEE,
            tip: Amount(0),
            calls: BoundedVec::new(vec![call]).unwrap(),
        };
        self.nonce = Nonce(self.nonce.0 + 1);
        let auth = Auth { key: self.key.public(), signature: self.key.sign(&body.signing_bytes()) };
        Tx::new(body, vec![auth]).unwrap()
    }
}

/// Lower-case hex of a transaction, as `tx_submit` takes it.
pub(crate) fn tx_hex(tx: &Tx) -> String {
    to_hex(&encode(tx))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
