#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::home::{Home, HomeError};
use std::collections::BTreeMap;
use toml::Value;
use wattle_chain_spec::Network;
use wattle_p2p::wire::Role;
use wattle_p2p::{IpNet, Multiaddr, NodeKey};
use wattle_primitives::TimeMs;

/// Every setting of a table by its full name.
fn flat(table: &Value) -> BTreeMap<String, Value> {
    fn visit(path: &str, value: &Value, all: &mut BTreeMap<String, Value>) {
        match value {
            Value::Table(table) => {
                table.iter().for_each(|(name, value)| visit(&format!("{path}.{name}"), value, all))
            }
            value => _ = all.insert(path.trim_start_matches('.').to_owned(), value.clone()),
        }
    }
    let mut all = BTreeMap::new();
    visit("", table, &mut all);
    all
}

/// The file with every default that it shows as a comment made a setting.
fn uncommented(text: &str) -> String {
    let bare = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(bare).collect()
}

/// A node's answer to this file.
fn read(text: &str) -> Result<NodeConfigFile, String> {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    std::fs::write(home.config_path(), text).unwrap();
    home.config().map_err(|error| wattle_host::causes(&error))
}

/// A node's answer to a file with this one setting.
fn read_one(name: &str, value: &str) -> Result<NodeConfigFile, String> {
    match name.rsplit_once('.') {
        Some((section, name)) => read(&format!("[{section}]\n{name} = {value}\n")),
        None => read(&format!("{name} = {value}\n")),
    }
}

#[test]
fn the_file_shows_every_field_and_what_it_is_when_left_out() {
    let standard = NodeConfigFile::default();
    let text = standard.to_toml().unwrap();
    let shown: Value = toml::from_str(&uncommented(&text)).unwrap();
    let fields = Value::try_from(&standard).unwrap();
    assert_eq!(flat(&shown), flat(&fields), "what is shown is what every field is");
    assert!(flat(&fields).len() > 50, "{fields}");
    assert_eq!(read(&uncommented(&text)), Ok(standard.clone()));
    assert_eq!(read(&text), Ok(standard.clone()));
    assert_eq!(read(""), Ok(standard));
}

#[test]
fn a_default_is_never_written_as_a_setting() {
    let text = NodeConfigFile::default().to_toml().unwrap();
    let set: Value = toml::from_str(&text).unwrap();
    assert_eq!(flat(&set), BTreeMap::new());
}

/// Goal: a script that reads the peers out of the file finds those that are set, and no example.
#[test]
fn no_comment_looks_like_a_peer() {
    let text = NodeConfigFile::default().to_toml().unwrap();
    let id = |line: &str| line.split("/p2p/").skip(1).any(|id| id.starts_with(|c: char| c.is_ascii_digit()));
    assert!(!text.lines().any(id), "{text}");
}

