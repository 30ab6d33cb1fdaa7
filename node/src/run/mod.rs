//! A node in its surroundings: network, threads, clocks.
//!
//! [`Node::start`] opens what is on disk and starts the loop; the loop's one `select!` turns whatever happens into
//! events for the [driver](crate::driver), and carries out its effects in order.

mod observe;
pub mod serve;
pub mod shared;
mod space;
pub mod storage;
pub mod threads;

use crate::driver::{Driver, Effect, Event, Halt, Setup, Token};
use crate::file::FileError;
use crate::file::os::OsDir;
use crate::work::{TxCache, Unchecked, Worker};
use observe::Observer;
use shared::{Command, Shared, View};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use storage::{Journal, StorageError};
use threads::{Fatal, LogOrder, Order, Report};
use tokio::sync::{mpsc, oneshot, watch};
use wattle_consensus::MonoMs;
use wattle_host::wall;
use wattle_p2p::Responder;
use wattle_p2p::wire::{Response, Role, ValidatorProof};
use wattle_p2p::{Handle, NetEvent};
use wattle_primitives::{Genesis, SecretKey};
use wattle_rpc::metrics::{FsyncOf, Metrics};
use wattle_runtime::{Store, StoreError};

/// How long a node waits at its end for what is under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a node is started with.
pub struct NodeConfig {
    /// Where data are kept.
    pub place: crate::home::Place,
    /// The chain.
    pub genesis: Arc<Genesis>,
    /// Our validator key, if this node is to vote.
    pub validator_key: Option<SecretKey>,
    /// The network; genesis, proof, validators and height are filled in.
    pub network: wattle_p2p::Config,
    /// Bounds of the mempool.
    pub mempool: crate::mempool::Limits,
    /// Where figures are counted.
    pub metrics: Arc<Metrics>,
}

/// Why a node does not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// What is on disk.
    #[error("cannot open the node's data")]
    Storage(#[from] StorageError),
    /// The network.
    #[error("cannot start the network")]
    Network(#[from] wattle_p2p::Error),
    /// No thread to be had.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Going on would be unsafe. The process exits with its own code, and is not to be restarted unseen.
    #[error("safety halt")]
    Halt(#[from] Halt),
    /// The disk failed while running.
    #[error("storage failed while running")]
    Fatal(#[from] Fatal),
    /// The loop ended without a word.
    #[error("the node's loop ended unexpectedly")]
    Lost,
}

impl NodeError {
    /// Whether a full disk is at the bottom of it: nothing that was acknowledged is lost, and the node can be started
    /// again once there is room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let mut error: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(at) = error {
            let file = at.downcast_ref::<FileError>().is_some_and(FileError::is_full);
            if file || matches!(at.downcast_ref(), Some(StoreError::Full { .. })) {
                return true;
            }
            error = at.source();
        }
        false
    }
}

/// A running node.
pub struct Node {
    /// What readers see.
    pub shared: Arc<Shared>,
    /// The network.
    pub network: Handle,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<Result<(), NodeError>>,
}

impl Node {
    /// Opens what is on disk, starts network and threads, and lets the driver run.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let genesis = Arc::clone(&config.genesis);
        let key = config.validator_key.as_ref().map(SecretKey::public);
        let metrics = Arc::clone(&config.metrics);
        let opened = tokio::task::block_in_place(|| Opened::open(&config))?;
        let Opened { store, driver, view, chain, journal } = opened;
        let (reports, inbox) = mpsc::unbounded_channel();
        let worker = Worker { chain, genesis: Arc::clone(&genesis), cache: Arc::new(TxCache::default()) };
        let (work, working) = threads::worker(worker.clone(), reports.clone()).map_err(NodeError::Thread)?;
        let (check, checking) = threads::checker(worker, reports.clone()).map_err(NodeError::Thread)?;
        let (commit, committing) =
            threads::committer(Arc::clone(&store), reports.clone()).map_err(NodeError::Thread)?;
        let mut threads = vec![working, checking, committing];
        let log = match journal {
            Some(journal) => {
                let (log, logging) = threads::log(journal, reports.clone()).map_err(NodeError::Thread)?;
                threads.push(logging);
                Some(log)
            }
            None => None,
        };
        space::watch(&config.place, reports.clone());
        let (network, events) = wattle_p2p::spawn(network_config(config, chain, &view))?;
        let (shared, commands) = Shared::new(chain, genesis, key, store, view);
        let (stop, stopped) = watch::channel(false);
        let observer = Observer::new(Arc::clone(&metrics), shared.key);
        let running = Loop {
            driver,
            shared: Arc::clone(&shared),
            network: network.clone(),
            metrics,
            work,
            check,
            commit,
            log,
            reports,
            responders: HashMap::new(),
            replies: HashMap::new(),
            threads,
            tokens: 0,
            origin: Instant::now(),
            observer,
        };
        let ended = tokio::spawn(running.run(inbox, events, commands, stopped));
        Ok(Self { shared, network, stop, ended })
    }

    /// Asks the node to stop; [`Node::ended`] tells when it has.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Asks the node to stop when `true` is sent on it: for those who outlive this value.
    #[must_use]
    pub fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Waits until the node has stopped, of itself or asked to.
    ///
    /// # Errors
    /// [`NodeError`] when it had to.
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        (&mut self.ended).await.unwrap_or(Err(NodeError::Lost))
    }
}

/// What is found on disk, ready to run.
struct Opened {
    store: Arc<dyn Store>,
    driver: Driver,
    view: View,
    chain: wattle_primitives::Hash,
    journal: Option<Journal<OsDir, OsDir>>,
}

