#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::manager::book::{FORGOTTEN_AFTER, FOUND_MAX, UNMET_FORGOTTEN_AFTER};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A manager and the time, which only the test moves.
struct World {
    manager: Manager,
    now: Instant,
}

fn peer(number: u16) -> PeerId {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    let keys = libp2p::identity::Keypair::ed25519_from_bytes(seed).expect("32 bytes");
    keys.public().to_peer_id()
}

fn at(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

fn with_id(text: &str, number: u16) -> Multiaddr {
    at(text).with_p2p(peer(number)).expect("no id yet")
}

/// An address of a network of this number.
fn host(network: u16) -> Option<Origin> {
    let [a, b] = network.to_le_bytes();
    Some(crate::gate::Origins::new([], true).of([198, b, a, 1].into()))
}

fn key(number: u16) -> PublicKey {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&number.to_le_bytes());
    PublicKey(key)
}

fn meter(number: u16, operator: u8) -> Claim {
    Claim::Meter { key: key(number), operator: Address([operator; 32]) }
}

fn validator(number: u16) -> Claim {
    Claim::Validator(key(number))
}

impl World {
    fn new(limits: &Limits) -> Self {
        Self { manager: Manager::new(peer(0), limits, 7), now: Instant::now() }
    }

    fn on(&mut self, event: Event) -> Vec<Decision> {
        self.manager.on(self.now, event)
    }

    fn found(&mut self, number: u16, address: &str, source: Source) {
        let decided = self.on(Event::Found { peer: peer(number), addresses: vec![at(address)], source });
        assert_eq!(decided, []);
    }

    /// Dials until `time` is over: each with what was dialed. All fail as `fail` says; `None` leaves it under way.
    fn dials(
        &mut self,
        time: Duration,
        mut fail: impl FnMut(&Target, &[Multiaddr]) -> Option<Failure>,
    ) -> Vec<(Target, Vec<Multiaddr>)> {
        let end = self.now + time;
        let mut dials = Vec::new();
        while self.now <= end {
            let mut decided = self.on(Event::Tick);
            while let Some(decision) = decided.pop() {
                let Decision::Dial { target, addresses } = decision else { panic!("{decision:?}") };
                if let Some(failure) = fail(&target, &addresses) {
                    decided.extend(self.on(Event::Failed { target: target.clone(), failure }));
                }
                dials.push((target, addresses));
            }
            self.now += Duration::from_millis(200);
        }
        dials
    }

    /// The dials of now; they stay under way.
    fn dialed(&mut self) -> Vec<(Target, Vec<Multiaddr>)> {
        self.dials(Duration::ZERO, |_, _| None)
    }

    fn connected(&mut self, number: u16, target: Option<Target>) {
        let ip = Some([198, 51, 100, 7].into());
        self.on(Event::Connected { peer: peer(number), target, ip, origin: None });
    }

    /// Dialed, connected, greeted.
    fn met(&mut self, number: u16) {
        let mut dialed = self.dialed();
        dialed.retain(|(target, _)| *target == Target::Peer(peer(number)));
        assert_eq!(dialed.len(), 1);
        self.connected(number, Some(Target::Peer(peer(number))));
        self.on(Event::Ready(peer(number)));
    }

    /// One comes in from a network and waits.
    fn arrives(&mut self, number: u16, origin: Option<Origin>) -> Vec<Decision> {
        self.now += Duration::from_millis(1);
        let decided = self.on(Event::Arrives { peer: peer(number), origin });
        if !decided.iter().any(|d| matches!(d, Decision::Refuse { .. })) {
            self.on(Event::Connected { peer: peer(number), target: None, ip: None, origin });
        }
        decided
    }

    fn comes(&mut self, number: u16, origin: Option<Origin>, claim: Claim) -> Vec<Decision> {
        assert_eq!(self.arrives(number, origin), []);
        self.on(Event::Claims { peer: peer(number), claim })
    }
}

fn nobody(_: &Target, _: &[Multiaddr]) -> Option<Failure> {
    Some(Failure::Nobody)
}

