#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::config::Limits;
use crate::manager::Source;

fn peer(number: u8) -> PeerId {
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([number; 32]).expect("32 bytes");
    keys.public().to_peer_id()
}

fn door() -> Door {
    let manager = Manager::new(peer(0), &Limits::default(), 1);
    Door::new(manager, Origins::new([], true))
}

fn next(door: &mut Door) -> Option<DialOpts> {
    match door.poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(ToSwarm::Dial { opts }) => Some(opts),
        Poll::Ready(other) => panic!("{other:?}"),
        Poll::Pending => None,
    }
}

fn may_dial(door: &mut Door, id: ConnectionId) -> bool {
    door.handle_pending_outbound_connection(id, Some(peer(1)), &[], Endpoint::Dialer).is_ok()
}

#[test]
fn only_what_the_manager_decided_is_dialed() {
    let (mut door, now, peer) = (door(), Instant::now(), peer(1));
    assert!(!may_dial(&mut door, ConnectionId::new_unchecked(1)), "some part of the library");
    let addresses = vec!["/ip4/192.0.2.1/tcp/1".parse().expect("an address")];
    door.tell(now, Event::Found { peer, addresses, source: Source::Mdns }).expect("nobody is refused");
    door.tell(now, Event::Tick).expect("nobody is refused");
    let dial = next(&mut door).expect("it is due");
    assert_eq!(dial.get_peer_id(), Some(peer));
    assert!(may_dial(&mut door, dial.connection_id()));
    assert!(next(&mut door).is_none());
}
