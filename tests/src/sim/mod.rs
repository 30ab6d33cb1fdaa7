//! A whole network in one thread: the real driver, log, sign state, store and work of every node, on simulated
//! disks, clocks and links.
//!
//! A run is a function of its [`Plan`]: one heap of events, ordered by simulated time, and seeded chance. First
//! things go wrong (the storm), then they stop, and everybody must catch up. After every event the oracle looks at
//! what was said and what became final.
//!
//! ```text
//! plan.rs       the swarm of a seed, length of a run      faults.rs    what goes wrong, and how often
//! genesis.rs    the chain it starts from                  topology.rs  who is linked with whom
//! node.rs       a node and its disk                       effects.rs   carrying out what its driver asks for
//! network.rs    links, gossip, questions                  byzantine/   liars: votes, blocks, answers
//! line.rs       narrow lines
//! client.rs     who submits to whom, and again            light.rs     light clients
//! village.rs    members of the microgrid and their meters  bills.rs     energy and money
//! chaos.rs      crashes, partitions, clocks               heal.rs      the end of the storm
//! time.rs       what clocks say, and liars who date blocks
//! oracle.rs     what must hold                            coverage.rs  what was exercised
//! trace.rs      what happened, as one hash
//! ```
//!
//! # Not here
//! Real sockets, processes and files: the tests of `wattle-p2p` and the fault tests on processes.

mod bills;
mod byzantine;
mod chaos;
mod client;
mod coverage;
mod effects;
mod faults;
mod genesis;
mod heal;
mod light;
mod line;
mod network;
mod node;
mod oracle;
mod plan;
mod rng;
mod time;
mod topology;
mod trace;
mod village;

pub use coverage::{Coverage, Mark, Summary};
pub use faults::Faults;
pub use line::Line;
pub use plan::{Bend, Outage, Plan, Plant, Role};
pub use topology::Topology;

use byzantine::{Answers, Liar};
use client::Clients;
use heal::Recovery;
use light::Light;
use network::{Network, Payload};
use node::Node;
use oracle::Oracle;
use plan::validator_key;
use rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use time::is_told_a_clock;
use trace::Trace;
use wattle_consensus::MonoMs;
use wattle_node::driver::Event;
use wattle_node::work::{Done, Job, Token};
use wattle_p2p::wire::{Request, Response};
use wattle_primitives::{Epoch, Genesis, Header, Height, Round, TimeMs, View};

/// Events after which a run is given up: nodes talk in circles.
const EVENTS_MAX: u64 = 3_000_000;
/// How long a node stays down that forgets what it has just proposed, in ms.
const FORGETFUL_MS: u64 = 80;
/// Heights that all must gain once faults have stopped.
const HEIGHTS_GAINED: u64 = 5;

/// Result of a run that broke no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Nodes with a key of their own.
    pub validators: usize,
    /// Simulated time in ms.
    pub sim_ms: u64,
    /// Events handled.
    pub events: u64,
    /// Final blocks.
    pub blocks: u64,
    /// Final transactions.
    pub txs: u64,
    /// Situations that occurred.
    pub coverage: Coverage,
    /// Final blocks when faults stopped.
    pub blocks_before_healing: u64,
    /// Heights that nodes behind narrow lines lacked then, at most.
    pub lag_before_healing: u64,
    /// Views with an honest leader between the last link that came up and the next final block.
    pub recovery_views: usize,
    /// Simulated time that recovery took, in ms.
    pub recovery_ms: u64,
    /// Hash of everything that happened.
    pub trace: String,
}

/// A run that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed} at {at_ms} ms: {what}\n  {plan}")]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Its swarm.
    pub plan: String,
    /// When, in simulated ms.
    pub at_ms: u64,
    /// The rule that was broken.
    pub what: String,
}

/// Something that will happen.
enum Action {
    Boot { node: usize },
    Tick { node: usize, life: u64, at: u64 },
    Work { node: usize, life: u64, job: Box<Job> },
    Log { node: usize, life: u64 },
    Commit { node: usize, life: u64 },
    Event { node: usize, life: u64, event: Box<Event> },
    Connect { a: usize, b: usize },
    Held { from: usize, to: usize, number: u64, payload: Payload },
    Arrive { from: usize, to: usize, number: u64, payload: Payload },
    Deliver { from: usize, to: usize, number: u64, payload: Payload },
    Unanswered { node: usize, life: u64, token: Token },
    Stopping { node: usize, life: u64 },
    Clients,
    Chaos,
    Forget { node: usize, life: u64 },
    Off { node: usize },
    Heights { a: usize, b: usize, number: u64 },
    LightBoot { client: usize },
    LightAsk { client: usize, life: u64, id: u64, node: usize, request: Box<Request> },
    LightAnswer { client: usize, life: u64, id: u64, response: Option<Box<Response>> },
}