fn few() -> Limits {
    Limits {
        connections_incoming_max: 10,
        connections_validators: 2,
        connections_meters: 2,
        strangers_per_network_max: 4,
        ..Limits::default()
    }
}

fn full(number: u16) -> Vec<Decision> {
    vec![Decision::Refuse { peer: peer(number), reason: Turned::Full }]
}

#[test]
fn all_addresses_of_a_peer_go_into_one_dial() {
    let mut world = World::new(&Limits::default());
    let (tcp, quic) = ("/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/udp/1/quic-v1");
    for address in [tcp, quic, tcp] {
        world.on(Event::List(with_id(address, 1)));
    }
    world.on(Event::List(with_id("/ip4/192.0.2.9/tcp/1", 0))); // this node itself
    let seen = vec![at("/ip4/192.0.2.7/tcp/1").with_p2p(peer(1)).expect("no id yet")];
    world.on(Event::Found { peer: peer(1), addresses: seen, source: Source::Mdns });
    let want = vec![at(tcp), at(quic), at("/ip4/192.0.2.7/tcp/1")];
    assert_eq!(world.dialed(), [(Target::Peer(peer(1)), want)]);
    assert_eq!(world.dialed(), [], "it is under way");
}

#[test]
fn a_found_peer_is_dialed_again_after_an_outage_from_what_is_known_of_it() {
    let mut world = World::new(&Limits::light());
    let address = "/ip4/192.168.1.9/tcp/1";
    world.found(1, address, Source::Mdns);
    world.met(1);
    world.on(Event::Closed(peer(1)));
    // The library forgets it meanwhile, and tells of it once only.
    let expired = Event::Expired { peer: peer(1), addresses: vec![at(address)] };
    world.on(expired);
    let dials = world.dials(900 * SECOND, nobody);
    let longest = 15 + 4; // and a quarter more by chance
    assert!(dials.len() >= 900 / longest && dials.len() < 80, "{}", dials.len());
    assert!(dials.iter().all(|dial| *dial == (Target::Peer(peer(1)), vec![at(address)])));
    assert!(!world.dials(longest as u32 * SECOND, |_, _| None).is_empty(), "it goes on");
    world.connected(1, Some(Target::Peer(peer(1))));
    world.on(Event::Ready(peer(1)));
    world.on(Event::Closed(peer(1)));
    assert_eq!(world.dials(SECOND, |_, _| None).len(), 1, "soon, after a success");
}

#[test]
fn who_is_not_found_for_long_is_forgotten_and_who_was_never_met_sooner() {
    let mut world = World::new(&Limits::default());
    world.found(1, "/ip4/192.0.2.1/tcp/1", Source::Mdns);
    world.found(2, "/ip4/192.0.2.2/tcp/1", Source::Kademlia);
    world.on(Event::List(with_id("/ip4/192.0.2.3/tcp/1", 3)));
    let mut dialed = world.dialed();
    dialed.sort_by_key(|(_, addresses)| addresses.clone());
    assert_eq!(dialed.len(), 3);
    world.connected(1, Some(Target::Peer(peer(1))));
    world.on(Event::Ready(peer(1)));
    world.on(Event::Closed(peer(1)));
    for number in [2, 3] {
        world.on(Event::Failed { target: Target::Peer(peer(number)), failure: Failure::Nobody });
    }
    let whom = |dials: Vec<(Target, Vec<Multiaddr>)>| -> Vec<Multiaddr> {
        let all: BTreeSet<Multiaddr> = dials.into_iter().flat_map(|(_, addresses)| addresses).collect();
        all.into_iter().collect()
    };
    let strangers_tries =
        world.dials(UNMET_FORGOTTEN_AFTER, nobody).iter().filter(|d| d.0 == Target::Peer(peer(2))).count();
    assert!((8..20).contains(&strangers_tries), "{strangers_tries}");
    let (met, listed) = (at("/ip4/192.0.2.1/tcp/1"), at("/ip4/192.0.2.3/tcp/1"));
    assert_eq!(whom(world.dials(60 * SECOND, nobody)), [met, listed.clone()]);
    world.now += FORGOTTEN_AFTER;
    assert_eq!(whom(world.dials(60 * SECOND, nobody)), [listed], "for ever");
}

