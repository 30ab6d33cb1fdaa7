//! Light clients: the real follower of `wattle-meter`, asking nodes of which some lie.
//!
//! Its code is asynchronous; here its questions become events of the simulation, and it is polled when an answer or
//! a time-out has come.

use super::coverage::Mark;
use super::plan::{WALL_MS, WALLETS, wallet_key};
use super::{Action, Sim};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use wattle_chain_spec::Checkpoint;
use wattle_host::FileError;
use wattle_meter::follow::{FollowError, Follower, HeadStore};
use wattle_meter::peers::Peers;
use wattle_meter::{Clock, TimeSource};
use wattle_node::run::serve;
use wattle_p2p::wire::{Request, Response};
use wattle_p2p::{PeerId, RequestError};
use wattle_primitives::{Address, Epoch, Header, Height, TimeMs};

/// Pause between two rounds of a light client, in ms.
const PAUSE_MS: u64 = 600;
/// How long a light client believes its head, in ms: 60 days.
const TRUST_MS: u64 = 60 * 24 * 3_600_000;
/// How long a question of a light client waits for its answer, in ms: as on the real network.
const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// Nodes that a light client knows.
const SERVERS: usize = 3;

/// A light client, running or not. What it has saved outlives its crashes.
pub(super) struct Light {
    servers: Vec<usize>,
    saved: Saved,
    time: Arc<SimTime>,
    mail: Mailbox,
    running: Option<Pin<Box<dyn Future<Output = ()>>>>,
    life: u64,
    /// The newest header that it believed in this life.
    head: Option<Header>,
}

impl Light {
    /// The height that it believes.
    pub(super) fn height(&self) -> Height {
        self.head.as_ref().map_or(Height::ZERO, |head| head.height)
    }
}

/// Words and questions of the client; its only contact with the world.
#[derive(Default)]
struct Mail {
    next: u64,
    asks: Vec<(u64, PeerId, Request)>,
    pauses: Vec<(u64, u64)>,
    answers: BTreeMap<u64, Result<Response, RequestError>>,
    waiting: BTreeMap<u64, PeerId>,
    notes: Vec<Note>,
}

/// Outcome of an attempt.
enum Note {
    Synced {
        head: Header,
        peer: PeerId,
        result: Result<(), FollowError>,
    },
    Proved {
        key: Vec<u8>,
        head: Header,
        peer: PeerId,
        result: Result<(Option<Vec<u8>>, Height), FollowError>,
    },
}

#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Mail>>);

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: u64) -> impl Future<Output = Result<Response, RequestError>> + Send + use<> {
        let mail = self.clone();
        std::future::poll_fn(move |_| match mail.lock().answers.remove(&id) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
    }

    async fn pause(&self, ms: u64) {
        let id = {
            let mut mail = self.lock();
            mail.next += 1;
            let id = mail.next;
            mail.pauses.push((id, ms));
            id
        };
        let _ = self.answer(id).await;
    }
}

impl Peers for Mailbox {
    fn ready(&self) -> Vec<PeerId> {
        Vec::new() // whom to ask is decided outside
    }

    fn ask(
        &self,
        peer: PeerId,
        request: Request,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send {
        let mut mail = self.lock();
        mail.next += 1;
        let id = mail.next;
        mail.asks.push((id, peer, request));
        mail.waiting.insert(id, peer);
        drop(mail);
        self.answer(id)
    }

    fn blame(&self, _: PeerId) {}
}

/// A saved head that survives crashes.
#[derive(Clone, Default)]
struct Saved(Arc<Mutex<Option<Checkpoint>>>);

impl HeadStore for Saved {
    fn load(&self) -> Option<Checkpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), FileError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint.clone());
        Ok(())
    }
}

/// The clocks of a light client's computer. Both go at the pace of wall clocks: it carries the chain's time on.
struct SimTime {
    now: AtomicU64,
    rate: u64,
    /// Whether it has a clock at all; without one it says 1970.
    right: bool,
    synchronized: bool,
}

struct Ticks(Arc<SimTime>);

