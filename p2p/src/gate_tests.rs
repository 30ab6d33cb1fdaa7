#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use std::time::Duration;

const NAMED: [&str; 3] = ["203.0.113.9/32", "192.0.2.0/25", "2001:db8:aaaa::/44"];

fn gate() -> Gate {
    Gate::new(GateLimits::default(), NAMED.map(|range| range.parse().expect("a range")))
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
    let named = ["203.0.113.9", "192.0.2.77", "::ffff:192.0.2.127", "2001:db8:aaaf::1"];
    let local = ["127.0.0.1", "192.168.1.7", "10.0.0.1", "100.64.3.4", "fd00::1", "fe80::1", "::1"];
    for ip in local.into_iter().chain(named) {
        let (mut gate, now) = (gate(), Instant::now());
        assert!((0..500).all(|id| dial(&mut gate, id, ip, now).is_ok()), "{ip}");
        assert_eq!(dial(&mut gate, 500, ip, now), Err(Refused::Rate), "{ip}: a flood");
    }
}

#[test]
fn whoever_is_beside_a_named_range_shares_places_as_everybody() {
    for network in ["203.0.113.", "192.0.2.", "2001:db8:aab0:"] {
        let (mut gate, now) = (gate(), Instant::now());
        let outside = |id: usize| match network.ends_with(':') {
            true => format!("{network}:{id:x}"),
            false => format!("{network}{}", 200 + id),
        };
        assert!((0..16).all(|id| dial(&mut gate, id, &outside(id), now).is_ok()), "{network}");
        assert_eq!(dial(&mut gate, 16, &outside(16), now), Err(Refused::Share { max: 16 }), "{network}");
    }
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
