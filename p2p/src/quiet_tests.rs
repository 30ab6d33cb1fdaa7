use super::*;
use futures::task::noop_waker_ref;
use libp2p::core::upgrade::DeniedUpgrade;
use std::convert::Infallible;

/// Opens a stream whenever it is asked, three times at most.
struct Chatterer(usize);

impl ConnectionHandler for Chatterer {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = usize;

    fn listen_protocol(&self) -> SubstreamProtocol<DeniedUpgrade, ()> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<DeniedUpgrade, usize, Infallible>> {
        if self.0 >= 3 {
            return Poll::Pending;
        }
        self.0 += 1;
        let protocol = SubstreamProtocol::new(DeniedUpgrade, self.0);
        Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, _: ConnectionEvent<'_, DeniedUpgrade, DeniedUpgrade, (), usize>) {}
}

/// The streams that are opened now, by number.
fn opened(held: &mut Held<Chatterer>) -> Vec<usize> {
    let mut cx = Context::from_waker(noop_waker_ref());
    let mut streams = Vec::new();
    while let Poll::Ready(event) = held.poll(&mut cx) {
        match event {
            ConnectionHandlerEvent::OutboundSubstreamRequest { protocol } => streams.push(*protocol.info()),
            other => panic!("{other:?}"),
        }
    }
    streams
}

#[test]
fn nothing_is_opened_before_the_peer_is_known_to_be_no_light_node() {
    let mut held = Held::new(Chatterer(0));
    assert!(opened(&mut held).is_empty());
    held.on_behaviour_event(ToHeld::Speak);
    assert_eq!(opened(&mut held), [1, 2, 3], "all that waited, in order");
}

#[test]
fn what_waits_is_bounded() {
    let mut held = Held::new(Chatterer(0));
    for _ in 0..5 {
        held.inner.0 = 0;
        assert!(opened(&mut held).is_empty());
    }
    assert_eq!(held.waiting.len(), WAITING_MAX);
}

#[test]
fn each_connection_of_a_peer_that_may_be_spoken_to_is_told() {
    let mut quiet = Quiet::new(());
    let (peer, light) = (PeerId::random(), PeerId::random());
    let id = ConnectionId::new_unchecked;
    quiet.connected(peer, id(1));
    quiet.connected(light, id(2));
    quiet.speak(peer);
    quiet.speak(peer); // no twice
    quiet.connected(peer, id(3));
    assert_eq!(quiet.pending, [(peer, id(1)), (peer, id(3))]);
    // A new connection after the last one begins anew.
    quiet.disconnected(peer, id(1));
    quiet.disconnected(peer, id(3));
    quiet.pending.clear();
    quiet.connected(peer, id(4));
    assert!(quiet.pending.is_empty());
}