#[test]
fn the_expiry_of_an_address_forgets_only_who_was_never_met() {
    let mut world = World::new(&Limits::default());
    let address = "/ip4/192.168.1.9/tcp/1";
    world.found(1, address, Source::Mdns);
    world.on(Event::Expired { peer: peer(1), addresses: vec![with_id(address, 1)] });
    assert_eq!(world.dialed(), []);
}

#[test]
fn whom_the_local_network_tells_of_is_dialed_until_it_tells_no_more() {
    let mut world = World::new(&Limits::light());
    let address = "/ip4/192.168.1.9/tcp/1";
    world.found(1, address, Source::Mdns);
    world.dials(3 * UNMET_FORGOTTEN_AFTER, nobody);
    let dials = world.dials(160 * SECOND, nobody); // two minutes, and a quarter more by chance
    assert!(!dials.is_empty(), "the library tells of it once");
    world.on(Event::Expired { peer: peer(1), addresses: vec![at(address)] });
    assert_eq!(world.dials(160 * SECOND, nobody), []);
    // The end is told during a dial: it is forgotten like any other.
    world.found(2, address, Source::Mdns);
    assert_eq!(world.dialed().len(), 1);
    world.on(Event::Expired { peer: peer(2), addresses: vec![at(address)] });
    world.on(Event::Failed { target: Target::Peer(peer(2)), failure: Failure::Nobody });
    world.dials(UNMET_FORGOTTEN_AFTER, nobody);
    assert_eq!(world.dials(160 * SECOND, nobody), []);
}

#[test]
fn whom_the_local_network_tells_of_stays_before_others_that_were_never_met() {
    let mut world = World::new(&Limits::light());
    world.found(1, "/ip4/192.168.1.9/tcp/1", Source::Mdns);
    for number in (2..).take(FOUND_MAX * 2) {
        world.now += Duration::from_millis(1);
        world.found(number, &format!("/ip4/192.0.2.2/tcp/{number}"), Source::Kademlia);
    }
    assert!(world.manager.book.knows(&peer(1)) && !world.manager.book.knows(&peer(2)));
}

#[test]
fn a_site_whose_peer_is_unlisted_while_it_is_away_is_dialed_no_more() {
    let mut world = World::new(&Limits::default());
    let site = at("/ip4/192.0.2.1/tcp/1");
    world.on(Event::List(site.clone()));
    assert_eq!(world.dialed().len(), 1);
    world.connected(1, Some(Target::Site(site)));
    world.on(Event::Ready(peer(1)));
    world.on(Event::Closed(peer(1)));
    assert!(!world.dials(2 * SECOND, nobody).is_empty());
    world.on(Event::Unlist(peer(1)));
    assert_eq!(world.dials(60 * SECOND, nobody), []);
}

#[test]
fn of_more_found_peers_than_are_kept_those_never_met_go_first_and_few_are_dialed() {
    let mut world = World::new(&Limits::default());
    world.found(1, "/ip4/192.0.2.1/tcp/1", Source::Mdns);
    world.met(1);
    world.on(Event::Closed(peer(1)));
    for number in (2..).take(FOUND_MAX * 2) {
        world.now += Duration::from_millis(1);
        world.found(number, &format!("/ip4/192.0.2.2/tcp/{number}"), Source::Kademlia);
    }
    world.now += SECOND;
    let dialed = world.dialed();
    assert_eq!(dialed.len(), 16, "no more are looked for");
    assert_eq!(dialed.last().map(|d| &d.0), Some(&Target::Peer(peer(1))), "known to be real: dialed first");
}

