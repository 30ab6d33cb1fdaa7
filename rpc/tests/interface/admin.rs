//! The operator's methods: served on the admin socket, refused everywhere else.

use crate::backend::Chain;
use crate::client::{call, serve};
use crate::shapes::Described;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use wattle_host::socket::with_short_path;
use wattle_primitives::{Hash, Height};
use wattle_rpc::{AdminServer, Config, Metrics};
use wattle_rpc_types::{Admin, NodeFiles, NodeInfo, RpcError, RpcResult};

/// Notes the orders it gets.
#[derive(Default)]
struct Orders(Mutex<Vec<String>>);

impl Orders {
    fn note(&self, order: String) -> RpcResult<()> {
        self.0.lock().unwrap().push(order);
        Ok(())
    }
}

impl Admin for Orders {
    fn node_info(&self) -> RpcResult<NodeInfo> {
        let files = NodeFiles {
            home: "/h".to_owned(),
            back_up: vec!["/h/node.key".to_owned()],
            never_restore: vec!["/h/sign".to_owned()],
            rebuildable: vec!["/h/data".to_owned()],
            rebuildable_bytes: 1,
            free_bytes: 2,
        };
        Ok(NodeInfo {
            name: "n".to_owned(),
            version: "1".to_owned(),
            pid: 1,
            uptime_ms: 5,
            genesis_hash: Hash([1; 32]),
            height: Height(3),
            peer_id: "p".to_owned(),
            listen: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
            rpc: "http://127.0.0.1:1/rpc".to_owned(),
            validator: None,
            log_filter: "warn".to_owned(),
            files,
        })
    }

    fn add_peer(&self, address: &str) -> RpcResult<()> {
        self.note(format!("add {address}"))
    }

    fn remove_peer(&self, peer_id: &str) -> RpcResult<()> {
        self.note(format!("remove {peer_id}"))
    }

    fn ban_peer(&self, peer_id: &str, time: Duration) -> RpcResult<()> {
        self.note(format!("ban {peer_id} {}", time.as_secs()))
    }

    fn unban_peer(&self, peer_id: &str) -> RpcResult<()> {
        self.note(format!("unban {peer_id}"))
    }

    fn set_log_filter(&self, filter: &str) -> RpcResult<String> {
        if filter == "nonsense" {
            return Err(RpcError::params("no filter"));
        }
        self.note(format!("log {filter}")).map(|()| "warn".to_owned())
    }

    fn stop(&self) -> RpcResult<()> {
        self.note("stop".to_owned())
    }
}

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wattle-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(path: &Path) -> (AdminServer, Arc<Orders>) {
    let orders = Arc::new(Orders::default());
    let metrics = Arc::new(Metrics::new().unwrap());
    (AdminServer::start(path, Arc::new(Chain::new()), orders.clone(), metrics).unwrap(), orders)
}

async fn order(path: &Path, method: &str, params: Value) -> Value {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let head = "POST /rpc HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn orders_reach_the_node_by_the_socket_alone() {
    let dir = Dir::new("admin-orders");
    let path = dir.0.join("admin.sock");
    let (server, orders) = start(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let described = Described::new(order(&path, "rpc.discover", json!([])).await["result"].clone());
    let names: BTreeSet<&str> = described.methods().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, wattle_rpc::method_names().chain(wattle_rpc::admin_names()).collect());
    let table = [
        ("admin_nodeInfo", json!({}), ""),
        ("admin_addPeer", json!({ "address": "/ip4/1.2.3.4/tcp/5" }), "add /ip4/1.2.3.4/tcp/5"),
        ("admin_removePeer", json!(["12D3"]), "remove 12D3"),
        ("admin_ban", json!({ "peerId": "12D3" }), "ban 12D3 3600"),
        ("admin_ban", json!({ "peerId": "12D3", "seconds": 60 }), "ban 12D3 60"),
        ("admin_unban", json!({ "peerId": "12D3" }), "unban 12D3"),
        ("admin_setLogLevel", json!({ "filter": "debug" }), "log debug"),
        ("admin_stop", json!({}), "stop"),
    ];
    for (method, params, noted) in table {
        let answer = order(&path, method, params).await;
        described.check(&answer["result"], &described.method(method)["result"]["schema"], method);
        if !noted.is_empty() {
            assert_eq!(orders.0.lock().unwrap().pop().unwrap(), noted);
        }
    }
    for (method, params) in [
        ("admin_ban", json!({ "peerId": "12D3", "seconds": 0 })),
        ("admin_setLogLevel", json!({ "filter": "nonsense" })),
        ("admin_addPeer", json!({})),
    ] {
        assert_eq!(order(&path, method, params).await["error"]["data"]["code"], "invalid_params", "{method}");
    }
    assert_eq!(order(&path, "chain_status", json!({})).await["result"]["chainId"], "test");
    server.stop().await;
    assert!(!path.exists(), "the socket goes with the server");
}

#[tokio::test]
async fn the_port_for_everybody_takes_no_orders() {
    let served = serve(Config::default()).await;
    for method in wattle_rpc::admin_names() {
        let answer = call(served.server.address(), method, json!({})).await;
        assert_eq!(answer["error"]["data"], json!({ "code": "admin_only", "method": method }));
    }
    let document = call(served.server.address(), "rpc.discover", json!([])).await;
    assert!(!document["result"]["methods"].to_string().contains("admin_"));
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
    let dir = Dir::new("admin-stale");
    let long = dir.0.join("d".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    for path in [dir.0.join("admin.sock"), long.join("admin.sock")] {
        // As after `kill -9`: the name is there, nobody listens.
        drop(with_short_path(&path, |short| std::os::unix::net::UnixListener::bind(short)).unwrap());
        let (server, _) = start(&path);
        let stream = with_short_path(&path, |short| std::os::unix::net::UnixStream::connect(short));
        assert!(stream.is_ok(), "{}", path.display());
        server.stop().await;
        std::fs::write(&path, "precious").unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let refused = AdminServer::start(&path, Arc::new(Chain::new()), Arc::new(Orders::default()), metrics);
        assert!(refused.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
