//! Commands that need no node, or a scripted one.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::keystore::Keystore;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wattle_host::seal::{KdfParams, Password};
use wattle_primitives::{Address, Auth, SecretKey};

fn args(line: &str) -> Vec<OsString> {
    std::iter::once("wattle").chain(line.split_whitespace()).map(OsString::from).collect()
}

/// A program with these commands alone.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
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
        let password = Password::new("correct".to_owned());
        keystore
            .store(name, &SecretKey::from_seed([seed; 32]), None, &password, KdfParams::INSECURE_FAST)
            .unwrap();
    }
    dir
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
    let (secret, _) = keystore::derive::account(&keystore::derive::parse(words).unwrap(), "", 0).unwrap();
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

/// A node that gives scripted answers over real HTTP; `None` drops the connection without one.
pub(crate) async fn scripted(answers: Vec<Option<Value>>) -> (String, tokio::task::JoinHandle<Vec<Value>>) {
    let (url, listener) = listen().await;
    (url, tokio::spawn(serve(listener, answers)))
}

/// A node's endpoint, and who may accept there.
pub(crate) async fn listen() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (format!("http://{}/rpc", listener.local_addr().unwrap()), listener)
}

/// Gives one answer a connection, and returns the requests.
pub(crate) async fn serve(listener: TcpListener, answers: Vec<Option<Value>>) -> Vec<Value> {
    let mut requests = Vec::new();
    for answer in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request: Value = serde_json::from_slice(&read_body(&mut stream).await).unwrap();
        if let Some(mut reply) = answer {
            reply["jsonrpc"] = "2.0".into();
            reply["id"] = request["id"].clone();
            let body = reply.to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        requests.push(request);
    }
    requests
}

pub(crate) async fn read_body(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return bytes[head.len() + 4..].to_vec();
        }
    }
}

fn signed_burn() -> wattle_primitives::Tx {
    let key = SecretKey::from_seed([1; 32]);
    let call = r#"{"module":"token","call":"burn","args":{"asset":"1","amount":"5"}}"#;
    let body: wattle_primitives::TxBody = serde_json::from_value(json!({
        "chain": "ab".repeat(32), "sender": Address::of_key(&key.public()), "lane": "0", "nonce": "7",
        "expiresMs": "1000", "feePayer": Address::of_key(&key.public()), "maxFee": "9", "tip": "0",
        "calls": [serde_json::from_str::<Value>(call).unwrap()],
    }))
    .unwrap();
    let auth = Auth { key: key.public(), signature: key.sign(&body.signing_bytes()) };
    wattle_primitives::Tx::new(body, vec![auth]).unwrap()
}

async fn submit_to(url: &str, timeout: u64) -> CliResult {
    submit_from(home(&[]).path(), url, timeout).await
}

async fn submit_from(dir: &Path, url: &str, timeout: u64) -> CliResult {
    let mut all = args("keys list --keystore");
    all.push(dir.join("keys").into_os_string());
    let ctx = Ctx::new(parsed(all).global).unwrap();
    let client = client::Client::new(url, std::time::Duration::from_secs(5)).unwrap();
    let wait = send::WaitArgs { wait: send::Wait::Finalized, timeout };
    send::submit(&client, &signed_burn(), wait, &ctx).await
}

fn status(state: &str, receipt: Option<&str>) -> Value {
    let receipt = receipt.map(|code| json!({ "code": code, "weight": "1", "fee": "2", "events": [] }));
    let id = signed_burn().id();
    let mut result = json!({ "id": id, "state": state, "finalized": state == "finalized", "head": "3" });
    if let Some(receipt) = receipt {
        result["receipt"] = receipt;
    }
    json!({ "result": result })
}