#[test]
fn what_is_set_is_written_beside_its_default_and_read_back() {
    let mut config =
        NodeConfigFile { name: "a \"village\"\n# of = two".to_owned(), ..NodeConfigFile::default() };
    config.p2p.external = vec!["/dns4/a.example/tcp/1".to_owned(), "/ip6/2001:db8::1/tcp/1".to_owned()];
    config.p2p.persistent = vec!["/ip4/10.0.0.2/tcp/8650".parse().unwrap()];
    config.p2p.shared_addresses = vec!["203.0.113.7".parse().unwrap(), "2001:db8::/40".parse().unwrap()];
    config.p2p.mdns = Mdns::On;
    config.p2p.gate.know_local = false;
    config.rpc.listen = "[::1]:1".parse().unwrap();
    config.storage.reserve_bytes = 0;
    let text = config.to_toml().unwrap();
    for line in ["#reserve_bytes = 268435456\nreserve_bytes = 0\n", "#mdns = \"chain\"\nmdns = \"on\"\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(read(&text), Ok(config));
}

#[test]
fn every_bound_refuses_what_is_beyond_and_says_so() {
    let sections = NodeConfigFile::default().settings().unwrap();
    let mut bounded = 0;
    for (section, setting) in sections.iter().flat_map(|s| s.settings.iter().map(move |setting| (s, setting)))
    {
        let Some((min, max)) = setting.allowed.split_once(" to ") else { continue };
        let name = section.name_of(setting);
        let (min, max): (i64, i64) = (min.parse().unwrap(), max.parse().unwrap());
        for value in [min - 1, max + 1] {
            let error = read_one(&name, &value.to_string()).unwrap_err();
            let typed =
                value < 0 || error.contains(&format!("{name} is {value}; allowed: {}", setting.allowed));
            assert!(typed && error.contains(name.rsplit('.').next().unwrap()), "{name} = {value}: {error}");
        }
        for value in [min, max] {
            // Another setting may have to follow it.
            let read = read_one(&name, &value.to_string()).err().unwrap_or_default();
            assert!(
                !read.contains(&format!("{name} is {value}; allowed: {} to ", min)),
                "{name} = {value}: {read}"
            );
        }
        bounded += 1;
    }
    assert!(bounded > 45, "{bounded}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_name() {
    let many = format!("[{}]", "\"/ip4/10.0.0.1/tcp/1\", ".repeat(1001));
    for (name, value, told) in [
        ("p2p.listen", "[\"/ip4/10.0.0.1/tcp\"]", "\"/ip4/10.0.0.1/tcp\"; allowed: at most 64 multiaddrs"),
        ("p2p.external", "[\"203.0.113.7:8650\"]", "p2p.external is \"203.0.113.7:8650\"; allowed: "),
        ("p2p.persistent", "[\"/a/b\"]", "p2p.persistent is \"/a/b\"; allowed: "),
        ("p2p.persistent", &many, "p2p.persistent is a list of 1001; allowed: at most 1000 multiaddrs"),
        ("p2p.shared_addresses", "[\"203.0.113/24\"]", "\"203.0.113/24\" is no address such as"),
        ("p2p.shared_addresses", "[\"0.0.0.0/0\"]", "\"0.0.0.0/0\" is no address such as"),
        ("p2p.shared_addresses", "[\"2000::/3\"]", "\"2000::/3\" is no address such as"),
        ("p2p.shared_addresses", "[\"::ffff:203.0.113.0/120\"]", "is no address such as"),
        ("p2p.mdns", "true", "mdns"),
        ("p2p.mdns", "\"yes\"", "expected one of `chain`, `on`, `off`"),
        ("p2p.kademlia", "\"on\"", "expected one of `auto`, `off`, `client`, `server`"),
        ("rpc.listen", "\"localhost:1\"", "listen"),
        ("rpc.allowed_hosts", "[\"a b\"]", "rpc.allowed_hosts is \"a b\"; allowed: at most 256 host names"),
    ] {
        let error = read_one(name, value).unwrap_err();
        assert!(error.contains(told), "{name} = {value}: {error}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let NodeConfigFile { p2p: P2pSection { limits: p2p, .. }, rpc, mempool, .. } = NodeConfigFile::default();
    let rpc = rpc.limits;
    for (name, above, max) in [
        ("p2p.limits.connections_incoming_max", p2p.connections_max as usize, "p2p.limits.connections_max"),
        (
            "p2p.limits.connections_meters",
            (p2p.connections_incoming_max - p2p.connections_validators - 1) as usize,
            "p2p.limits.connections_incoming_max - p2p.limits.connections_validators - 1",
        ),
        (
            "p2p.limits.connections_pending_per_network_max",
            p2p.connections_pending_max as usize,
            "p2p.limits.connections_pending_max",
        ),
        ("p2p.limits.requests_per_peer_max", p2p.requests_max, "p2p.limits.requests_max"),
        ("p2p.limits.answers_per_peer_bytes", p2p.answers_bytes, "p2p.limits.answers_bytes"),
        ("p2p.limits.answer_timeout_ms", p2p.request_timeout_ms as usize, "p2p.limits.request_timeout_ms"),
        ("rpc.limits.websockets_max", rpc.connections_max - 1, "rpc.limits.connections_max - 1"),
        ("rpc.limits.ping_interval_ms", rpc.silence_max_ms as usize, "rpc.limits.silence_max_ms"),
        ("mempool.sender_bytes", mempool.transactions_bytes / 16, "mempool.transactions_bytes / 16"),
    ] {
        assert!(read_one(name, &above.to_string()).is_ok(), "{name} = {above}");
        let error = read_one(name, &(above + 1).to_string()).unwrap_err();
        let told = format!("{name} is {}; allowed: at most {max}, which is {above}", above + 1);
        assert!(error.contains(&told), "{error}");
    }
    // Places that are kept leave one for anybody, whatever the other kind has.
    let incoming = p2p.connections_incoming_max;
    let error = read_one("p2p.limits.connections_validators", &incoming.to_string()).unwrap_err();
    let told = format!(
        "is {incoming}; allowed: at most p2p.limits.connections_incoming_max - 1, which is {}",
        incoming - 1
    );
    assert!(error.contains(&told), "{error}");
}

#[test]
fn unknown_settings_are_refused_in_every_section() {
    for section in NodeConfigFile::default().settings().unwrap() {
        let error = match section.path.as_str() {
            "" => read("no_such = 1\n"),
            path => read(&format!("[{path}]\nno_such = 1\n")),
        };
        assert!(error.unwrap_err().contains("unknown field `no_such`"), "[{}]", section.path);
    }
    assert!(read("[no_such]\n").unwrap_err().contains("unknown field"));
}

/// As files were before every limit had its setting.
#[test]
fn an_older_file_is_read_as_it_was_meant() {
    let old = "name = \"v0\"\n\n[p2p]\nlisten = [\"/ip4/127.0.0.1/tcp/10001\"]\npersistent = []\n\n[rpc]\n\
               listen = \"127.0.0.1:0\"\nallowed_hosts = []\nallowed_origins = []\n";
    let mut want = NodeConfigFile { name: "v0".to_owned(), ..NodeConfigFile::default() };
    want.p2p.listen = vec!["/ip4/127.0.0.1/tcp/10001".to_owned()];
    want.rpc.listen = "127.0.0.1:0".parse().unwrap();
    assert_eq!(read(old), Ok(want));
}

#[test]
fn the_examples_of_the_operators_page_are_read() {
    let page = include_str!("../../../../docs/operations.md");
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|part| part.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        let config = read(example).unwrap_or_else(|error| panic!("{example}\n{error}"));
        assert_ne!(config, NodeConfigFile::default(), "{example}");
    }
}

fn network(p2p: &P2pSection, mdns: bool) -> Result<wattle_p2p::Config, HomeError> {
    let bootstrap = vec!["/ip4/203.0.113.1/tcp/1".parse().unwrap()];
    let chain = Network { mdns, bootstrap, trust_period_ms: TimeMs(1) };
    p2p.network(&chain, NodeKey::from_seed(&mut [1; 32]).unwrap())
}

#[test]
fn defaults_are_those_of_the_parts_they_set() {
    let config = NodeConfigFile::default();
    let network = network(&config.p2p, true).unwrap();
    let key = NodeKey::from_seed(&mut [1; 32]).unwrap();
    let standard = wattle_p2p::Config::new(wattle_primitives::Hash::ZERO, key, Role::Full);
    assert_eq!(network.limits, standard.limits);
    assert_eq!(network.kademlia, standard.kademlia);
    assert_eq!(network.ip_colocation_penalty, standard.ip_colocation_penalty);
    let (rpc, standard) = (config.rpc.interface(), wattle_rpc::Config::default());
    assert_eq!((rpc.limits, rpc.timeouts), (standard.limits, standard.timeouts));
    assert_eq!(config.mempool.limits(), crate::mempool::Limits::NODE);
}

#[test]
fn settings_reach_the_network() {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut p2p = P2pSection {
        external: texts(&["/ip4/203.0.113.5/tcp/8650"]),
        shared_addresses: vec!["203.0.113.7".parse().unwrap(), "198.51.100.0/24".parse().unwrap()],
        ip_colocation_penalty: true,
        ..P2pSection::default()
    };
    p2p.limits.ban_s = 7;
    p2p.limits.connections_max = 900;
    p2p.limits.strangers_per_network_max = 90;
    let made = network(&p2p, true).unwrap();
    let ranges = ["203.0.113.7/32", "198.51.100.0/24"].map(|range| range.parse::<IpNet>().unwrap());
    assert_eq!(made.shared_addresses, ranges);
    assert_eq!(made.external, ["/ip4/203.0.113.5/tcp/8650".parse::<Multiaddr>().unwrap()]);
    assert_eq!(made.listen.len(), 1);
    assert_eq!(made.bootstrap.len(), 1);
    assert!(made.ip_colocation_penalty);
    assert_eq!((made.limits.connections_max, made.limits.strangers_per_network_max), (900, 90));
    assert_eq!(made.limits.ban, Duration::from_secs(7));
}

#[test]
fn local_discovery_is_the_chains_choice_unless_the_operator_chooses() {
    for (setting, chain, want) in [
        (Mdns::Chain, true, true),
        (Mdns::Chain, false, false),
        (Mdns::On, false, true),
        (Mdns::Off, true, false),
    ] {
        let p2p = P2pSection { mdns: setting, ..P2pSection::default() };
        assert_eq!(network(&p2p, chain).unwrap().mdns, want, "{setting:?} on a chain with {chain}");
    }
}

#[test]
fn who_lists_peers_takes_no_part_in_kademlia_unless_it_says_so() {
    use wattle_p2p::Kademlia as Part;
    let peer = || vec!["/ip4/10.0.0.2/tcp/8650".parse().unwrap()];
    for (setting, alone, beside_peers) in [
        (Kademlia::Auto, Part::Server, Part::Off),
        (Kademlia::Off, Part::Off, Part::Off),
        (Kademlia::Client, Part::Client, Part::Client),
        (Kademlia::Server, Part::Server, Part::Server),
    ] {
        for (persistent, want) in [(Vec::new(), alone), (peer(), beside_peers)] {
            let p2p = P2pSection { kademlia: setting, persistent, ..P2pSection::default() };
            assert_eq!(network(&p2p, false).unwrap().kademlia, want, "{setting:?}");
        }
    }
}
