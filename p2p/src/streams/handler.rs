//! One connection's share of the validator streams.

use super::Access;
use super::frames::{ReadError, Reader, Writer};
use crate::event::{NetEvent, Offence, Penalty};
use crate::shared::{Lane, Link};
use libp2p::PeerId;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, SubstreamProtocol};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::PollSender;

/// Pause before a broken stream is opened again; doubles up to [`REOPEN_MAX`].
const REOPEN_MIN: Duration = Duration::from_millis(100);
/// Longest pause before a broken stream is opened again.
const REOPEN_MAX: Duration = Duration::from_secs(5);
/// A stream that held this long was sound: the next pause is short again.
const SOUND_AFTER: Duration = Duration::from_secs(10);
/// Messages taken from one stream before the connection's other work gets its turn.
const MESSAGES_PER_TURN: usize = 64;

/// From the behaviour to a connection.
#[derive(Debug)]
pub(crate) enum ToHandler {
    /// The peer's right to the streams.
    Access(Access),
    /// Write these queues, or nothing.
    Write(Option<Arc<Link>>),
}

/// From a connection to the behaviour.
#[derive(Debug)]
pub(crate) enum FromHandler {
    /// Both streams are open.
    Opened { key: wattle_primitives::PublicKey },
    /// The peer broke the protocol.
    Violation { detail: String, penalty: Penalty, offence: Offence },
}

/// A stream towards the peer.
enum Outbound {
    Closed,
    Opening,
    Open { writer: Writer<Stream>, since: Instant },
    Waiting(Pin<Box<Sleep>>),
}

/// See the module.
pub(crate) struct Handler {
    peer: PeerId,
    names: Vec<StreamProtocol>,
    events: PollSender<NetEvent>,
    access: Access,
    inbound: [Option<Reader<Stream>>; 2],
    outbound: [Outbound; 2],
    pause: [Duration; 2],
    link: Option<Arc<Link>>,
    told_open: bool,
    // One entry for each violation or opening; both are followed by a closed stream or a pause.
    out: VecDeque<FromHandler>,
    waker: Option<Waker>,
}

impl Handler {
    pub(crate) fn new(names: Vec<StreamProtocol>, events: mpsc::Sender<NetEvent>) -> Self {
        Self {
            peer: PeerId::random(),
            names,
            events: PollSender::new(events),
            access: Access::Undecided,
            inbound: [None, None],
            outbound: [Outbound::Closed, Outbound::Closed],
            pause: [REOPEN_MIN; 2],
            link: None,
            told_open: false,
            out: VecDeque::new(),
            waker: None,
        }
    }

    pub(crate) fn of(mut self, peer: PeerId) -> Self {
        self.peer = peer;
        self
    }

    fn violation(&mut self, detail: String, penalty: Penalty, offence: Offence) {
        self.out.push_back(FromHandler::Violation { detail, penalty, offence });
    }

    /// Drops streams that the peer has no right to.
    fn enforce(&mut self) {
        let had_any = self.inbound.iter().any(Option::is_some);
        match self.access {
            Access::Undecided | Access::Granted(_) => {}
            Access::Never if had_any => {
                self.inbound = [None, None];
                let detail = "validator stream without a proven key".to_owned();
                self.violation(detail, Penalty::Heavy, Offence::Stream);
            }
            Access::Never | Access::NotNow => self.inbound = [None, None],
        }
    }

