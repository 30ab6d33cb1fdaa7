//! A core under test, one step at a time, with its outputs as short text.

use super::set;
use crate::*;
use wattle_primitives::*;

pub(super) const CHAIN: Hash = Hash([5; 32]);
pub(super) const WALL: u64 = 1_000_000;
pub(super) const TIMING: Timing = Timing {
    block_interval_ms: 100,
    idle_interval_ms: 10_000,
    leader_timeout_ms: 1_000,
    advance_timeout_ms: 2_000,
    timeout_ms_max: 60_000,
    skip_timeout_ms: 60_000,
    clock_skew_ms_max: 500,
};

/// One input, when it comes, and what must come out.
pub(super) struct TestStep {
    pub(super) desc: &'static str,
    pub(super) at_ms: u64,
    pub(super) input: Input,
    pub(super) expected: Vec<String>,
}

pub(super) fn step(desc: &'static str, at_ms: u64, input: Input, expected: &[&str]) -> TestStep {
    TestStep { desc, at_ms, input, expected: expected.iter().map(|s| (*s).to_string()).collect() }
}

/// Four equal validators; `a`, `b`, `c`, `d` lead views 1, 2, 3, 4.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) leaders: Vec<ValidatorIndex>,
}

impl Bench {
    /// The core of the leader of view `leads`, in an epoch whose last height is `terminal`.
    pub(super) fn new(leads: usize, terminal: u64) -> Self {
        Self::with(leads, terminal, TIMING)
    }

    pub(super) fn with(leads: usize, terminal: u64, timing: Timing) -> Self {
        let validators = set(0..4);
        let rotation = Rotation::new(Epoch(0), &validators);
        let leaders: Vec<_> = (1..=4).map(|v| rotation.leader(View(v))).collect();
        let core = Core::new(Config {
            chain: CHAIN,
            epoch: Epoch(0),
            next_validators_hash_at_terminal: Hash([6; 32]),
            me: Some(leaders[leads - 1]),
            validators,
            floor: Floor {
                height: Height(0),
                hash: Hash([1; 32]),
                time_ms: TimeMs(WALL - 5_000),
                view: View(0),
                certificate: None,
            },
            terminal: Height(terminal),
            timing,
        });
        Self { core, leaders }
    }

    pub(super) fn feed(&mut self, at_ms: u64, input: Input) -> Vec<Output> {
        self.core.step(MonoMs(at_ms), TimeMs(WALL + at_ms), input)
    }

    pub(super) fn check(&mut self, steps: Vec<TestStep>) {
        for step in steps {
            let out = self.feed(step.at_ms, step.input);
            let got: Vec<String> = out.iter().map(show).collect();
            assert_eq!(got, step.expected, "{}", step.desc);
        }
    }

    /// Starts and swallows what that brings.
    pub(super) fn start(&mut self) {
        let _ = self.feed(0, Input::Start);
    }

    pub(super) fn vote(&self, by: usize, vote: Vote) -> SignedVote {
        SignedVote { vote, signer: self.leaders[by - 1], signature: Signature([by as u8; 64]) }
    }

    pub(super) fn certificate(&self, vote: Vote) -> Certificate {
        let votes: Vec<_> = (1..=3).map(|by| self.vote(by, vote)).collect();
        Certificate::assemble(vote, &votes, &set(0..4)).unwrap()
    }

    /// A block of `view` on `parent`, `txs` telling rivals apart; 0 is empty.
    pub(super) fn header(&self, view: u64, parent: Option<&Header>, txs: u8) -> Header {
        let floor = self.core.config().floor.clone();
        let info = parent.map_or(
            header::ParentInfo { hash: floor.hash, height: floor.height, time_ms: floor.time_ms },
            |p| header::ParentInfo { hash: p.hash(), height: p.height, time_ms: p.time_ms },
        );
        let mut header =
            header::Rules::new(self.core.config()).template(View(view), &info, TimeMs(info.time_ms.0 + 10));
        header.txs_root = if txs == 0 { merkle::list_root(&[]) } else { Hash([txs; 32]) };
        header
    }
}

pub(super) fn round(view: u64) -> Round {
    Round { epoch: Epoch(0), view: View(view) }
}

pub(super) fn proposal(view: u64, parent_view: u64, header: &Header) -> Proposal {
    Proposal { round: round(view), parent_view: View(parent_view), block: header.hash() }
}

fn show_vote(vote: &Vote) -> String {
    let kind = match vote {
        Vote::Notarize(_) => "notarize",
        Vote::Nullify(_) => "nullify",
        Vote::Finalize(_) => "finalize",
    };
    format!("{kind} {}", vote.round().view)
}

pub(super) fn show(output: &Output) -> String {
    match output {
        Output::Persist(Record::Vote(signed)) => format!("log vote {}", show_vote(&signed.vote)),
        Output::Persist(Record::Certificate(c)) => format!("log {}", show_vote(&c.vote)),
        Output::Persist(Record::Block(header)) => format!("log block {}", header.height),
        Output::Persist(Record::Certified { round, .. }) => format!("log certified {}", round.view),
        Output::Cast { vote, with_block } => {
            format!("cast {}{}", show_vote(vote), if *with_block { " with block" } else { "" })
        }
        Output::Build(request) => format!("build {} on {}", request.round.view, request.parent_view),
        Output::Execute { .. } => "execute".into(),
        Output::Fetch { .. } => "fetch".into(),
        Output::FetchCertificates { from, to, .. } => format!("fetch certificates {from}..={to}"),
        Output::Sync { height, certificate } => {
            format!("sync to {height} by {}", show_vote(&certificate.vote))
        }
        Output::Send { to: To::All, certificate } => format!("send {}", show_vote(&certificate.vote)),
        Output::Send { to: To::One(_), certificate } => format!("answer {}", show_vote(&certificate.vote)),
        Output::Resend { votes, certificates, .. } => {
            format!("resend {} votes, {} certificates", votes.len(), certificates.len())
        }
        Output::Finalized { blocks, .. } => format!("finalized {}", blocks.len()),
        Output::Evidence(_) => "evidence".into(),
        Output::Entered { view } => format!("enter {view}"),
        Output::Halt { .. } => "halt".into(),
    }
}
