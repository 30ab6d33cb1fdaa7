use super::*;
use std::net::Ipv4Addr;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Peers and their questions, by numbers.
struct Desk {
    owed: Owed<u64>,
    limits: Limits,
    peers: Vec<PeerId>,
    now: Instant,
    next: u64,
}

impl Desk {
    /// 8 MiB for a peer, 16 MiB for all.
    fn new() -> Self {
        let limits = Limits { answer_bytes_max: 16 * MIB, ..Limits::default() };
        let peers = (0..20).map(|_| PeerId::random()).collect();
        Self { owed: Owed::default(), limits, peers, now: Instant::now(), next: 0 }
    }

    fn asker(peer: usize, network: u8, member: bool) -> Asker {
        let origin = Some(Origin::Local(Ipv4Addr::new(10, 0, 0, network).into()));
        Asker { connection: ConnectionId::new_unchecked(peer), origin, member }
    }

    /// The peer asks for so many bytes. Returns who makes room, or `None` for `Busy`.
    fn ask(&mut self, peer: usize, network: u8, bytes: usize) -> Option<Vec<usize>> {
        self.ask_as(Self::asker(peer, network, false), peer, bytes)
    }

    fn ask_as(&mut self, asker: Asker, peer: usize, bytes: usize) -> Option<Vec<usize>> {
        self.next += 1;
        let admission = self.owed.ask((self.peers[peer], self.next), asker, bytes, &self.limits, self.now);
        self.room(&admission)
    }

    /// The answer to the last question is there.
    fn answer(&mut self, peer: usize, bytes: usize) -> Option<Vec<usize>> {
        let admission = self.owed.admit((self.peers[peer], self.next), bytes, &self.limits, self.now);
        self.room(&admission)
    }

    fn room(&self, admission: &Admission) -> Option<Vec<usize>> {
        let number = |(peer, id): &(PeerId, ConnectionId)| {
            (0..20).find(|n| ConnectionId::new_unchecked(*n) == *id && self.peers[*n] == *peer)
        };
        match admission {
            Admission::Granted(closed) => Some(closed.iter().filter_map(number).collect()),
            Admission::Refused => None,
            Admission::Late => panic!("it was asked"),
        }
    }

    fn over(&mut self, peer: usize, id: u64) {
        self.owed.over(&self.peers[peer], &id);
    }
}

#[test]
fn blocks_are_counted_before_they_are_read_and_as_they_are_afterwards() {
    let mut desk = Desk::new();
    for peer in 0..4 {
        assert_eq!(desk.ask(peer, 1, 4 * MIB), Some(vec![]), "{peer}");
    }
    assert_eq!(desk.ask(4, 1, 4 * MIB), None, "no answer is there yet, and the room is given away");
    assert_eq!(desk.ask(4, 1, SMALL_BYTES), Some(vec![]), "small ones are not counted");
    assert_eq!(desk.answer(4, SMALL_BYTES), Some(vec![]));
    let last = desk.next;
    assert_eq!(desk.ask(3, 1, 5 * MIB), None, "beyond a peer's own part");
    // The answers are smaller than what was asked for.
    for (peer, id) in (0..4).zip(1..) {
        desk.next = id;
        assert_eq!(desk.answer(peer, MIB), Some(vec![]));
    }
    desk.next = last + 1;
    assert_eq!(desk.ask(4, 1, 8 * MIB), Some(vec![]));
    assert_eq!(desk.ask(5, 1, 5 * MIB), None, "12 of 16 are held");
    desk.over(4, desk.next - 1);
    assert_eq!(desk.ask(6, 1, 5 * MIB), Some(vec![]), "and free again");
    assert_eq!(desk.answer(6, 9 * MIB), None, "an answer that is longer than was asked for");
    desk.over(6, desk.next);
    assert_eq!(
        desk.owed.admit((desk.peers[6], desk.next), MIB, &desk.limits, desk.now),
        Admission::Late,
        "nobody waits"
    );
}

#[test]
fn members_of_the_set_ask_whatever_strangers_hold_and_have_their_own_part() {
    let mut desk = Desk::new();
    for peer in 0..4 {
        assert_eq!(desk.ask(peer, 1, 4 * MIB), Some(vec![]));
    }
    for _ in 0..2 {
        assert_eq!(desk.ask_as(Desk::asker(9, 1, true), 9, 4 * MIB), Some(vec![]));
        assert_eq!(desk.answer(9, 4 * MIB), Some(vec![]), "nobody makes room for it");
    }
    assert_eq!(desk.ask_as(Desk::asker(9, 1, true), 9, 4 * MIB), Some(vec![]), "not known before it is made");
    assert_eq!(desk.answer(9, 4 * MIB), None, "8 MiB are its part, too");
    desk.over(0, 1);
    assert_eq!(desk.ask(5, 1, 4 * MIB), Some(vec![]), "a member's answers are not the others'");
}

#[test]
fn the_network_that_holds_most_makes_room_with_its_oldest_answer() {
    let mut desk = Desk::new();
    assert_eq!(desk.ask(0, 2, 4 * MIB), Some(vec![]), "an honest one, the oldest of all");
    for peer in 1..4 {
        assert_eq!(desk.ask(peer, 1, 4 * MIB), Some(vec![]), "a crowd with one address");
    }
    assert_eq!(desk.ask(4, 3, 4 * MIB), Some(vec![1]), "a third network is let in at once");
    assert_eq!(desk.ask(5, 1, 4 * MIB), None, "and the crowd does not come back at its cost");
    assert_eq!(desk.ask(6, 4, 4 * MIB), Some(vec![2]));
    assert_eq!(desk.ask(7, 5, 4 * MIB), None, "all have the same: who came first is served first");
}

#[test]
fn within_a_network_an_answer_is_written_for_its_time_and_then_makes_room() {
    let mut desk = Desk::new();
    for peer in 0..2 {
        assert_eq!(desk.ask(peer, 1, 8 * MIB), Some(vec![]));
        desk.now += Duration::from_secs(1);
    }
    assert_eq!(desk.ask(2, 1, 8 * MIB), None, "it may come to its end");
    desk.now += desk.limits.answer_patience - Duration::from_secs(1);
    assert_eq!(desk.ask(2, 1, 8 * MIB), Some(vec![0]), "nobody holds it for ever");
    assert_eq!(desk.ask(3, 1, 8 * MIB), Some(vec![1]));
    assert_eq!(desk.ask(4, 1, 8 * MIB), None);
}

#[test]
fn a_connection_that_makes_room_is_owed_nothing_more() {
    let mut desk = Desk::new();
    let answers = (0..2).map(|_| desk.ask(0, 1, 4 * MIB)).collect::<Vec<_>>();
    assert_eq!(answers, [Some(vec![]), Some(vec![])]);
    assert_eq!(desk.ask(1, 1, 8 * MIB), Some(vec![]));
    assert_eq!(desk.ask(2, 2, 6 * MIB), Some(vec![0]), "with all that it is owed");
    let late = desk.owed.admit((desk.peers[0], 2), MIB, &desk.limits, desk.now);
    assert_eq!(late, Admission::Late);
    assert_eq!(desk.ask(3, 3, 2 * MIB), Some(vec![]), "14 of 16 were held");
}