    fn poll_inbound(&mut self, cx: &mut Context<'_>) {
        let Access::Granted(from) = self.access else { return };
        for lane in Lane::ALL {
            for turn in 0..=MESSAGES_PER_TURN {
                let Some(reader) = &mut self.inbound[lane as usize] else { break };
                if turn == MESSAGES_PER_TURN {
                    cx.waker().wake_by_ref();
                    break;
                }
                // A place for the event first: when the node is behind, the stream is not read and the peer's
                // queue drops what is old.
                match self.events.poll_reserve(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Err(_)) => {
                        self.inbound = [None, None];
                        return;
                    }
                    Poll::Ready(Ok(())) => {}
                }
                match reader.poll_next(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(message)) => {
                        let event = NetEvent::ValidatorMessage { from, peer: self.peer, message };
                        // Fails only when the node is gone, and then nobody misses the message.
                        let _ = self.events.send_item(event);
                    }
                    Poll::Ready(Err(error)) => {
                        self.inbound[lane as usize] = None;
                        if !matches!(error, ReadError::Io(_)) {
                            self.violation(error.to_string(), Penalty::Fatal, Offence::Frame);
                        }
                    }
                }
            }
        }
        self.events.abort_send(); // gives back a place that was not used
    }

    /// Drives both outbound streams; returns the one to open.
    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> Option<Lane> {
        let link = self.link.clone()?;
        for lane in Lane::ALL {
            let (slot, pause) = (&mut self.outbound[lane as usize], &mut self.pause[lane as usize]);
            match slot {
                Outbound::Opening => {}
                Outbound::Closed => {
                    *slot = Outbound::Opening;
                    return Some(lane);
                }
                Outbound::Waiting(timer) => {
                    if timer.as_mut().poll(cx).is_ready() {
                        *slot = Outbound::Opening;
                        return Some(lane);
                    }
                }
                Outbound::Open { writer, since } => {
                    if let Poll::Ready(error) = writer.poll_write(cx, &link, lane) {
                        tracing::debug!(peer = %self.peer, ?lane, %error, "validator stream broke");
                        if since.elapsed() > SOUND_AFTER {
                            *pause = REOPEN_MIN;
                        }
                        *slot = wait(pause);
                        link.outbox(lane).broken();
                        cx.waker().wake_by_ref(); // polled once more, so that the timer is registered
                        self.told_open = false;
                    }
                }
            }
        }
        let open = self.outbound.iter().all(|o| matches!(o, Outbound::Open { .. }));
        if open && !self.told_open {
            self.told_open = true;
            self.out.push_back(FromHandler::Opened { key: link.key });
        }
        None
    }

    fn lane_of(&self, name: &StreamProtocol) -> Option<Lane> {
        let at = self.names.iter().position(|n| n == name)?;
        Lane::ALL.get(at).copied()
    }

    fn opened(&mut self, lane: Lane, stream: Stream) {
        if self.link.is_some() {
            self.outbound[lane as usize] =
                Outbound::Open { writer: Writer::new(stream), since: Instant::now() };
        } else {
            self.outbound[lane as usize] = Outbound::Closed;
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Starts a pause and makes the next one longer.
fn wait(pause: &mut Duration) -> Outbound {
    let timer = Box::pin(sleep(*pause));
    *pause = pause.saturating_mul(2).min(REOPEN_MAX);
    Outbound::Waiting(timer)
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ToHandler;
    type ToBehaviour = FromHandler;
    type InboundProtocol = Names;
    type OutboundProtocol = Names;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Names, ()> {
        SubstreamProtocol::new(Names(self.names.clone()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true // who stays connected is decided by the network task alone
    }

    fn on_behaviour_event(&mut self, event: ToHandler) {
        match event {
            ToHandler::Access(access) => {
                self.access = access;
                self.enforce();
            }
            ToHandler::Write(link) => {
                self.link = link;
                self.told_open = false;
                self.pause = [REOPEN_MIN; 2];
                for slot in &mut self.outbound {
                    // A stream that is being opened is taken or dropped when it arrives.
                    if !matches!(slot, Outbound::Opening) {
                        *slot = Outbound::Closed;
                    }
                }
            }
        }
        self.wake();
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Names, Names, (), Lane>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, name),
                ..
            }) => {
                if let Some(lane) = self.lane_of(&name) {
                    self.inbound[lane as usize] = Some(Reader::new(stream, lane));
                    self.enforce();
                    self.wake();
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (stream, _),
                info,
            }) => {
                self.opened(info, stream);
            }
            ConnectionEvent::DialUpgradeError(failure) => {
                let at = failure.info as usize;
                self.outbound[at] = wait(&mut self.pause[at]);
                self.wake();
            }
            _ => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Names, Lane, FromHandler>> {
        self.poll_inbound(cx);
        let open = self.poll_outbound(cx);
        if let Some(lane) = open {
            cx.waker().wake_by_ref(); // the other stream has not had its turn
            let name = self.names.get(lane as usize).cloned().into_iter().collect();
            let protocol = SubstreamProtocol::new(Names(name), lane);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if let Some(event) = self.out.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Negotiates one of the names and hands the bare stream over.
#[derive(Clone, Debug)]
pub(crate) struct Names(Vec<StreamProtocol>);

impl UpgradeInfo for Names {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;
    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Names {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;
    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, name)))
    }
}

impl OutboundUpgrade<Stream> for Names {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;
    fn upgrade_outbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, name)))
    }
}