fn taken() -> Value {
    json!({ "result": { "id": signed_burn().id() } })
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let busy = json!({ "error": { "code": -32005, "message": "full", "data": { "code": "busy" } } });
    let unknown = json!({ "error": { "code": -32001, "message": "no", "data": { "code": "not_found" } } });
    let answers = [
        None,                                       // the answer to the first submission is lost
        Some(busy),                                 // the second is refused for now
        Some(taken()),                              // the third is taken
        Some(status("pending", None)),              // it waits
        Some(unknown),                              // the node restarted and forgot it
        Some(taken()),                              // it is offered again
        Some(status("included", Some("success"))),  // in a block
        Some(status("finalized", Some("success"))), // for good
    ];
    let (url, node) = scripted(answers.to_vec()).await;
    let Report::Both { json, .. } = submit_to(&url, 30).await.unwrap() else { panic!("a report") };
    assert_eq!((&json["state"], &json["receipt"]["code"]), (&json!("finalized"), &json!("success")));
    let requests = node.await.unwrap();
    let sent: Vec<&Value> =
        requests.iter().filter(|r| r["method"] == "tx_submit").map(|r| &r["params"]["txHex"]).collect();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|hex| *hex == sent[0]), "always the same transaction");
}

#[tokio::test]
async fn each_end_of_a_transaction_has_its_own_code() {
    let rejected = json!({ "error": { "code": -32004, "message": "nonce 7, expected 8", "data": { "code": "bad_nonce" } } });
    let table: [(Vec<Value>, &str); 5] = [
        (vec![rejected], "bad_nonce"),
        (vec![taken(), status("superseded", None)], "tx_superseded"),
        (vec![taken(), status("expired", None)], "tx_expired"),
        (vec![taken(), status("finalized", Some("insufficient_funds"))], "insufficient_funds"),
        (vec![json!({ "result": { "id": "00".repeat(32) } })], "rpc_answer"),
    ];
    for (answers, code) in table {
        let (url, _node) = scripted(answers.into_iter().map(Some).collect()).await;
        let error = submit_to(&url, 30).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
}

/// Goal: nobody pays twice because a node let go of a transaction that another one includes.
#[tokio::test]
async fn a_node_that_lets_a_transaction_go_is_not_the_end_of_it() {
    let again =
        json!({ "error": { "code": -32004, "message": "let go", "data": { "code": "recently_rejected" } } });
    let answers = [taken(), status("dropped", None), again, status("finalized", Some("success"))];
    let (url, _node) = scripted(answers.into_iter().map(Some).collect()).await;
    let Report::Both { json, .. } = submit_to(&url, 30).await.unwrap() else { panic!("a report") };
    assert_eq!(json["state"], "finalized");
    let answers = [taken(), status("dropped", None)];
    let (url, _node) = scripted(answers.into_iter().map(Some).collect()).await;
    assert_eq!(submit_to(&url, 1).await.err().unwrap().code(), "tx_undecided");
}

#[tokio::test]
async fn running_out_of_time_tells_what_to_do() {
    let dir = home(&[]);
    let error = submit_from(dir.path(), "http://127.0.0.1:9/rpc", 1).await.err().unwrap();
    assert_eq!(error.code(), "tx_undecided");
    let json = error.to_json();
    assert_eq!(json["error"]["id"], signed_burn().id().to_string());
    assert_eq!(json["error"]["expiresMs"], "1000");
    let again = input::Draft::parse(json["error"]["txHex"].as_str().unwrap()).unwrap().into_tx().unwrap();
    assert_eq!(again, signed_burn(), "the same transaction can be sent again");
    let file = json["error"]["file"].as_str().unwrap();
    assert!(error.hint().unwrap().contains(&format!("wattle tx submit {file}")), "{:?}", error.hint());
    assert_eq!(input::Draft::load(file).unwrap().into_tx().unwrap(), signed_burn());
    let answers = vec![Some(taken()), Some(status("finalized", Some("success")))];
    let (url, _node) = scripted(answers).await;
    assert!(submit_from(dir.path(), &url, 30).await.is_ok());
    assert!(!Path::new(file).exists(), "its fate is known");
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_is_checked_against_the_chain() {
    let refused = json!({ "error": { "code": -32004, "message": "nonce 7, expected 8", "data": { "code": "bad_nonce" } } });
    let answers = [
        None,
        Some(refused),
        Some(status("included", Some("success"))), // it had been taken, and used the nonce itself
        Some(status("finalized", Some("success"))),
    ];
    let (url, _node) = scripted(answers.to_vec()).await;
    assert!(submit_to(&url, 30).await.is_ok());
}
