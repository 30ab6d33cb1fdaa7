//! Connections over TCP: when one counts as dead, what of it may wait unread, and how many are under construction.
//!
//! - **Silence ends a connection.** One on which nothing came for [`Limits::silence_max`] is dead, and so is one that
//!   waits for its last bytes to leave. Bytes of any kind are life: a narrow link that is busy with a large frame for
//!   minutes is not dead, though no ping is answered in time. Pings see to it that a sound link is never silent.
//! - **Windows are bounded.** A stream has a receive window of 256 KiB, which grows with what is read, by
//!   [`GROWTH_BYTES`] for all streams of a connection together. Of streams that nobody has taken yet [`WAITING_MAX`]
//!   wait; others are reset.
//! - **Held dials make room.** Whoever dials and says nothing takes a place until the handshake's time is over. Where
//!   one network has [`Limits::connections_pending_per_network_max`] places, its oldest gives way to a new one; where
//!   all have [`Limits::connections_pending_max`], the oldest of the network that has most.
//! - **A turn is one packet.** Frames that are ready together are encrypted and sent together: on a narrow line a
//!   packet's headers weigh more than most of them.
//!
//! # Not here
//! QUIC, whose library has bounds of its own (`crate::behaviour`); rates of networks (`crate::gate`).

use crate::config::Limits;
use crate::gate::{Origin, Origins, ip_of};
use futures::task::AtomicWaker;
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::ConnectedPoint;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent};
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo, Version};
use libp2p::{Multiaddr, PeerId, Transport as _, identity, noise, tcp};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};
use wattle_primitives::planted;

/// Most streams of one connection. A peer that opens more has its connection closed.
pub(crate) const STREAMS_MAX: usize = 128;
/// Most streams of one connection that nobody has taken yet: more than one peer's requests under way
/// ([`Limits::requests_per_peer_max`]), which may all come at once.
const WAITING_MAX: usize = 24;
/// Bytes by which the receive windows of a connection may grow, all together.
const GROWTH_BYTES: usize = 2 * 1024 * 1024;

/// TCP with Noise and Yamux. Unless `nodelay`, small writes go together in one packet.
pub(crate) fn tcp(
    keypair: &identity::Keypair,
    limits: &Limits,
    origins: Origins,
    nodelay: bool,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let entering = Arc::new(Entering::new(limits, origins));
    let (standing, silence) = (Arc::clone(&entering), limits.silence_max);
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(nodelay))
        .map(move |stream, point| Live::new(stream, silence, entering.enter(&point)))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair)?)
        .multiplex(Yamux)
        .map(move |(peer, muxer), point| {
            standing.stands(&point);
            (peer, StreamMuxerBox::new(muxer))
        });
    Ok(transport.boxed())
}

/// A stream of bytes that ends when nothing comes.
struct Live<S> {
    stream: S,
    silence: Duration,
    /// When something came last.
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    place: Option<Arc<Place>>,
}

impl<S> Live<S> {
    fn new(stream: S, silence: Duration, place: Option<Arc<Place>>) -> Self {
        Self { stream, silence, heard: Instant::now(), alarm: Box::pin(sleep(silence)), place }
    }