#[test]
fn a_site_takes_anybody_again_when_who_was_there_is_not() {
    let mut world = World::new(&Limits::default());
    let site = at("/ip4/192.0.2.1/tcp/1");
    world.on(Event::List(site.clone()));
    assert_eq!(world.dialed(), [(Target::Site(site.clone()), vec![site.clone()])]);
    world.connected(1, Some(Target::Site(site.clone())));
    world.on(Event::Ready(peer(1)));
    assert!(world.manager.book.is_listed(&peer(1)), "who is met there counts as listed");
    assert_eq!(world.dials(60 * SECOND, nobody), []);
    world.on(Event::Closed(peer(1)));
    // It is looked for there first, then whoever is there.
    let other = |target: &Target, _: &[Multiaddr]| match target {
        Target::Peer(_) => {
            Some(Failure::Other { peer: peer(2), address: with_id("/ip4/192.0.2.1/tcp/1", 1) })
        }
        Target::Site(_) => None,
    };
    let dials = world.dials(2 * SECOND, other);
    let want =
        [(Target::Peer(peer(1)), vec![site.clone()]), (Target::Site(site.clone()), vec![site.clone()])];
    assert_eq!(dials, want);
    world.connected(2, Some(Target::Site(site)));
    assert!(world.manager.book.is_listed(&peer(2)) && !world.manager.book.is_listed(&peer(1)));
    assert_eq!(world.dials(60 * SECOND, nobody), [], "the first is not there, and was nowhere else");
}

#[test]
fn sites_whose_peers_swapped_their_addresses_have_both_again() {
    let mut world = World::new(&Limits::light());
    let hosts = ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"].map(at);
    for host in &hosts {
        world.on(Event::List(host.clone()));
    }
    assert_eq!(world.dialed().len(), 2);
    for (number, host) in [(1, &hosts[0]), (2, &hosts[1])] {
        world.connected(number, Some(Target::Site(host.clone())));
        world.on(Event::Ready(peer(number)));
    }
    for number in [1, 2] {
        world.on(Event::Closed(peer(number)));
    }
    let at_home = |address: &Multiaddr| if *address == hosts[0] { peer(2) } else { peer(1) };
    let dials = world.dials(2 * SECOND, |target, addresses| {
        let Target::Peer(wanted) = target else { return None };
        let wrong = addresses.iter().find(|address| at_home(address) != *wanted)?;
        let address = wrong.clone().with_p2p(*wanted).expect("no id");
        Some(Failure::Other { peer: at_home(wrong), address })
    });
    for (number, host) in [(2, &hosts[0]), (1, &hosts[1])] {
        let site = Target::Site(host.clone());
        assert!(dials.contains(&(site.clone(), vec![host.clone()])), "{dials:?}");
        world.connected(number, Some(site));
        assert!(world.manager.book.is_listed(&peer(number)));
    }
}

#[test]
fn peers_that_swapped_their_addresses_are_both_found() {
    let mut world = World::new(&Limits::default());
    let hosts = ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"];
    for (number, host) in [(1, hosts[0]), (2, hosts[1])] {
        world.on(Event::List(with_id(host, number)));
    }
    // Whoever answers first decides a dial: of two addresses always the wrong one.
    let at_home = |address: &Multiaddr| if *address == at(hosts[0]) { peer(2) } else { peer(1) };
    let mut found = BTreeSet::new();
    world.dials(30 * SECOND, |target, addresses| {
        let Target::Peer(wanted) = target else { panic!("nobody else is listed") };
        let wrong = addresses.iter().find(|address| at_home(address) != *wanted);
        let Some(wrong) = wrong else {
            found.insert(*wanted);
            return None;
        };
        Some(Failure::Other {
            peer: at_home(wrong),
            address: wrong.clone().with_p2p(*wanted).expect("no id"),
        })
    });
    assert_eq!(found, BTreeSet::from([peer(1), peer(2)]));
}

#[test]
fn an_address_where_another_was_met_is_tried_again_when_the_rest_failed() {
    let mut world = World::new(&Limits::default());
    let hosts = ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"];
    hosts.iter().for_each(|host| drop(world.on(Event::List(with_id(host, 1)))));
    let mut count = 0;
    let dials = world.dials(SECOND, |_, addresses| {
        count += 1;
        let other = Failure::Other { peer: peer(9), address: at(hosts[0]) };
        if addresses.len() == 2 && count == 1 { Some(other) } else { Some(Failure::Nobody) }
    });
    let tried: Vec<usize> = dials.iter().map(|(_, addresses)| addresses.len()).collect();
    assert_eq!(tried[..3], [2, 1, 2]);
}

