//! An operator's orders to a running node, and what keeps others from giving them.

use crate::chain::number;
use crate::devnet::Devnet;
use crate::hostile::validators;
use crate::network::{Network, Node, ports};
use crate::process::{PATIENCE, program, until, wattle, wattle_error, wattle_json};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use wattle_node::home::Home;

fn admin(home: &Path, args: &[&str]) -> Value {
    wattle_json(["admin", "--home", home.to_str().unwrap()].iter().chain(args))
}

fn refused(home: &Path, args: &[&str]) -> String {
    wattle_error(["admin", "--home", home.to_str().unwrap()].iter().chain(args)).1
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Goal: peers, bans, log and end of a node follow orders by its socket, which nobody else can give.
#[test]
fn an_operator_orders_a_node_about_by_its_socket() {
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    let home = &network.homes[0];
    let socket = home.join("admin.sock");
    assert!(mode(&socket) == 0o600 && std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let info = admin(home, &["info"]);
    assert_eq!((&info["name"], &info["genesisHash"]), (&json!("v0"), &json!(network.chain)), "{info}");
    assert_eq!(info["files"]["neverRestore"], json!([home.join("sign")]));
    assert!(
        number(&info["files"]["rebuildableBytes"]) > 0 && number(&info["files"]["freeBytes"]) > 0,
        "{info}"
    );

    metrics_are_as_documented(&nodes[1]);

    let victim = admin(&network.homes[1], &["info"])["peerId"].as_str().unwrap().to_owned();
    let connected = || {
        let peers = admin(home, &["peers"]);
        peers["peers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["peerId"] == victim.as_str() && p["connected"] == true)
    };
    until("v1 is connected", PATIENCE, || connected().then_some(()));
    admin(home, &["ban", &victim, "--seconds", "3600"]);
    until("v1 is gone", PATIENCE, || (!connected()).then_some(()));
    let height = nodes[0].reaches(0);
    nodes[0].reaches(height + 3);
    assert!(!connected(), "a banned peer stays away");
    admin(home, &["unban", &victim]);
    until("v1 is back", PATIENCE, || connected().then_some(()));
    admin(home, &["remove-peer", &victim]);
    admin(home, &["add-peer", &network.peers[1]]);
    until("v1 is back again", PATIENCE, || connected().then_some(()));

    assert_eq!(admin(home, &["log", "debug"])["filter"], "debug");
    until("the log tells more", PATIENCE, || {
        std::fs::read_to_string(home.join("log")).unwrap().contains("DEBUG").then_some(())
    });
    assert_eq!(admin(home, &["log", "warn"])["before"], "debug");
    let wrong: [&[&str]; 4] =
        [&["log", "=="], &["ban", "nobody"], &["add-peer", "nowhere"], &["call", "admin_ban", "{}"]];
    for args in wrong {
        assert_eq!(refused(home, args), "invalid_params", "{args:?}");
    }
    let (_, code) = wattle_error(["query", "call", "admin_stop", "--rpc", &nodes[0].url]);
    assert_eq!(code, "admin_only", "the port for everybody takes no orders");

    assert_eq!(admin(home, &["stop"])["done"], true);
    let mut stopped = nodes.remove(0).process;
    assert!(stopped.wait(PATIENCE).success());
    assert!(!socket.exists());
    assert_eq!(refused(home, &["info"]), "rpc_unreachable");
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// Goal: one process for a directory and for a key, and no file of a node that others can read.
#[test]
fn a_node_keeps_its_directory_and_key_to_itself() {
    let network = Network::lay_out(&["--meters", "0"]);
    let home = &network.homes[0];
    let text = home.to_str().unwrap();
    for (path, loose, private) in [(home.clone(), 0o750, 0o700), (home.join("node.key"), 0o640, 0o600)] {
        set_mode(&path, loose);
        let (code, _, told) = wattle(["run", "--home", text]);
        let wanted = format!("`chmod {private:o} {}`", path.display());
        assert!(code == 1 && told.contains(&wanted) && told.contains("file_mode"), "{told}");
        set_mode(&path, private);
    }
    // A careless umask makes no careless files.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(program("wattle"));
    let node = Node::start_with(home, command);
    until("the database is there", PATIENCE, || home.join("data/db/CURRENT").exists().then_some(()));
    let mut dirs = vec![home.clone()];
    let mut seen = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let ours = path.file_name().is_some_and(|name| name != "log"); // this test's own
            let public = ["genesis.toml", "config.toml"].iter().any(|name| path.ends_with(name));
            assert!(!ours || public || mode(&path) & 0o077 == 0, "{:o} {}", mode(&path), path.display());
            seen += 1;
            dirs.extend(path.is_dir().then_some(path));
        }
    }
    assert!(seen > 10, "{seen} files");
    // The kernel lets nobody look into a process that is not to be dumped.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.process.id())).unwrap_or_default();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    assert!(core.is_none_or(|line| line.split_whitespace().rev().nth(1) == Some("0")), "{core:?}");

    let (_, told) = wattle_error(["run", "--home", text]);
    assert_eq!(told, "home_in_use");
    assert_eq!(wattle_error(["doctor", "--home", text]).1, "home_in_use");
    let copy = network.dir.path().join("copy");
    copy_home(home, &copy);
    assert_eq!(wattle_error(["run", "--home", copy.to_str().unwrap()]).1, "validator_key_in_use");
    // In a container that shares nothing with the first but the key file it is refused as well.
    let other = network.dir.path().join("other");
    copy_home(home, &other);
    std::fs::remove_file(other.join("validator.key")).unwrap();
    std::fs::hard_link(home.join("validator.key"), other.join("validator.key")).unwrap();
    match in_a_container(network.dir.path(), "other") {
        Some(told) => assert!(told.contains("validator_key_in_use"), "{told}"),
        None => {
            let said =
                "SKIPPED: containers cannot be tested here, since this process may make no namespaces\n";
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        }
    }
    node.process.kill();
    // The locks went with the process; the socket it left is no hindrance.
    let node = Node::start(home);
    assert_eq!(admin(home, &["info"])["name"], "v0");
    node.process.stop();
}

/// Goal: an operator sees every setting and what is set; the node runs by it, and refuses by name what is not allowed.
#[test]
fn settings_are_shown_taken_and_refused() {
    let network = Network::lay_out(&["--meters", "0"]);
    let home = &network.homes[0];
    let text = home.to_str().unwrap();
    let written = std::fs::read_to_string(home.join("config.toml")).unwrap();
    let (code, shown, _) = wattle(["config", "show", "--home", text]);
    assert_eq!((code, shown.trim_end()), (0, written.trim_end()), "as it was written");

    let limits = "[rpc.limits]\n";
    assert!(written.contains(limits), "{written}");
    let write = |setting: &str| {
        let changed = written.replace(limits, &format!("{limits}{setting}\n"));
        std::fs::write(home.join("config.toml"), changed).unwrap();
    };
    write("websockets_max = 1000");
    let (code, _, told) = wattle(["run", "--home", text]);
    let reason =
        "rpc.limits.websockets_max is 1000; allowed: at most rpc.limits.connections_max - 1, which is 255";
    assert!(code == 1 && told.contains(reason), "{told}");
    assert_eq!(wattle_error(["config", "show", "--home", text]).1, "node_directory");

    write("call_timeout_ms = 9000");
    let shown = wattle_json(["config", "show", "--home", text]);
    let set = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    let timeout = json!({
        "name": "rpc.limits.call_timeout_ms",
        "value": 9000, "default": 10_000, "isDefault": false, "allowed": "100 to 3600000",
    });
    assert_eq!(set("rpc.limits.call_timeout_ms"), timeout);
    assert_eq!(set("p2p.mdns")["isDefault"], true);
    let node = Node::start(home);
    assert_eq!(admin(home, &["info"])["name"], "v0");
    node.process.stop();
}

/// Every documented metric is there, of the documented kind and with a value that can be; no other is.
fn metrics_are_as_documented(node: &Node) {
    node.reaches(3);
    until("all validators are connected", PATIENCE, || (validators(node) == 3).then_some(()));
    let page = node.page("/metrics");
    let shown: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let documented: BTreeMap<&str, &str> = include_str!("../../../docs/operations.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `wattle_")?.split_once("` | "))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap()))
        .collect();
    let shown_short: BTreeMap<&str, &str> =
        shown.iter().map(|(name, kind)| (name.strip_prefix("wattle_").unwrap(), *kind)).collect();
    let missing = |name: &str| name == "health_reason"; // a healthy node has none
    let expected: BTreeMap<&str, &str> = documented.into_iter().filter(|(name, _)| !missing(name)).collect();
    let found: BTreeMap<&str, &str> = shown_short.into_iter().filter(|(name, _)| !missing(name)).collect();
    assert_eq!(found, expected);
    let value = |name: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("wattle_{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
    };
    let table = [
        ("finalized_height", 3.0, 1e6),
        ("notarized_height", 3.0, 1e6),
        ("finality_lag_heights", 0.0, 100.0),
        ("view", 3.0, 1e6),
        ("view_duration_seconds_count", 3.0, 1e6),
        ("finality_seconds_count", 3.0, 1e6),
        (r#"quorum_delay_seconds_count{kind="notarize"}"#, 1.0, 1e6),
        (r#"quorum_delay_seconds_count{kind="finalize"}"#, 1.0, 1e6),
        (r#"fsync_seconds_count{file="wal"}"#, 3.0, 1e7),
        (r#"fsync_seconds_count{file="sign_state"}"#, 3.0, 1e7),
        (r#"fsync_seconds_count{file="database"}"#, 1.0, 1e7),
        (r#"peers{kind="validator"}"#, 3.0, 3.0),
        (r#"peers{kind="light"}"#, 0.0, 0.0),
        ("peers_banned", 0.0, 0.0),
        ("voting_power", 4.0, 4.0),
        ("voting_power_missing", 0.0, 4.0),
        ("validators_missing", 0.0, 4.0),
        ("clock_skew_seconds", -5.0, 60.0),
        ("commit_backlog_blocks", 0.0, 100.0),
        ("missed_blocks_total", 0.0, 100.0),
        ("mempool_transactions", 0.0, 0.0),
        ("process_resident_memory_bytes", 1e6, 1e10),
        (r#"rpc_refusals_total{reason="memory"}"#, 0.0, 0.0),
        (r#"rpc_requests_total{method="chain_status"}"#, 1.0, 1e6),
    ];
    for (name, least, most) in table {
        let value = value(name);
        assert!((least..=most).contains(&value), "{name} is {value}, not {least} to {most}");
    }
}

/// Goal: a devnet of processes leaves none behind, however it ends; and it goes on as it was laid out or not at all.
#[test]
fn a_devnet_takes_its_children_along_and_does_not_change_its_mind() {
    let dir = tempfile::tempdir().unwrap();
    let port = ports(2).to_string();
    let options = ["--processes", "--validators", "2", "--meters", "1", "--rpc-port", &port];
    let devnet = Devnet::start(dir.path(), &options);
    let children = || -> Vec<String> {
        let processes =
            std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
        let lines = processes.filter_map(|path| std::fs::read(path).ok());
        let ours = dir.path().to_str().unwrap();
        lines
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|l| l.contains(ours))
            .collect()
    };
    until("the devnet, two validators and a light node run", PATIENCE, || {
        (children().len() >= 4).then_some(())
    });
    devnet.process.signal(Signal::KILL);
    until("all have ended", PATIENCE, || children().is_empty().then_some(()));
    drop(devnet);

    let net = dir.path().join("net");
    for (option, value) in
        [("--validators", "3"), ("--meters", "0"), ("--seed", "1"), ("--epoch-length", "7")]
    {
        let args = ["devnet", "--dir", net.to_str().unwrap(), "--exit-after", "1", option, value];
        assert_eq!(wattle_error(args), (1, "devnet_differs".to_owned()), "{option}");
    }
    let same = ["--validators", "2", "--meters", "1", "--seed", "0", "--rpc-port", &port];
    Devnet::start(dir.path(), &same).interrupt();
}

/// Output at its end of a node in the directory `name` of `dir`, with namespaces and directories for locks of its
/// own; `None` where that is not allowed.
fn in_a_container(dir: &Path, name: &str) -> Option<String> {
    let script =
        "mount --bind \"$0\" /mnt && for own in /tmp /run/lock; do mount -t tmpfs own $own || exit 99; done
        exec \"$1\" run --home \"/mnt/$2\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "sh", "-c", script]);
    let output = command.arg(dir).arg(program("wattle")).arg(name).output().ok()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    told.contains("error:").then_some(told)
}

/// Keys and configuration, as a careless operator copies them, with ports of their own.
fn copy_home(from: &Path, to: &PathBuf) {
    std::fs::create_dir(to).unwrap();
    set_mode(to, 0o700);
    for name in ["config.toml", "genesis.toml", "node.key", "validator.key"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let home = Home::new(to);
    let mut config = home.config().unwrap();
    config.p2p.listen = vec![format!("/ip4/127.0.0.1/tcp/{}", ports(1))];
    home.write_config(&config).unwrap();
}
