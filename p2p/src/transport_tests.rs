#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use tokio::io::duplex;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

fn listener(ip: &str, port: u16) -> ConnectedPoint {
    let address = |port| -> Multiaddr { format!("/ip4/{ip}/tcp/{port}").parse().expect("an address") };
    ConnectedPoint::Listener { local_addr: address(1), send_back_addr: address(port) }
}

fn gave_way(place: &Option<Arc<Place>>) -> bool {
    place.as_ref().is_some_and(|place| place.taken.load(Ordering::Acquire))
}

#[test]
fn the_oldest_of_the_address_that_holds_most_gives_way() {
    let limits =
        Limits { connections_pending_max: 8, connections_pending_per_address_max: 6, ..Limits::default() };
    let places = Places::new(&limits);
    let honest = places.enter(&listener("192.0.2.1", 1));
    let held: Vec<_> = (0..10).map(|port| places.enter(&listener("192.0.2.2", port))).collect();
    assert_eq!(held.iter().map(gave_way).collect::<Vec<_>>(), [[true; 4].as_slice(), &[false; 6]].concat());
    // Two more elsewhere: all places are taken, and who holds most gives one.
    let others: Vec<_> = (3..5).map(|n| places.enter(&listener(&format!("192.0.2.{n}"), 1))).collect();
    assert_eq!(held.iter().filter(|place| gave_way(place)).count(), 5);
    assert!(!others.iter().chain([&honest]).any(gave_way));
    // What stands, or has failed, holds no place.
    places.stands(&listener("192.0.2.2", 9));
    drop(held);
    let next: Vec<_> = (0..5).map(|port| places.enter(&listener("192.0.2.9", port))).collect();
    assert!(!next.iter().chain(&others).chain([&honest]).any(gave_way));
}

/// Polls both ends of a connection until nothing moves.
fn drive(
    client: &mut yamux::Connection<Compat<tokio::io::DuplexStream>>,
    server: &mut Muxer<Compat<tokio::io::DuplexStream>>,
) {
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        let _ = client.poll_next_inbound(cx);
        let polled = Pin::new(&mut *server).poll(cx);
        assert!(polled.is_pending(), "the connection stands");
    }
}

#[test]
fn streams_that_nobody_takes_are_few() {
    let (near, far) = duplex(1 << 20);
    let mut client = yamux::Connection::new(near.compat(), yamux::Config::default(), yamux::Mode::Client);
    let mut server = Muxer::new(far.compat(), yamux::Mode::Server);
    let cx = &mut Context::from_waker(Waker::noop());
    let mut streams = Vec::new();
    for _ in 0..WAITING_MAX * 3 {
        let Poll::Ready(Ok(mut stream)) = client.poll_new_outbound(cx) else { panic!("a stream") };
        let written = Pin::new(&mut stream).poll_write(cx, &[7; 100]);
        assert!(matches!(written, Poll::Ready(Ok(100))));
        streams.push(stream);
        drive(&mut client, &mut server);
    }
    assert_eq!(server.waiting.len(), WAITING_MAX);
    let taken = Pin::new(&mut server).poll_inbound(cx);
    assert!(matches!(taken, Poll::Ready(Ok(_))));
    assert_eq!(server.waiting.len(), WAITING_MAX - 1);
}