#[test]
fn names_are_resolved_anew_at_each_try_and_all_that_they_stand_for_is_dialed() {
    let mut world = World::new(&Limits::default());
    let (name, literal) = (at("/dns/node.example/tcp/1"), at("/ip4/192.0.2.9/tcp/1"));
    world.on(Event::List(name.clone().with_p2p(peer(1)).expect("no id")));
    world.on(Event::List(literal.clone().with_p2p(peer(1)).expect("no id")));
    for last in [1, 2] {
        let target = Target::Peer(peer(1));
        let resolve = Decision::Resolve { target: target.clone(), names: vec![name.clone()] };
        assert_eq!(world.on(Event::Tick), [resolve]);
        let stands_for =
            vec![at(&format!("/ip4/198.51.100.{last}/tcp/1")), at(&format!("/ip6/2001:db8::{last}/tcp/1"))];
        let decided = world.on(Event::Resolved { target: target.clone(), addresses: stands_for.clone() });
        let addresses = [vec![literal.clone()], stands_for].concat();
        assert_eq!(decided, [Decision::Dial { target: target.clone(), addresses }]);
        world.on(Event::Failed { target, failure: Failure::Nobody });
        world.now += SECOND;
    }
    // A site's name: nobody is looked for, so that each address is a dial of its own, at once after the other.
    let site = at("/dns4/other.example/tcp/1");
    world.on(Event::List(site.clone()));
    let target = Target::Site(site);
    assert!(
        world
            .on(Event::Tick)
            .iter()
            .any(|d| matches!(d, Decision::Resolve { target: t, .. } if *t == target))
    );
    let hosts = [at("/ip4/192.0.2.1/tcp/1"), at("/ip4/192.0.2.2/tcp/1")];
    let mut decided = world.on(Event::Resolved { target: target.clone(), addresses: hosts.to_vec() });
    for host in hosts {
        assert_eq!(decided, [Decision::Dial { target: target.clone(), addresses: vec![host] }]);
        decided = world.on(Event::Failed { target: target.clone(), failure: Failure::Nobody });
    }
    assert_eq!(decided, []);
}

#[test]
fn who_is_barred_is_not_dialed_until_that_ends() {
    let mut world = World::new(&Limits::default());
    world.on(Event::List(with_id("/ip4/192.0.2.1/tcp/1", 1)));
    world.on(Event::Bar(peer(1)));
    assert_eq!(world.dials(60 * SECOND, nobody), []);
    let wish = Event::Wish { peer: peer(1), addresses: vec![at("/ip4/192.0.2.1/tcp/1")] };
    assert_eq!(world.on(wish), [Decision::Decline(peer(1))]);
    world.on(Event::Unbar(peer(1)));
    assert_eq!(world.dialed().len(), 1);
}

