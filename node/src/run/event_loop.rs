//! The loop: one `select!` turns whatever happens into events for the driver, and carries out its effects in order.

use super::makers::Makers;
use super::observe::Observer;
use super::shared::{Command, Shared};
use super::threads::{Fatal, Report, Reports, Threads};
use super::{NodeError, serve};
use crate::driver::{Answer, Driver, Effect, Event, FinalBlock, Quorum};
use crate::signer::Barred;
use crate::work::Token;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use wattle_consensus::MonoMs;
use wattle_p2p::wire::{Request, Response, Role};
use wattle_p2p::{Handle, NetEvent, PeerId, Responder};
use wattle_primitives::TimeMs;
use wattle_rpc::metrics::{FsyncOf, Metrics};

/// How long a node waits at its end for what is under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The loop and all that it holds.
pub(super) struct Loop {
    pub(super) driver: Driver,
    pub(super) shared: Arc<Shared>,
    pub(super) network: Handle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) threads: Threads,
    pub(super) reports: Reports,
    pub(super) responders: HashMap<Token, Responder>,
    pub(super) replies: HashMap<Token, oneshot::Sender<Answer>>,
    pub(super) tokens: u64,
    pub(super) origin: Instant,
    pub(super) observer: Observer,
    pub(super) makers: Makers,
}

/// One thing that the loop reacts to.
enum Incoming {
    Event(Event),
    Reports(Report),
    Stop,
}

/// The fault behind `error`. When a thread is found gone, its own report of why may still wait to be read.
fn cause(error: NodeError, reports: &mut mpsc::UnboundedReceiver<Report>) -> NodeError {
    if matches!(error, NodeError::Fatal(Fatal::Thread(_))) {
        while let Ok(report) = reports.try_recv() {
            if let Report::Fatal(fatal) = report {
                return fatal.into();
            }
        }
    }
    error
}

/// One line when the chain begins to stand for want of validators, and one when it no longer does.
fn log_quorum(quorum: &Quorum) {
    let (missing_power, total, needed) = (quorum.missing_power.0, quorum.total.0, quorum.needed.0);
    if quorum.is_lost() {
        let validators: Vec<String> = quorum.missing.iter().map(ToString::to_string).collect();
        let validators = validators.join(" ");
        tracing::error!(missing_power, total, needed, validators, "no quorum is heard: the chain stands");
    } else {
        tracing::info!(missing_power, total, needed, "a quorum is heard again");
    }
}

/// Tells the operator of a new disk when its validator will sign.
pub(super) fn log_bar(barred: Barred) {
    match barred {
        Barred::Free | Barred::Passed(_) => {
            tracing::info!("past every round in which the lost disk may have signed: taking part again");
        }
        Barred::Unasked => tracing::warn!(
            "a new disk: signing nothing until a quorum of other validators has told how far votes from the old one can reach"
        ),
        Barred::Until(past) => {
            tracing::warn!(%past, "a new disk: signing nothing until past that round");
        }
    }
}

impl Loop {
    /// Runs until the end, then waits for the threads: they hold the locks of log, sign state and database.
    pub(super) async fn run(
        mut self,
        mut reports: mpsc::UnboundedReceiver<Report>,
        network: mpsc::Receiver<NetEvent>,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let result = self.react(&mut reports, network, commands, stop).await;
        let result = result.map_err(|error| cause(error, &mut reports));
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(|| threads.end()).await;
        if result.is_ok() && !joined.unwrap_or(false) {
            return Err(Fatal::Thread("worker").into());
        }
        result
    }

