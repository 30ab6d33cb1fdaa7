//! HTTP as bytes, so that the tests can also be impolite.

use crate::backend::Chain;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wattle_rpc::{Config, Metrics, RpcServer, bind};

/// How long anything may take: only a hang takes it, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Served {
    pub(crate) server: RpcServer,
    pub(crate) chain: Arc<Chain>,
    pub(crate) metrics: Arc<Metrics>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

pub(crate) async fn serve(config: Config) -> Served {
    let chain = Arc::new(Chain::new());
    let metrics = Arc::new(Metrics::new().unwrap());
    let listener = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let server = RpcServer::start(listener, config, chain.clone(), metrics.clone(), None).unwrap();
    Served { server, chain, metrics }
}

/// Sends `request` as it is and reads to the end of the connection.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    // The server may refuse before it has read all: then the rest cannot be written, which is as it should be.
    let (_, read) = tokio::join!(writer.write_all(request), reader.read_to_end(&mut answer));
    if answer.is_empty() {
        read.unwrap();
    }
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
        .await
}

/// POSTs `body` to `/rpc` with further header lines, each with its line end.
pub(crate) async fn post(address: SocketAddr, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request =
        format!("POST /rpc HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    raw(address, request.as_bytes()).await
}

pub(crate) async fn post_json(address: SocketAddr, body: &str) -> Answer {
    post(address, &format!("host: {address}\r\ncontent-type: application/json\r\n"), body).await
}

/// The whole response to one call.
pub(crate) async fn call(address: SocketAddr, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = post_json(address, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}