#[test]
fn kademlia_gets_what_may_be_dialed_and_no_more() {
    // Eight beyond those that come.
    let mut world = World::new(&Limits { connections_max: 120, ..Limits::default() });
    let wish = |number: u16, address: &str| Event::Wish { peer: peer(number), addresses: vec![at(address)] };
    let decline = |number: u16| vec![Decision::Decline(peer(number))];
    for told in
        ["/ip4/10.1.2.3/tcp/22", "/ip4/127.0.0.1/tcp/22", "/ip4/0.0.0.0/tcp/22", "/dns4/x.example/tcp/1"]
    {
        assert_eq!(world.on(wish(1, told)), decline(1), "{told}");
    }
    assert_eq!(world.on(Event::Wish { peer: peer(1), addresses: vec![] }), decline(1));
    for number in 1..=8 {
        let address = format!("/ip4/192.0.2.{number}/tcp/1");
        let dial = Decision::Dial { target: Target::Peer(peer(number)), addresses: vec![at(&address)] };
        assert_eq!(world.on(wish(number, &address)), [dial]);
        assert_eq!(world.on(wish(number, &address)), [], "under way");
    }
    assert_eq!(world.on(wish(9, "/ip4/192.0.2.9/tcp/1")), decline(9), "enough are looked for");
    // Where somebody is connected from a local network, its addresses are no surprise.
    let failed = Event::Failed { target: Target::Peer(peer(8)), failure: Failure::Nobody };
    world.on(failed);
    let ip = Some([10, 1, 2, 9].into());
    world.on(Event::Connected { peer: peer(20), target: None, ip, origin: None });
    assert_eq!(world.on(wish(10, "/ip4/10.1.9.3/tcp/1")), decline(10), "another network");
    assert_eq!(world.on(wish(11, "/ip4/10.1.2.3/tcp/1")).len(), 1);
    assert!(!world.on(wish(11, "/ip4/10.1.2.3/tcp/1")).contains(&Decision::Decline(peer(11))));
}

#[test]
fn what_a_peer_tells_of_itself_makes_nobody_dial_it() {
    let mut world = World::new(&Limits::default());
    world.found(1, "/ip4/192.0.2.1/tcp/1", Source::Identify);
    assert_eq!(world.dialed(), []);
    world.on(Event::List(with_id("/ip4/192.0.2.2/tcp/1", 1)));
    world.found(1, "/ip4/192.0.2.1/tcp/1", Source::Identify);
    assert_eq!(world.dialed()[0].1.len(), 2, "it adds to what is known");
}

#[test]
fn strangers_cannot_take_the_places_of_validators_and_listed_peers() {
    let mut world = World::new(&few());
    world.on(Event::List(with_id("/ip4/192.0.2.1/tcp/1", 90)));
    for number in 1..=6 {
        assert_eq!(world.comes(number, host(number), Claim::Light), []);
    }
    assert_eq!(world.comes(7, host(7), Claim::Light), full(7));
    assert_eq!(world.comes(8, host(8), Claim::Stranger), full(8));
    world.on(Event::Closed(peer(7)));
    world.on(Event::Closed(peer(8)));
    for number in [50, 51] {
        assert_eq!(world.comes(number, host(number), validator(number)), [], "kept for it");
    }
    for number in [60, 61] {
        assert_eq!(world.comes(number, host(1), meter(number, 1)), [], "kept for it");
    }
    // More validators than places are kept for take those of strangers, even of busy ones.
    assert_eq!(world.comes(52, host(52), validator(52)), [Decision::Yield(peer(1))]);
    assert_eq!(world.comes(90, host(90), Claim::Stranger), [], "a listed peer, whatever it says");
}

#[test]
fn the_places_of_meters_are_shared_out_among_operators() {
    let mut world = World::new(&few());
    for number in 1..=8 {
        assert_eq!(world.comes(number, host(1), meter(number, 1)), [], "nobody else wants them");
    }
    assert_eq!(world.comes(9, host(1), meter(9, 1)), full(9));
    world.on(Event::Closed(peer(9)));
    for number in 11..=14 {
        let yields = number - 10;
        assert_eq!(
            world.comes(number, host(1), meter(number, 2)),
            [Decision::Yield(peer(yields))],
            "the idlest"
        );
        world.on(Event::Closed(peer(yields)));
    }
    assert_eq!(world.comes(15, host(1), meter(15, 2)), full(15), "half each");
    assert_eq!(world.comes(16, host(1), Claim::Light), full(16), "a stranger has none of them");
    assert_eq!(world.comes(17, host(1), validator(17)), []);
    // Idle strangers go before any meter does.
    let mut world = World::new(&few());
    for number in 1..=2 {
        assert_eq!(world.comes(number, host(number), Claim::Light), []);
    }
    for number in 3..=8 {
        assert_eq!(world.comes(number, host(1), meter(number, 1)), []);
    }
    assert_eq!(world.comes(9, host(1), meter(9, 1)), full(9), "the strangers are new");
    world.on(Event::Closed(peer(9)));
    world.now += 31 * SECOND;
    assert_eq!(world.comes(10, host(1), meter(10, 1)), [Decision::Yield(peer(1))]);
}