impl TimeSource for Ticks {
    fn mono_ms(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed) * self.0.rate
    }

    fn os_ms(&self) -> u64 {
        self.mono_ms() + if self.0.right { WALL_MS } else { 0 }
    }

    fn is_synchronized(&self) -> bool {
        self.0.synchronized
    }
}

/// The life of a light client.
async fn follow(mut follower: Follower, mail: Mailbox, servers: Vec<PeerId>, keys: Vec<Vec<u8>>) {
    let pairs = servers.iter().cycle().zip(keys.iter().cycle());
    for (peer, key) in pairs {
        let result = follower.sync(&mail, *peer).await.map(|_| ());
        mail.lock().notes.push(Note::Synced { head: follower.head().clone(), peer: *peer, result });
        let result = follower.prove(&mail, *peer, key).await;
        let head = follower.head().clone();
        mail.lock().notes.push(Note::Proved { key: key.clone(), head, peer: *peer, result });
        mail.pause(PAUSE_MS).await;
    }
}

impl Sim {
    /// Light clients, each with a few nodes that it may ask; validator 0 is one of them, and is honest.
    pub(super) fn make_lights(&mut self) {
        for client in 0..self.plan.lights {
            let mut servers = vec![0];
            // Liars first: they are the ones of interest.
            let mut others: Vec<usize> = (1..self.nodes.len()).collect();
            others.sort_by_key(|node| (!self.plan.lies(*node), (*node + client) % self.nodes.len()));
            servers.extend(others.into_iter().take(SERVERS - 1));
            let right = self.rng.coin();
            let synchronized = right && self.faults.clock_ahead == 0 && self.rng.coin();
            let time = SimTime { now: AtomicU64::new(0), rate: self.plan.rate, right, synchronized };
            self.lights.push(Light {
                servers,
                saved: Saved::default(),
                time: Arc::new(time),
                mail: Mailbox::default(),
                running: None,
                life: 0,
                head: None,
            });
            let at = self.rng.between(500, 3_000);
            self.at(at, Action::LightBoot { client });
        }
    }

    /// Starts a light client from what it has saved, or from genesis.
    pub(super) fn boot_light(&mut self, client: usize) -> Result<(), String> {
        let set = self.genesis.validators(Epoch(0)).ok_or("a genesis without validators")?.clone();
        let checkpoint = Checkpoint {
            chain_id: self.genesis.chain_id.clone(),
            genesis_hash: self.genesis_header.hash(),
            header: self.genesis_header.clone(),
            epoch: Epoch(0),
            validators: set,
            trust_period_ms: TimeMs(TRUST_MS),
        };
        let account = |i: usize| Address::of_key(&wallet_key(i).public());
        let keys =
            (0..WALLETS).map(|i| wattle_primitives::state_key::account(&account(i)).to_vec()).collect();
        let light = &mut self.lights[client];
        let peers = light.servers.iter().map(|node| self.nodes[*node].peer).collect();
        light.time.now.store(self.now, Ordering::Relaxed);
        light.mail = Mailbox::default();
        light.life += 1;
        light.head = None;
        let clock = Arc::new(Clock::of(light.life, Box::new(Ticks(Arc::clone(&light.time)))));
        let follower =
            Follower::open_in(checkpoint, Box::new(light.saved.clone()), clock).map_err(|e| e.to_string())?;
        light.running = Some(Box::pin(follow(follower, light.mail.clone(), peers, keys)));
        self.run_light(client)
    }

    /// A light client forgets all but what it has saved.
    pub(super) fn restart_light(&mut self, client: usize) -> Result<(), String> {
        if self.lights[client].running.is_some() {
            self.oracle.coverage.mark(Mark::LightRestart);
            self.trace.event(self.now, None, &format!("light client {client} restarts"));
        }
        self.boot_light(client)
    }