/// A run under way.
struct Sim {
    plan: Plan,
    faults: Faults,
    genesis: Arc<Genesis>,
    genesis_header: Header,
    now: u64,
    queue: BTreeMap<(u64, u64), Action>,
    sequence: u64,
    rng: Rng,
    nodes: Vec<Node>,
    network: Network,
    /// Validators that lie, by node.
    liars: BTreeMap<usize, Liar>,
    /// Nodes that give bad answers.
    answers: BTreeMap<usize, Answers>,
    lights: Vec<Light>,
    clients: Clients,
    oracle: Oracle,
    trace: Trace,
    stormy: bool,
    /// Validators whose clock has jumped while they ran.
    wrong: BTreeSet<usize>,
    /// How far the fastest clock of the others has ever been ahead, ms.
    fastest_ms: i64,
    /// The highest view that anybody honest has entered.
    top: Round,
    recovery: Option<Recovery>,
}

/// Carries out a plan.
///
/// # Errors
/// [`Failure`] when a rule was broken, or not everybody recovered.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    let (seed, swarm) = (plan.seed, plan.describe());
    let fail = |at_ms, what| Failure { seed, plan: swarm.clone(), at_ms, what };
    let mut sim = Sim::new(plan).map_err(|what| fail(0, what))?;
    let outcome = sim.run();
    outcome.map_err(|what| fail(sim.now, what))
}

impl Sim {
    fn new(plan: Plan) -> Result<Self, String> {
        let genesis = plan.genesis().map_err(|e| e.to_string())?;
        let (_, header) = wattle_runtime::genesis(&genesis).map_err(|e| e.to_string())?;
        let chain = header.hash();
        let byzantine = (0..plan.validators)
            .filter(|i| plan.roles[*i] != Role::Honest)
            .map(|i| (validator_key(i).public(), plan.roles[i]))
            .collect();
        let liars = (0..plan.validators)
            .filter(|i| plan.roles[*i] == Role::Liar)
            .map(|i| (i, Liar::new(validator_key(i), chain, plan.seed)))
            .collect();
        let lying = (0..plan.nodes()).filter(|i| plan.lies(*i));
        let answers = lying.map(|i| (i, Answers::new(plan.seed, i))).collect();
        let nodes = (0..plan.nodes()).map(|i| Node::new(i, &plan)).collect::<Result<_, _>>()?;
        let mut sim = Self {
            faults: plan.faults,
            now: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            rng: Rng::new(plan.seed, "world"),
            nodes,
            network: Network::new(plan.nodes(), plan.links(), &plan.lines),
            oracle: Oracle::new(chain, genesis.clone(), byzantine, &plan),
            liars,
            answers,
            lights: Vec::new(),
            clients: Clients::new(chain, &plan),
            trace: Trace::new(plan.verbose),
            stormy: true,
            wrong: BTreeSet::new(),
            fastest_ms: i64::MIN,
            top: Round { epoch: Epoch(0), view: View::ZERO },
            recovery: None,
            genesis_header: header,
            genesis: Arc::new(genesis),
            plan,
        };
        sim.note_plan();
        sim.make_lights();
        for node in 0..sim.plan.nodes() {
            sim.draw_clock(node);
            let at = sim.rng.below(200);
            sim.at(at, Action::Boot { node });
        }
        for outage in sim.plan.outages.clone() {
            sim.at(outage.from_ms, Action::Off { node: outage.node });
        }
        sim.at(300, Action::Clients);
        sim.at(faults::CHAOS_MS, Action::Chaos);
        Ok(sim)
    }