    /// The stream's result, or that it is over where it would wait.
    fn or_over<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        if let Some(place) = &self.place {
            place.waker.register(cx.waker());
            if place.taken.load(Ordering::Acquire) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let due = self.heard + self.silence;
            if due <= Instant::now() {
                if planted!("silent-connection-stays") {
                    return Poll::Pending;
                }
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Live<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(result, Poll::Ready(Ok(read)) if read > 0) && !planted!("bytes-are-no-life") {
            self.heard = Instant::now();
        }
        self.or_over(cx, result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Live<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.or_over(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_over(cx, result)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_close(cx);
        self.or_over(cx, result)
    }
}

/// The place of a connection under construction.
#[derive(Debug, Default)]
struct Place {
    /// Somebody else has it now.
    taken: AtomicBool,
    waker: AtomicWaker,
}

impl Place {
    fn take(&self) {
        self.taken.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// Connections that others open, while they are under construction.
#[derive(Debug)]
struct Entering {
    all_max: usize,
    network_max: usize,
    origins: Origins,
    /// Oldest first. A connection that failed has left nothing behind its weak reference.
    held: Mutex<Vec<Held>>,
}

/// A place that is held.
#[derive(Debug)]
struct Held {
    origin: Origin,
    from: Multiaddr,
    place: Weak<Place>,
}

impl Entering {
    fn new(limits: &Limits, origins: Origins) -> Self {
        let all_max = usize::try_from(limits.connections_pending_max).unwrap_or(usize::MAX).max(1);
        let network_max = limits.connections_pending_per_network_max.max(1);
        Self { all_max, network_max, origins, held: Mutex::default() }
    }

    /// A place for a connection that somebody opened; `None` for one of this node's own, which needs none.
    fn enter(&self, point: &ConnectedPoint) -> Option<Arc<Place>> {
        let ConnectedPoint::Listener { send_back_addr: from, .. } = point else { return None };
        let origin = self.origins.of(ip_of(from)?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.place.strong_count() > 0);
        if held.iter().filter(|other| other.origin == origin).count() >= self.network_max {
            give_way(&mut held, |other| other == origin);
        }
        if held.len() >= self.all_max {
            let mut crowds: BTreeMap<Origin, usize> = BTreeMap::new();
            for other in &*held {
                let crowd = crowds.entry(other.origin).or_default();
                *crowd = crowd.saturating_add(1);
            }
            let most = crowds.values().max().copied();
            give_way(&mut held, |other| crowds.get(&other).copied() == most);
        }
        let place = Arc::new(Place::default());
        held.push(Held { origin, from: from.clone(), place: Arc::downgrade(&place) });
        Some(place)
    }

    /// A connection is no longer under construction.
    fn stands(&self, point: &ConnectedPoint) {
        let ConnectedPoint::Listener { send_back_addr: from, .. } = point else { return };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.from != *from);
    }
}

/// The oldest connection of these networks gives way.
fn give_way(held: &mut Vec<Held>, of: impl Fn(Origin) -> bool) {
    let Some(oldest) = held.iter().position(|other| of(other.origin)) else { return };
    if let Some(place) = held.remove(oldest).place.upgrade()
        && !planted!("held-dials-stay")
    {
        place.take();
    }
}

/// The upgrade to many streams.
#[derive(Clone, Copy, Debug)]
struct Yamux;

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_inbound(self, io: C, _: &'static str) -> Self::Future {
        ready(Ok(Muxer::new(io, yamux::Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_outbound(self, io: C, _: &'static str) -> Self::Future {
        ready(Ok(Muxer::new(io, yamux::Mode::Client)))
    }
}

/// One round of the multiplexer: it flushes after each frame, and nothing leaves before the last one.
#[derive(Default)]
struct Turn {
    lasts: AtomicBool,
    /// Something was written that has not left.
    unsent: AtomicBool,
}

/// Bytes of a connection that gather as long as a turn lasts. Below it Noise buffers what is written up to a flush.
struct Gathered<C> {
    io: C,
    turn: Arc<Turn>,
}

impl<C: AsyncRead + Unpin> AsyncRead for Gathered<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Gathered<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.turn.unsent.store(true, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.lasts.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.turn.unsent.store(false, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

/// A connection that carries many streams.
struct Muxer<C> {
    connection: yamux::Connection<Gathered<C>>,
    turn: Arc<Turn>,
    /// Streams that the peer opened and nobody has taken.
    waiting: VecDeque<yamux::Stream>,
    /// Of whoever would take one.
    taker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(io: C, mode: yamux::Mode) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(STREAMS_MAX);
        let windows = STREAMS_MAX.saturating_mul(yamux::DEFAULT_CREDIT as usize).saturating_add(GROWTH_BYTES);
        config.set_max_connection_receive_window(Some(windows));
        let turn = Arc::<Turn>::default();
        let connection = yamux::Connection::new(Gathered { io, turn: Arc::clone(&turn) }, config, mode);
        Self { connection, turn, waiting: VecDeque::new(), taker: None }
    }

    /// The next stream that the peer opens. All that comes on the connection is read here, and all that goes is sent.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, yamux::ConnectionError>> {
        self.turn.lasts.store(!planted!("frames-leave-alone"), Ordering::Relaxed);
        let mut next = self.connection.poll_next_inbound(cx);
        self.turn.lasts.store(false, Ordering::Relaxed);
        if next.is_pending() && self.turn.unsent.load(Ordering::Relaxed) {
            next = self.connection.poll_next_inbound(cx);
        }
        next.map(|stream| stream.unwrap_or(Err(yamux::ConnectionError::Closed)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = yamux::ConnectionError;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<yamux::Stream, Self::Error>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let next = self.poll_next(cx);
        if next.is_pending() {
            self.taker = Some(cx.waker().clone());
        }
        next
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<yamux::Stream, Self::Error>> {
        self.connection.poll_new_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection.poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        while let Poll::Ready(stream) = self.poll_next(cx) {
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => return Poll::Ready(Err(error)),
            };
            if self.waiting.len() < WAITING_MAX || planted!("untaken-streams-kept") {
                self.waiting.push_back(stream);
            }
            if let Some(taker) = self.taker.take() {
                taker.wake();
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
