#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use std::time::Duration;

const NAMED: &str = "203.0.113.9";

fn gate() -> Gate {
    Gate::new(GateLimits::default(), [NAMED.parse().expect("an address")])
}

fn dial(gate: &mut Gate, id: usize, ip: &str, now: Instant) -> Result<(), Refused> {
    gate.enter(ConnectionId::new_unchecked(id), ip.parse().expect("an address"), now)
}

#[test]
fn a_prefix_has_its_share_and_others_have_theirs() {
    let (mut gate, now) = (gate(), Instant::now());
    for id in 0..16 {
        assert_eq!(dial(&mut gate, id, &format!("198.51.100.{id}"), now), Ok(()));
    }
    assert_eq!(dial(&mut gate, 90, "198.51.100.200", now), Err(Refused::Share { max: 16 }));
    assert_eq!(dial(&mut gate, 91, "::ffff:198.51.100.1", now), Err(Refused::Share { max: 16 }));
    assert_eq!(dial(&mut gate, 92, "198.51.101.1", now), Ok(()), "another prefix");
    gate.leave(ConnectionId::new_unchecked(3));
    assert_eq!(dial(&mut gate, 93, "198.51.100.200", now), Ok(()), "a place is free again");
    for id in 100..116 {
        assert_eq!(dial(&mut gate, id, &format!("2001:db8:1:{id:x}::1"), now), Ok(()));
    }
    assert_eq!(dial(&mut gate, 120, "2001:db8:1:ffff::1", now), Err(Refused::Share { max: 16 }));
}

#[test]
fn a_prefix_that_dials_and_drops_is_slowed_down() {
    let (mut gate, now) = (gate(), Instant::now());
    let taken = |gate: &mut Gate, from: usize, now| {
        let ids = from..from + 1000;
        ids.filter(|id| {
            let taken = dial(gate, *id, "198.51.100.7", now).is_ok();
            gate.leave(ConnectionId::new_unchecked(*id));
            taken
        })
        .count()
    };
    assert_eq!(taken(&mut gate, 0, now), 32);
    assert_eq!(taken(&mut gate, 1000, now + Duration::from_secs(5)), 10);
    assert_eq!(gate.open.len() + gate.shares.len(), 0);
}

#[test]
fn a_village_behind_one_address_has_room() {
    for ip in ["127.0.0.1", "192.168.1.7", "10.0.0.1", "100.64.3.4", "fd00::1", "fe80::1", "::1", NAMED] {
        let (mut gate, now) = (gate(), Instant::now());
        assert!((0..500).all(|id| dial(&mut gate, id, ip, now).is_ok()), "{ip}");
        assert_eq!(dial(&mut gate, 500, ip, now), Err(Refused::Rate), "{ip}: a flood");
    }
}

#[test]
fn a_quic_address_counts_once_it_is_proven() {
    let (mut gate, now) = (gate(), Instant::now());
    let victim: Multiaddr = "/ip4/198.51.100.7/udp/9/quic-v1".parse().expect("an address");
    let spoofed = |gate: &mut Gate, id: usize| gate.dialed(ConnectionId::new_unchecked(id), &victim, now);
    for id in 0..32 {
        assert_eq!(spoofed(&mut gate, id), Ok(()));
    }
    assert_eq!(spoofed(&mut gate, 32), Err(Refused::Unproven { max: 32 }));
    // Whoever is really there still has its share and its rate, and those who come over TCP have places.
    for id in 100..116 {
        assert_eq!(dial(&mut gate, id, "198.51.100.7", now), Ok(()));
    }
    let proven = |gate: &mut Gate, id: usize| gate.proven(ConnectionId::new_unchecked(id), &victim, now);
    assert_eq!(proven(&mut gate, 0), Err(Refused::Share { max: 16 }), "it counts like any other then");
    gate.leave(ConnectionId::new_unchecked(100));
    assert_eq!(proven(&mut gate, 1), Ok(()));
    assert_eq!(spoofed(&mut gate, 33), Ok(()), "places are free again");
    (0..200).for_each(|id| gate.leave(ConnectionId::new_unchecked(id)));
    assert_eq!(gate.open.len() + gate.shares.len() + gate.unproven.len(), 0);
}

#[test]
fn memory_is_bounded_however_many_prefixes_dial() {
    let (mut gate, now) = (gate(), Instant::now());
    for n in 0..PREFIXES_MAX * 2 {
        let id = ConnectionId::new_unchecked(n);
        let ip = Ipv6Addr::new(0x2001, 0xdb8, u16::try_from(n).expect("small"), 0, 0, 0, 0, 1);
        assert_eq!(gate.enter(id, ip.into(), now), Ok(()));
        gate.leave(id);
    }
    assert_eq!(gate.rates.len(), PREFIXES_MAX);
}