    fn run(&mut self) -> Result<Outcome, String> {
        self.run_until(self.plan.storm_ms, |_| false)?;
        let lag_before_healing = self.lag();
        self.heal()?;
        let before = self.oracle.height();
        let (healed_at, target) = (self.now, Height(before.0 + HEIGHTS_GAINED));
        self.run_until(self.now + self.plan.heal_ms_max, |sim| sim.has_recovered(target))?;
        if !self.has_recovered(target) {
            return Err(self.stalled(target));
        }
        self.inspect()?;
        Ok(Outcome {
            seed: self.plan.seed,
            validators: self.plan.validators,
            sim_ms: self.now,
            events: self.trace.events(),
            blocks: self.oracle.height().0,
            txs: u64::try_from(self.oracle.txs.len()).unwrap_or(u64::MAX),
            coverage: self.oracle.coverage.clone(),
            blocks_before_healing: before.0,
            lag_before_healing,
            recovery_views: self.recovery_views(),
            recovery_ms: self.now - healed_at,
            trace: self.trace.hash(),
        })
    }

    /// The swarm itself is part of what happens.
    fn note_plan(&mut self) {
        self.trace.event(0, None, &self.plan.describe());
        let powers = &self.plan.powers;
        let shape = match self.plan.topology {
            Topology::Mesh => Mark::Mesh,
            Topology::Ring => Mark::Ring,
            Topology::Star => Mark::Star,
        };
        let marks = [
            (self.plan.stall_from_ms.is_some(), Mark::Stall),
            (true, shape),
            (self.plan.validators == 10, Mark::Ten),
            (powers.iter().any(|p| *p != powers[0]), Mark::Powers),
        ];
        marks.iter().filter(|(on, _)| *on).for_each(|(_, mark)| self.oracle.coverage.mark(*mark));
        self.plan.lines.iter().for_each(|_| self.oracle.coverage.mark(Mark::NarrowLine));
    }

    /// Heights that nodes behind narrow lines lack, at most.
    fn lag(&self) -> u64 {
        let behind = self.plan.lines.iter().map(|line| &self.nodes[line.node]);
        let heights =
            behind.map(|n| n.running.as_ref().map_or(Height::ZERO, |r| r.driver.finalized().height));
        heights.map(|height| self.oracle.height().saturating_sub(height).0).max().unwrap_or(0)
    }

