#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use futures::{AsyncReadExt, AsyncWriteExt};
use std::sync::atomic::AtomicUsize;
use tokio::io::duplex;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// Longest wait for what takes milliseconds: only a hang takes it.
const PATIENCE: Duration = Duration::from_secs(60);

fn entering(all_max: u32, network_max: usize) -> Entering {
    let limits = Limits {
        connections_pending_max: all_max,
        connections_pending_per_network_max: network_max,
        ..Limits::default()
    };
    Entering::new(&limits, Origins::new([], true))
}

fn listener(ip: &str, port: u16) -> ConnectedPoint {
    let kind = if ip.contains(':') { "ip6" } else { "ip4" };
    let address = |port| -> Multiaddr { format!("/{kind}/{ip}/tcp/{port}").parse().expect("an address") };
    ConnectedPoint::Listener { local_addr: address(1), send_back_addr: address(port) }
}

fn gave_way(place: &Option<Arc<Place>>) -> bool {
    place.as_ref().is_some_and(|place| place.taken.load(Ordering::Acquire))
}

#[test]
fn the_oldest_of_the_network_that_holds_most_gives_way() {
    let entering = entering(8, 6);
    let honest = entering.enter(&listener("198.18.1.1", 1));
    let held: Vec<_> = (0..10).map(|n| entering.enter(&listener(&format!("198.18.2.{n}"), n))).collect();
    assert_eq!(held.iter().map(gave_way).collect::<Vec<_>>(), [[true; 4].as_slice(), &[false; 6]].concat());
    // Two more elsewhere: all places are taken, and who holds most gives one.
    let others: Vec<_> = (3..5).map(|n| entering.enter(&listener(&format!("198.18.{n}.1"), 1))).collect();
    assert_eq!(held.iter().filter(|place| gave_way(place)).count(), 5);
    assert!(!others.iter().chain([&honest]).any(gave_way));
    // A connection that stands, or has failed, holds no place.
    entering.stands(&listener("198.18.2.9", 9));
    drop(held);
    let next: Vec<_> = (0..5).map(|port| entering.enter(&listener("198.18.9.1", port))).collect();
    assert!(!next.iter().chain(&others).chain([&honest]).any(gave_way));
}

#[test]
fn of_networks_that_hold_as_many_the_oldest_gives_way() {
    let entering = entering(3, 3);
    let networks = [5, 9, 1, 7, 3];
    let held = networks.map(|n| entering.enter(&listener(&format!("198.18.{n}.1"), 1)));
    assert_eq!(held.each_ref().map(gave_way), [true, true, false, false, false]);
}

#[test]
fn addresses_of_one_network_are_one() {
    let entering = entering(8, 2);
    for network in [
        ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"],
        ["198.18.1.1", "::ffff:198.18.1.2", "198.18.1.3"],
    ] {
        let held = network.map(|ip| entering.enter(&listener(ip, 1)));
        assert_eq!(held.each_ref().map(gave_way), [true, false, false], "{network:?}");
    }
}

#[tokio::test]
async fn silence_ends_a_connection_for_who_reads_and_for_who_writes() {
    let (near, _far) = duplex(1);
    let mut live = Live::new(near.compat(), Duration::from_millis(20), None);
    let mut bytes = [0; 8];
    let read = timeout(PATIENCE, live.read(&mut bytes)).await.expect("whoever reads is told");
    assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    // There is room for one byte.
    let written = timeout(PATIENCE, live.write_all(&bytes)).await.expect("whoever writes is told");
    assert_eq!(written.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
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

/// A line that counts how often something is sent on it.
struct Counting {
    line: Compat<tokio::io::DuplexStream>,
    written: bool,
    sent: Arc<AtomicUsize>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.line).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written = true;
        Pin::new(&mut self.line).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.written) {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_close(cx)
    }
}

#[test]
fn frames_that_are_ready_together_leave_together() {
    let (near, far) = duplex(1 << 20);
    let mut client = yamux::Connection::new(near.compat(), yamux::Config::default(), yamux::Mode::Client);
    let sent = Arc::<AtomicUsize>::default();
    let counting = Counting { line: far.compat(), written: false, sent: Arc::clone(&sent) };
    let mut server = Muxer::new(counting, yamux::Mode::Server);
    let cx = &mut Context::from_waker(Waker::noop());
    let mut streams = Vec::new();
    for _ in 0..WAITING_MAX {
        let Poll::Ready(Ok(mut stream)) = server.connection.poll_new_outbound(cx) else { panic!("a stream") };
        assert!(matches!(Pin::new(&mut stream).poll_write(cx, &[7; 100]), Poll::Ready(Ok(100))));
        streams.push(stream);
    }
    assert!(Pin::new(&mut server).poll(cx).is_pending());
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    // They have left: the peer has them without another turn.
    for _ in 0..WAITING_MAX {
        assert!(matches!(client.poll_next_inbound(cx), Poll::Ready(Some(Ok(_)))));
    }
}
