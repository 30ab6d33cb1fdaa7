#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use wattle_primitives::Hash;

const ID: &str = "/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

fn dialer(peers: &[&str], mdns: bool) -> Dialer {
    let node_key = NodeKey::from_seed(&mut [1; 32]).unwrap();
    let net = NetConfig::new(Hash::ZERO, node_key, Role::Light);
    let peers: Vec<Multiaddr> = peers.iter().map(|peer| peer.parse().unwrap()).collect();
    let turns = Turns::new(peers.len(), 0);
    Dialer { net, peers, turns, mdns, failed: false, current: None, called: None }
}

#[test]
fn a_call_takes_whoever_answers_at_the_next_listed_address() {
    let named = format!("/ip4/192.0.2.2/tcp/2{ID}");
    let mut dialer = dialer(&["/ip4/192.0.2.1/tcp/1", &named, "/dns4/a.example/tcp/3"], false);
    for want in ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/2", "/dns4/a.example/tcp/3"] {
        dialer.aim();
        assert_eq!(dialer.net.persistent, [want.parse::<Multiaddr>().unwrap()]);
        assert!(dialer.net.thrifty && !dialer.net.mdns);
    }
}

#[test]
fn the_local_network_is_asked_where_no_peer_is_listed_and_after_a_call_that_reached_nobody() {
    for (peers, mdns, failed, asked) in [
        (&["/ip4/192.0.2.1/tcp/1"][..], true, false, false),
        (&["/ip4/192.0.2.1/tcp/1"][..], true, true, true),
        (&["/ip4/192.0.2.1/tcp/1"][..], false, true, false),
        (&[][..], true, false, true),
        (&[][..], true, true, true),
    ] {
        let mut dialer = dialer(peers, mdns);
        for _ in 0..2 {
            dialer.failed = failed;
            dialer.aim();
            assert_eq!(dialer.net.mdns, asked, "{peers:?} {mdns} {failed}");
        }
        dialer.failed = false;
        dialer.aim();
        assert_eq!(dialer.net.mdns, mdns && peers.is_empty(), "only for calls that follow");
    }
}