    async fn react(
        &mut self,
        reports: &mut mpsc::UnboundedReceiver<Report>,
        mut network: mpsc::Receiver<NetEvent>,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        self.step(Event::Start)?;
        let mut stopping: Option<Instant> = None;
        loop {
            let deadline = self.instant_of(self.driver.next_deadline());
            let incoming = tokio::select! {
                Some(report) = reports.recv() => Incoming::Reports(report),
                _ = stop.changed(), if stopping.is_none() => Incoming::Stop,
                event = network.recv(), if stopping.is_none() => match event.map(|event| self.of_network(event)) {
                    Some(Some(event)) => Incoming::Event(event),
                    Some(None) => continue,
                    None => return Err(Fatal::Thread("network").into()),
                },
                Some(command) = commands.recv() => Incoming::Event(self.of_command(command)),
                () = tokio::time::sleep_until(deadline.into()), if stopping.is_none() => Incoming::Event(Event::Tick),
                () = tokio::time::sleep(Duration::from_millis(20)), if stopping.is_some() => Incoming::Event(Event::Tick),
            };
            match incoming {
                Incoming::Event(event) => self.step(event)?,
                Incoming::Reports(Report::Done(done)) => self.step(Event::Done(done))?,
                Incoming::Reports(Report::Response { token, response }) => {
                    self.step(Event::Response { token, response })?;
                }
                Incoming::Reports(Report::Committed(took)) => {
                    self.metrics.fsync(FsyncOf::Database, took.as_secs_f64())
                }
                Incoming::Reports(Report::LowSpace(low)) => self.step(Event::LowSpace(low))?,
                Incoming::Reports(Report::Fatal(fatal)) => return Err(fatal.into()),
                Incoming::Stop => {
                    self.step(Event::Stop)?;
                    stopping = Some(Instant::now());
                }
            }
            if stopping.is_some_and(|since| self.driver.is_idle() || since.elapsed() > STOP_TIMEOUT) {
                self.network.shutdown().await;
                return Ok(());
            }
        }
    }

    fn step(&mut self, event: Event) -> Result<(), NodeError> {
        let (mono, os_wall) = self.clocks();
        let effects = self.driver.step(event, mono, os_wall);
        self.shared.set_clock(self.driver.reading());
        effects.into_iter().try_for_each(|effect| self.carry_out(effect))
    }

    /// The monotonic clock since the start, and the operating system's.
    fn clocks(&self) -> (MonoMs, TimeMs) {
        let mono = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        (MonoMs(mono), wattle_host::wall::now())
    }

    /// The instant of a driver's deadline: a millisecond late rather than early, which would spin.
    fn instant_of(&self, at: MonoMs) -> Instant {
        self.origin + Duration::from_millis(at.0.saturating_add(1))
    }

    fn new_token(&mut self) -> Token {
        self.tokens = self.tokens.saturating_add(1);
        Token(self.tokens)
    }

    fn of_command(&mut self, command: Command) -> Event {
        let token = self.new_token();
        match command {
            Command::Submit(txs, reply) => {
                self.replies.insert(token, reply);
                Event::Submit { token, txs }
            }
            Command::Ask(question, reply) => {
                self.replies.insert(token, reply);
                Event::Ask { token, question }
            }
        }
    }