#[test]
fn an_idle_stranger_yields_and_one_of_use_does_not() {
    let mut world = World::new(&few());
    for number in 1..=6 {
        assert_eq!(world.comes(number, host(number), Claim::Stranger), []);
    }
    assert_eq!(world.comes(7, host(7), Claim::Light), full(7), "they have some time to be of use");
    world.on(Event::Closed(peer(7)));
    world.now += 20 * SECOND;
    for number in [1, 2, 3, 5, 6] {
        world.now += Duration::from_millis(1);
        world.on(Event::Useful(peer(number)));
    }
    world.now += 20 * SECOND;
    assert_eq!(world.comes(8, host(8), Claim::Light), [Decision::Yield(peer(4))]);
    world.on(Event::Closed(peer(4)));
    assert_eq!(world.comes(9, host(9), Claim::Light), full(9), "the others are of use");
    world.on(Event::Closed(peer(9)));
    world.now += 301 * SECOND;
    world.on(Event::Useful(peer(8)));
    assert_eq!(world.comes(10, host(10), Claim::Stranger), [Decision::Yield(peer(1))], "long ago");
    // Whoever says that it is light proves nothing by that.
    let mut world = World::new(&few());
    for number in 1..=6 {
        assert_eq!(world.comes(number, host(number), Claim::Light), []);
    }
    assert_eq!(world.comes(7, host(7), Claim::Stranger), full(7));
    world.on(Event::Closed(peer(7)));
    world.now += 31 * SECOND;
    assert_eq!(world.comes(8, host(8), Claim::Stranger), [Decision::Yield(peer(1))]);
}

#[test]
fn a_key_has_one_place_and_the_newest_that_proves_it_has_that() {
    let mut world = World::new(&few());
    for (first, claim) in [(100, meter(1, 1)), (200, validator(1))] {
        assert_eq!(world.comes(first, host(1), claim), []);
        for number in first + 1..first + 20 {
            assert_eq!(world.comes(number, host(1), claim), [Decision::Yield(peer(number - 1))]);
            assert_eq!(world.on(Event::Claims { peer: peer(number), claim }), [], "it has its place");
            world.on(Event::Closed(peer(number - 1)));
        }
    }
    // All others have the places that are theirs.
    for number in 1..=6 {
        assert_eq!(world.comes(number, host(number), Claim::Stranger), []);
    }
    assert_eq!(world.comes(7, host(7), meter(2, 1)), []);
    assert_eq!(world.comes(8, host(8), validator(2)), []);
    // Whoever has to leave takes nothing back meanwhile.
    assert_eq!(world.comes(9, host(9), meter(2, 1)), [Decision::Yield(peer(7))]);
    assert_eq!(world.on(Event::Claims { peer: peer(7), claim: meter(2, 1) }), full(7));
    // A key may be registered after several have proven it.
    let mut world = World::new(&few());
    for number in 1..=2 {
        assert_eq!(world.comes(number, host(number), Claim::Light), []);
    }
    assert_eq!(world.on(Event::Claims { peer: peer(1), claim: meter(1, 1) }), []);
    assert_eq!(world.on(Event::Claims { peer: peer(2), claim: meter(1, 1) }), [Decision::Yield(peer(1))]);
}

#[test]
fn who_has_no_place_for_this_node_is_dialed_a_minute_later_and_let_in_meanwhile() {
    let mut world = World::new(&Limits::default());
    world.on(Event::List(with_id("/ip4/192.0.2.1/tcp/1", 1)));
    assert_eq!(world.dialed().len(), 1);
    world.connected(1, Some(Target::Peer(peer(1))));
    world.on(Event::NoPlace(peer(1)));
    world.on(Event::Closed(peer(1)));
    assert_eq!(world.dials(59 * SECOND, nobody), []);
    assert_eq!(world.arrives(1, host(1)), []);
    world.on(Event::Closed(peer(1)));
    assert_eq!(world.dials(5 * SECOND, |_, _| None).len(), 1);
}