impl Opened {
    fn open(config: &NodeConfig) -> Result<Self, StorageError> {
        let opened =
            storage::open(&config.place, &config.genesis, config.validator_key.as_ref(), &config.metrics)?;
        let storage::Opened { store, found, voting } = opened;
        let (mut records, mut bodies, mut journal) = (Vec::new(), Vec::new(), None);
        if let Some(voting) = voting {
            if let crate::signer::Standing::SitOut { past } = voting.standing {
                tracing::warn!(%past, "the log has lost votes: sitting out until past that round");
            }
            (journal, records, bodies) = (Some(voting.journal), voting.records, voting.bodies);
        }
        let chain = found.chain;
        let view = View {
            hash: found.header.hash(),
            header: found.header.clone(),
            state: found.state.clone(),
            certificate: found.certificate.clone(),
        };
        let key = config.validator_key.as_ref().map(SecretKey::public);
        let setup = Setup { chain, genesis: Arc::clone(&config.genesis), key, mempool: config.mempool };
        let driver = Driver::new(setup, found.boot(records, bodies));
        Ok(Self { store, driver, view, chain, journal })
    }
}

fn network_config(config: NodeConfig, chain: wattle_primitives::Hash, view: &View) -> wattle_p2p::Config {
    let mut network = config.network;
    network.genesis = chain;
    network.height = view.header.height;
    network.role = if config.validator_key.is_some() { Role::Validator } else { Role::Full };
    network.validator_proof = config.validator_key.as_ref().map(|key| ValidatorProof {
        key: key.public(),
        signature: key.sign(&ValidatorProof::signing_bytes(&chain, &network.node_key.peer_id())),
    });
    network
}

/// The loop and all that it holds.
struct Loop {
    driver: Driver,
    shared: Arc<Shared>,
    network: Handle,
    metrics: Arc<Metrics>,
    work: Sender<crate::driver::Job>,
    check: Sender<Unchecked>,
    commit: Sender<Vec<crate::driver::Committing>>,
    log: Option<Sender<LogOrder>>,
    reports: mpsc::UnboundedSender<Report>,
    responders: HashMap<Token, Responder>,
    replies: HashMap<Token, oneshot::Sender<crate::driver::Answer>>,
    threads: Vec<JoinHandle<()>>,
    tokens: u64,
    origin: Instant,
    observer: Observer,
}

/// What the loop takes in.
enum Incoming {
    Event(Event),
    Reports(Report),
    Stop,
}

impl Loop {
    /// Runs until the end, then waits for the threads: they hold the locks of log, sign state and database.
    async fn run(
        mut self,
        reports: mpsc::UnboundedReceiver<Report>,
        network: mpsc::Receiver<NetEvent>,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let threads = std::mem::take(&mut self.threads);
        let result = self.react(reports, network, commands, stop).await;
        drop(self);
        let join = || threads.into_iter().map(JoinHandle::join).all(|ended| ended.is_ok());
        let joined = tokio::task::spawn_blocking(join).await;
        if result.is_ok() && !joined.unwrap_or(false) {
            return Err(Fatal::Thread("worker").into());
        }
        result
    }

    async fn react(
        &mut self,
        mut reports: mpsc::UnboundedReceiver<Report>,
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
        let mono = MonoMs(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX));
        for effect in self.driver.step(event, mono, wall::now()) {
            self.carry_out(effect)?;
        }
        Ok(())
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
                self.observer.received(&message);
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
            Effect::Work(crate::driver::Job::Txs { token, txs }) => {
                self.check.send((token, txs)).map_err(|_| Fatal::Thread("wattle-check"))?;
            }
            Effect::Work(job) => self.work.send(job).map_err(|_| Fatal::Thread("wattle-work"))?,
            Effect::Persist { token, height, records, votes } => match &self.log {
                Some(log) => log
                    .send(LogOrder::Persist(Order { token, height, records, votes }))
                    .map_err(|_| Fatal::Thread("wattle-log"))?,
                None => return Err(Fatal::Thread("wattle-log").into()),
            },
            Effect::Commit(batch) => self.commit.send(batch).map_err(|_| Fatal::Thread("wattle-commit"))?,
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
            Effect::Serve { token, request } => self.serve(token, request),
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
            Effect::Announce(announcement) => self.announce(&announcement)?,
            Effect::Evidence(evidence) => {
                tracing::warn!(?evidence, "a validator broke the rules, provably");
                self.metrics.evidence_total.inc();
                self.shared.note_evidence(evidence);
            }
            Effect::Entered(round) => self.observer.entered(round, &self.driver.status()),
            Effect::Halt(halt) => return Err(halt.into()),
        }
        Ok(())
    }

    fn announce(&mut self, announcement: &crate::driver::Announcement) -> Result<(), NodeError> {
        let height = announcement.block.header().height;
        self.shared.announce(announcement);
        self.network.set_height(height);
        self.metrics.transactions_total.inc_by(u64::try_from(announcement.block.txs.len()).unwrap_or(0));
        let age = wall::now().0.saturating_sub(announcement.block.header().time_ms.0);
        self.metrics.finality_seconds.observe(Duration::from_millis(age).as_secs_f64());
        if let Some(log) = &self.log {
            log.send(LogOrder::Release(height)).map_err(|_| Fatal::Thread("wattle-log"))?;
        }
        Ok(())
    }

    fn ask(&self, token: Token, peer: wattle_p2p::PeerId, request: wattle_p2p::wire::Request) {
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

    fn serve(&mut self, token: Token, request: wattle_p2p::wire::Request) {
        let Some(responder) = self.responders.remove(&token) else { return };
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || responder.send(serve::answer(&shared, &request)));
    }
}