    fn of_network(&mut self, event: NetEvent) -> Option<Event> {
        Some(match event {
            NetEvent::ValidatorMessage { from, peer, message } => {
                let (mono, os_wall) = self.clocks();
                self.observer.received(&message, self.driver.read_clock(mono, os_wall));
                Event::Validator { from, peer, message }
            }
            NetEvent::Gossip { peer, id, message } => Event::Gossip { peer, id, message },
            NetEvent::Request { peer, request, responder } => {
                let token = self.new_token();
                self.responders.insert(token, responder);
                Event::Request { token, peer, request }
            }
            NetEvent::PeerReady { peer, role, validator, height } => {
                tracing::info!(%peer, ?role, %height, "peer is ready");
                Event::PeerReady { peer, validator, height, serves: role != Role::Light }
            }
            NetEvent::PeerHeight { peer, height } => Event::PeerHeight { peer, height },
            NetEvent::ValidatorConnected { key, peer } => Event::ValidatorConnected { key, peer },
            NetEvent::PeerGone { peer, reason, .. } => {
                tracing::info!(%peer, ?reason, "peer is gone");
                Event::PeerGone { peer }
            }
            NetEvent::PeerRefused { peer, refusal, by_peer } => {
                tracing::warn!(%peer, %refusal, by_peer, "peer was refused");
                return None;
            }
            NetEvent::Listening { address } => {
                tracing::info!(%address, "listening");
                return None;
            }
        })
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), NodeError> {
        self.observer.carries_out(&effect);
        match effect {
            Effect::Work(job) => self.threads.work(job)?,
            Effect::Persist(group) => self.threads.persist(group)?,
            Effect::Commit(batch) => self.threads.commit(batch)?,
            Effect::Send(to, message) => {
                // Not connected: it will be sent again when it is.
                let _ = self.network.send(&to, &message);
            }
            Effect::Broadcast(message) => {
                let _ = self.network.broadcast(&message);
            }
            Effect::Gossip(message) => {
                if let Err(error) = self.network.publish(message) {
                    tracing::debug!(%error, "gossip was not published");
                }
            }
            Effect::Verdict { peer, id, verdict } => drop(self.network.gossip_verdict(id, peer, verdict)),
            Effect::Ask { token, peer, request } => self.ask(token, peer, request),
            Effect::Respond { token, response } => self.respond(token, response),
            Effect::Serve { token, request } => {
                let shared = Arc::clone(&self.shared);
                self.make(token, move || serve::answer(&shared, &request));
            }
            Effect::ServeHeld { token, block, offset, bytes } => {
                let shared = Arc::clone(&self.shared);
                self.make(token, move || serve::held(&shared, &block, offset, bytes));
            }
            Effect::Answer { token, answer } => {
                if let Some(reply) = self.replies.remove(&token) {
                    let _ = reply.send(answer); // the client may have gone
                }
            }
            Effect::Report { peer, penalty, offence } => {
                tracing::warn!(%peer, ?penalty, ?offence, "peer broke a rule");
                let _ = self.network.report(peer, penalty, offence);
            }
            Effect::SetValidators(keys) => drop(self.network.set_validators(keys)),
            Effect::Announce(block) => self.announce(&block)?,
            Effect::Evidence { found, forgotten } => {
                let (validator, evidence) = (found.validator, &found.evidence);
                tracing::warn!(%validator, ?evidence, "a validator broke the rules, provably");
                self.metrics.evidence_total.inc();
                self.threads.accuse(found, forgotten)?;
            }
            Effect::Entered(round) => self.observer.entered(round, &self.driver.status()),
            Effect::Quorum(quorum) => log_quorum(&quorum),
            Effect::Bar(barred) => {
                log_bar(barred);
                self.threads.bar(barred)?;
            }
            Effect::Halt(halt) => return Err(halt.into()),
        }
        Ok(())
    }

    fn announce(&mut self, block: &FinalBlock) -> Result<(), NodeError> {
        let height = block.block.header().height;
        self.shared.announce(block);
        self.network.set_height(height);
        self.metrics.transactions_total.inc_by(u64::try_from(block.block.txs.len()).unwrap_or(0));
        let age = self.driver.reading().saturating_sub(block.block.header().time_ms).0;
        self.metrics.finality_seconds.observe(Duration::from_millis(age).as_secs_f64());
        self.threads.release(height)?;
        Ok(())
    }

    fn ask(&self, token: Token, peer: PeerId, request: Request) {
        let (network, reports) = (self.network.clone(), self.reports.clone());
        tokio::spawn(async move {
            let response = network.request(peer, request).await.ok();
            let _ = reports.send(Report::Response { token, response });
        });
    }

    fn respond(&mut self, token: Token, response: Response) {
        if let Some(responder) = self.responders.remove(&token) {
            responder.send(response);
        }
    }

    fn make(&mut self, token: Token, answer: impl FnOnce() -> Response + Send + 'static) {
        if let Some(responder) = self.responders.remove(&token) {
            self.makers.make(responder, answer);
        }
    }
}

#[cfg(test)]
#[path = "event_loop_tests.rs"]
mod tests;
