#![expect(clippy::expect_used, reason = "tests")]

use super::*;

const OURS: &str = "/ip4/203.0.113.5/tcp/8650";

fn told(outside: &mut Outside, peer: PeerId, from: &str, address: &str) -> Vec<Change> {
    let from = format!("/ip4/{from}/tcp/40000").parse().expect("a multiaddr");
    outside.told(peer, &from, &address.parse().expect("a multiaddr"))
}

fn ours() -> Multiaddr {
    OURS.parse().expect("a multiaddr")
}

#[test]
fn an_address_is_believed_when_peers_of_three_networks_tell_it_and_until_none_does() {
    let (mut outside, peers) = (Outside::default(), [(); 5].map(|()| PeerId::random()));
    // However many peers one network has, they are one voice.
    for (peer, from) in peers.iter().zip(["198.51.100.1", "198.51.100.2", "198.51.100.3", "192.0.2.1"]) {
        assert_eq!(told(&mut outside, *peer, from, OURS), []);
    }
    let named = format!("{OURS}/p2p/{}", PeerId::random());
    assert_eq!(told(&mut outside, peers[4], "8.8.8.8", &named), [Change::Found(ours())]);
    assert_eq!(told(&mut outside, peers[4], "8.8.8.8", OURS), [], "once");
    for peer in &peers[1..] {
        assert_eq!(outside.gone(peer), []);
    }
    assert_eq!(outside.gone(&peers[0]), [Change::Lost(ours())]);
    assert_eq!(outside.gone(&peers[0]), []);
}

#[test]
fn who_tells_another_address_takes_its_word_back() {
    let (mut outside, peers) = (Outside::default(), [(); 3].map(|()| PeerId::random()));
    let froms = ["198.51.100.1", "192.0.2.1", "8.8.8.8"];
    let moved = "/ip4/203.0.113.99/tcp/8650";
    let all = |outside: &mut Outside, address: &str| -> Vec<Change> {
        peers.iter().zip(froms).flat_map(|(peer, from)| told(outside, *peer, from, address)).collect()
    };
    assert_eq!(all(&mut outside, OURS), [Change::Found(ours())]);
    let now = moved.parse().expect("a multiaddr");
    assert_eq!(all(&mut outside, moved), [Change::Lost(ours()), Change::Found(now)]);
}

#[test]
fn the_local_network_has_no_say_and_no_address_for_others() {
    let (mut outside, peers) = (Outside::default(), [(); 6].map(|()| PeerId::random()));
    let froms = ["10.0.0.1", "192.168.1.1", "100.64.0.1", "198.51.100.1", "192.0.2.1", "8.8.8.8"];
    for (peer, from) in peers.iter().zip(froms).take(5) {
        assert_eq!(told(&mut outside, *peer, from, OURS), [], "{from}");
    }
    for (peer, from) in peers.iter().zip(froms) {
        assert_eq!(told(&mut outside, *peer, from, "/ip4/192.168.1.7/tcp/8650"), [], "{from}");
        assert_eq!(told(&mut outside, *peer, from, "/dns4/example.org/tcp/8650"), [], "{from}");
    }
    assert!(outside.told.is_empty());
}