    /// Lets a light client go on, and looks at what it has come to believe.
    fn run_light(&mut self, client: usize) -> Result<(), String> {
        let light = &mut self.lights[client];
        light.time.now.store(self.now, Ordering::Relaxed);
        if let Some(running) = &mut light.running {
            let done = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(done.is_pending(), "a light client follows for ever");
        }
        let (asks, pauses, notes) = {
            let mut mail = light.mail.lock();
            (
                std::mem::take(&mut mail.asks),
                std::mem::take(&mut mail.pauses),
                std::mem::take(&mut mail.notes),
            )
        };
        let life = light.life;
        for note in notes {
            self.noted(client, note)?;
        }
        for (id, ms) in pauses {
            self.at(self.now + ms, Action::LightAnswer { client, life, id, response: None });
        }
        for (id, peer, request) in asks {
            let node = self.node_of(&peer)?;
            self.at(self.now + REQUEST_TIMEOUT_MS, Action::LightAnswer { client, life, id, response: None });
            if !self.rng.chance(self.faults.loss / 8) {
                let at = self.now + self.rng.between(1, self.faults.delay_ms_max.max(1));
                self.at(at, Action::LightAsk { client, life, id, node, request: Box::new(request) });
            }
        }
        Ok(())
    }

    /// A light client's question reaches a node.
    pub(super) fn ask_for_light(
        &mut self,
        client: usize,
        life: u64,
        id: u64,
        node: usize,
        request: &Request,
    ) {
        let Some(running) = &self.nodes[node].running else { return };
        let honest = serve::answer(&running.shared, request);
        let (response, lie) = match self.answers.get_mut(&node) {
            Some(liar) => liar.change(honest, self.faults.answer_lie),
            None => (honest, None),
        };
        if let Some(mark) = lie {
            self.oracle.coverage.mark(mark);
        }
        let what = format!("light client {client} asks {node} for {request:?}: {lie:?}");
        self.trace.event(self.now, Some(node), &what);
        let at = self.now + self.rng.between(1, self.faults.delay_ms_max.max(1));
        let response = Some(Box::new(response));
        self.at(at, Action::LightAnswer { client, life, id, response });
    }

    /// An answer, a time-out, or the end of a pause.
    pub(super) fn answer_light(
        &mut self,
        client: usize,
        life: u64,
        id: u64,
        response: Option<Box<Response>>,
    ) -> Result<(), String> {
        let light = &mut self.lights[client];
        if light.life != life || light.running.is_none() {
            return Ok(());
        }
        {
            let mut mail = light.mail.lock();
            let peer = mail.waiting.remove(&id);
            match (response, peer) {
                (Some(response), Some(_)) => mail.answers.insert(id, Ok(*response)),
                (None, Some(peer)) => mail.answers.insert(id, Err(RequestError::Timeout { peer })),
                (None, None) if id <= mail.next => mail.answers.insert(id, Err(RequestError::Busy)),
                _ => None,
            };
        }
        self.run_light(client)
    }

    fn noted(&mut self, client: usize, note: Note) -> Result<(), String> {
        let (head, peer, error) = match note {
            Note::Synced { head, peer, result } => (head, peer, result.err()),
            Note::Proved { key, head, peer, result } => match result {
                Ok((value, height)) => {
                    self.oracle.light_proof(client, &key, value.as_deref(), height)?;
                    (head, peer, None)
                }
                Err(error) => (head, peer, Some(error)),
            },
        };
        self.oracle.light_head(client, &head)?;
        if let Some(before) = self.lights[client].head.replace(head.clone()) {
            if head.height < before.height {
                return Err(format!(
                    "light client {client} goes back from {} to {}",
                    before.height, head.height
                ));
            }
            if head.validators_hash != before.validators_hash {
                self.oracle.coverage.mark(Mark::LightSetChange);
            }
        }
        let Some(error) = error else { return Ok(()) };
        self.trace.event(self.now, None, &format!("light client {client} at {}: {error}", head.height));
        if error.is_lie() {
            let node = self.node_of(&peer)?;
            if !self.plan.lies(node) {
                return Err(format!("light client {client} calls the honest node {node} a liar: {error:?}"));
            }
            let proof = matches!(error, FollowError::Proof(_));
            self.oracle.coverage.mark(if proof { Mark::LightRefusedProof } else { Mark::LightRefused });
        }
        Ok(())
    }
}