#[test]
fn a_peer_that_this_node_dialed_too_needs_no_place() {
    let mut world = World::new(&few());
    for number in 1..=6 {
        assert_eq!(world.comes(number, host(number), Claim::Light), []);
    }
    assert_eq!(world.arrives(7, host(7)), []);
    world.connected(7, Some(Target::Peer(peer(7))));
    assert_eq!(world.on(Event::Claims { peer: peer(7), claim: Claim::Stranger }), []);
}

#[test]
fn strangers_of_one_network_have_a_share_and_a_village_has_none() {
    let mut world = World::new(&few());
    for number in 1..=4 {
        assert_eq!(world.comes(number, host(1), Claim::Light), []);
    }
    assert_eq!(world.comes(5, host(1), Claim::Light), full(5));
    assert_eq!(world.comes(6, host(2), Claim::Light), [], "another network");
    assert_eq!(world.comes(7, host(1), validator(7)), [], "no stranger");
    let mut world = World::new(&few());
    let village = Some(Origin::Local([100, 64, 0, 1].into()));
    assert!((1..=6).all(|number| world.comes(number, village, Claim::Light).is_empty()));
    let mut world = World::new(&Limits::default());
    assert!((1..=48).all(|number| world.comes(number, host(1), Claim::Light).is_empty()), "of one address");
    assert_eq!(world.comes(49, host(1), Claim::Light), full(49));
    assert!(
        (50..=65).all(|number| world.comes(number, host(number), Claim::Light).is_empty()),
        "others have room"
    );
    assert_eq!(world.comes(66, host(66), Claim::Light), full(66), "all that strangers have is taken");
}

#[test]
fn in_the_waiting_room_the_most_crowded_network_yields() {
    let mut world = World::new(&Limits { connections_waiting_max: 4, ..Limits::default() });
    for number in 1..=4 {
        world.now += SECOND;
        assert_eq!(world.arrives(number, host(if number == 1 { 9 } else { 1 })), []);
    }
    assert_eq!(world.arrives(5, host(2)), [Decision::Yield(peer(2))], "the longest of three");
    world.on(Event::Closed(peer(2)));
    assert_eq!(world.arrives(6, host(1)), [Decision::Yield(peer(3))]);
    world.on(Event::Closed(peer(3)));
    // Who is known to have a place waits for nothing.
    assert_eq!(world.on(Event::Claims { peer: peer(5), claim: Claim::Light }), []);
    assert_eq!(world.arrives(7, host(3)), []);
}

#[test]
fn one_peer_has_few_connections() {
    let few = Limits { connections_per_peer_max: 2, ..Limits::default() };
    let mut world = World::new(&few);
    world.arrives(1, host(1));
    world.arrives(1, host(1));
    let reason = Turned::Connections { max: 2 };
    assert_eq!(world.arrives(1, host(1)), [Decision::Refuse { peer: peer(1), reason }]);
    world.on(Event::Closed(peer(1)));
    assert_eq!(world.arrives(1, host(1)), []);
    world.on(Event::List(with_id("/ip4/192.0.2.1/tcp/1", 3)));
    assert_eq!(world.arrives(3, host(3)), []);
    assert_eq!(world.arrives(3, host(3)), []);
    let refused = Decision::Refuse { peer: peer(3), reason };
    assert_eq!(world.arrives(3, host(3)), [refused], "a listed one has no more");
    // Where connections are many, a stranger has one: of what all may hold, others' places are not its to take.
    let mut world = World::new(&Limits { connections_max: 1, connections_waiting_max: 1, ..few });
    assert_eq!(world.comes(1, host(1), Claim::Stranger), []);
    assert_eq!(world.comes(2, host(2), validator(2)), []);
    assert_eq!(world.arrives(1, host(1)), [Decision::Refuse { peer: peer(1), reason }]);
    assert_eq!(world.arrives(2, host(2)), []);
}
