#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use std::time::Duration;

const NAMED: [&str; 3] = ["203.0.113.9/32", "192.0.2.0/25", "2001:db8:aaaa::/44"];

fn gate() -> Gate {
    let named = NAMED.map(|range| range.parse().expect("a range"));
    Gate::new(GateLimits::default(), Origins::new(named, true))
}

fn dial(gate: &mut Gate, ip: &str, now: Instant) -> Result<(), Refused> {
    gate.enter(ip.parse().expect("an address"), now)
}

#[test]
fn a_prefix_that_dials_and_drops_is_slowed_down() {
    let (mut gate, now) = (gate(), Instant::now());
    let taken = |gate: &mut Gate, now| (0..1000).filter(|_| dial(gate, "198.51.100.7", now).is_ok()).count();
    assert_eq!(taken(&mut gate, now), 64);
    assert_eq!(dial(&mut gate, "198.51.100.200", now), Err(Refused::Rate));
    assert_eq!(dial(&mut gate, "::ffff:198.51.100.1", now), Err(Refused::Rate));
    assert_eq!(dial(&mut gate, "198.51.101.1", now), Ok(()), "another prefix");
    assert_eq!(taken(&mut gate, now + Duration::from_secs(5)), 10);
}

#[test]
fn addresses_of_one_prefix_are_counted_together() {
    let origins = gate().origins;
    let of = |ip: &str| origins.of(ip.parse().expect("an address"));
    assert_eq!(of("198.51.100.7"), of("::ffff:198.51.100.200"));
    assert_ne!(of("198.51.100.7"), of("198.51.101.7"));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::1"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:2:2::1"));
    assert_ne!(of("192.168.1.7"), of("192.168.1.8"), "each local address is one");
}

#[test]
fn a_village_behind_one_address_has_room() {
    let named = ["203.0.113.9", "192.0.2.77", "::ffff:192.0.2.127", "2001:db8:aaaf::1"];
    let local = ["127.0.0.1", "192.168.1.7", "10.0.0.1", "100.64.3.4", "fd00::1", "fe80::1", "::1"];
    for ip in local.into_iter().chain(named) {
        let (mut gate, now) = (gate(), Instant::now());
        assert!((0..500).all(|_| dial(&mut gate, ip, now).is_ok()), "{ip}");
        assert_eq!(dial(&mut gate, ip, now), Err(Refused::Rate), "{ip}: a flood");
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
    // Whoever is really there still has its rate, and those who come over TCP have places.
    for _ in 0..64 {
        assert_eq!(dial(&mut gate, "198.51.100.7", now), Ok(()));
    }
    let proven = |gate: &mut Gate, id: usize, now| gate.proven(ConnectionId::new_unchecked(id), &victim, now);
    assert_eq!(proven(&mut gate, 0, now), Err(Refused::Rate), "it counts like any other then");
    assert_eq!(proven(&mut gate, 1, now + Duration::from_secs(1)), Ok(()));
    assert_eq!(spoofed(&mut gate, 33), Ok(()), "places are free again");
}

#[test]
fn whoever_is_beside_a_named_range_counts_as_everybody() {
    let origins = gate().origins;
    for ip in ["203.0.113.200", "192.0.2.200", "2001:db8:aab0::1"] {
        let origin = origins.of(ip.parse().expect("an address"));
        assert!(matches!(origin, Origin::V4(_) | Origin::V6(_)), "{ip}");
    }
}

#[test]
fn memory_is_bounded_however_many_prefixes_dial() {
    let (mut gate, now) = (gate(), Instant::now());
    for n in 0..PREFIXES_MAX * 2 {
        let ip = Ipv6Addr::new(0x2001, 0xdb8, u16::try_from(n).expect("small"), 0, 0, 0, 0, 1);
        assert_eq!(gate.enter(ip.into(), now), Ok(()));
    }
    assert_eq!(gate.rates.len(), PREFIXES_MAX);
}