    fn run_until(&mut self, end: u64, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), action) = entry.remove_entry();
            self.now = at;
            self.handle(action)?;
            self.check_recovery()?;
            if self.trace.events() > EVENTS_MAX {
                return Err(format!("more than {EVENTS_MAX} events"));
            }
            if done(self) {
                return Ok(());
            }
        }
        self.now = end;
        Ok(())
    }

    fn at(&mut self, at: u64, action: Action) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), action);
    }

    /// An event for a node, if it is still in this life then.
    fn event_at(&mut self, at: u64, node: usize, event: Event) {
        let life = self.nodes[node].life;
        self.at(at, Action::Event { node, life, event: Box::new(event) });
    }

    fn lives(&self, node: usize, life: u64) -> bool {
        self.nodes[node].life == life && self.nodes[node].running.is_some()
    }

    fn handle(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Boot { node } => self.boot(node),
            Action::Tick { node, life, at } if self.lives(node, life) => {
                match &mut self.nodes[node].running {
                    Some(running) if running.timer == Some(at) => {
                        running.timer = None;
                        self.step(node, Event::Tick)
                    }
                    _ => Ok(()),
                }
            }
            Action::Work { node, life, job } if self.lives(node, life) => match &self.nodes[node].running {
                Some(running) => {
                    let done = running.worker.run(*job);
                    self.step(node, Event::Done(done))
                }
                None => Ok(()),
            },
            Action::Log { node, life } if self.lives(node, life) => self.write_log(node),
            Action::Commit { node, life } if self.lives(node, life) => self.write_store(node),
            Action::Event { node, life, event } if self.lives(node, life) => self.step(node, *event),
            Action::Unanswered { node, life, token } if self.lives(node, life) => {
                let running = self.nodes[node].running.as_mut();
                match running.is_some_and(|r| r.asked.remove(&token)) {
                    true => self.step(node, Event::Response { token, response: None }),
                    false => Ok(()),
                }
            }
            Action::Forget { node, life } if self.lives(node, life) && self.stormy => {
                self.forget(node, FORGETFUL_MS)
            }
            Action::Off { node } => {
                self.switch_off(node);
                Ok(())
            }
            Action::Heights { a, b, number } => self.tell_heights(a, b, number),
            Action::Connect { a, b } => self.connect(a, b),
            Action::Held { from, to, number, payload } => {
                self.let_go(from, to, number, payload);
                Ok(())
            }
            Action::Arrive { from, to, number, payload } => {
                self.arrive(self.now, from, to, number, payload);
                Ok(())
            }
            Action::Deliver { from, to, number, payload } => self.deliver(from, to, number, payload),
            Action::Stopping { node, life } if self.lives(node, life) => {
                self.stopping(node);
                Ok(())
            }
            Action::Clients => self.serve_clients(),
            Action::Chaos => self.chaos(),
            Action::LightBoot { client } => self.boot_light(client),
            Action::LightAsk { client, life, id, node, request } => {
                self.ask_for_light(client, life, id, node, &request);
                Ok(())
            }
            Action::LightAnswer { client, life, id, response } => {
                self.answer_light(client, life, id, response)
            }
            _ => Ok(()), // of an earlier life
        }
    }

    /// Lets a driver take an event, and carries out what it answers.
    fn step(&mut self, node: usize, event: Event) -> Result<(), String> {
        let (now, wall) = (self.now, self.wall(node));
        self.look_at(node, &event)?;
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        self.trace.event(now, Some(node), &effects::describe_event(&event));
        let (counts, before) = (running.driver.sync_counts(), running.driver.reading());
        let told = is_told_a_clock(&event);
        let effects = running.driver.step(event, MonoMs(now - running.origin), wall);
        let after = running.driver.sync_counts();
        for (more, mark) in [
            (after.late_answers > counts.late_answers, Mark::LateAnswer),
            (after.ordered > counts.ordered, Mark::SyncOrdered),
        ] {
            if more {
                self.oracle.coverage.mark(mark);
            }
        }
        if told && running.driver.status().clock_carried {
            self.oracle.coverage.mark(Mark::TimeCarried);
            // Each driver is called four times a second.
            if running.driver.reading().saturating_sub(before) > TimeMs(1_000) {
                self.oracle.coverage.mark(Mark::TimeRaised);
            }
        }
        for effect in effects {
            self.carry_out(node, effect)?;
        }
        self.arm_timer(node);
        Ok(())
    }

    /// Looks at results of long work before the driver draws its conclusions.
    fn look_at(&mut self, node: usize, event: &Event) -> Result<(), String> {
        match event {
            Event::Done(Done::Body { result: Err(_), .. }) => self.oracle.coverage.mark(Mark::RefusedUnbound),
            Event::Done(Done::Executed { hash, result: Err(error) }) => {
                return self.oracle.executed(node, hash, error);
            }
            Event::Done(Done::Replayed { result: Ok(_), .. }) => self.oracle.coverage.mark(Mark::Synced),
            _ => {}
        }
        Ok(())
    }

    fn arm_timer(&mut self, node: usize) {
        let now = self.now;
        let life = self.nodes[node].life;
        let Some(running) = &mut self.nodes[node].running else { return };
        let at = (running.origin + running.driver.next_deadline().0 + 1).max(now + 1);
        if running.timer.is_none_or(|armed| at < armed || armed <= now) {
            running.timer = Some(at);
            self.at(at, Action::Tick { node, life, at });
        }
    }

    fn serve_clients(&mut self) -> Result<(), String> {
        self.clients.settle(&self.oracle.txs);
        let up: Vec<usize> = (0..self.nodes.len()).filter(|i| self.nodes[*i].running.is_some()).collect();
        if !up.is_empty() {
            let wall = self.plan.wall_ms(self.now);
            for batch in self.clients.next(self.now, wall, &up, self.stormy) {
                self.submit(batch.node, batch.txs, batch.nonsense)?;
            }
        }
        let pause = self.rng.between(self.plan.clients_ms.0, self.plan.clients_ms.1);
        self.at(self.now + pause, Action::Clients);
        Ok(())
    }

    fn submit(&mut self, node: usize, txs: Vec<wattle_primitives::Tx>, nonsense: bool) -> Result<(), String> {
        let life = self.nodes[node].life;
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        let token = running.new_token();
        self.clients.asked(node, life, token, nonsense);
        self.step(node, Event::Submit { token, txs })
    }

    /// A finished piece of work for a node.
    fn done(&mut self, node: usize, done: Done) -> Result<(), String> {
        self.step(node, Event::Done(done))
    }
}
