//! The core: one epoch's state and its single entry, [`Core::step`].
//!
//! | file | rules |
//! |---|---|
//! | `enter` | 1: entering a view, timers, work |
//! | `propose` | 2: what to build on, when |
//! | `notarize` | 3: voting for a proposal |
//! | `certify` | 4: from a notarization to the next view and a finalize vote |
//! | `nullify` | 5, 6: giving a view up |
//! | `finalize` | 7: finalizing ancestors, moving the floor |
//! | `resend` | 8: sending again |
//! | `votes` | 9, 10: admission, certificates, evidence |
//! | `restore` | after a crash |
//!
//! An input changes what is known; [`Core::progress`] then draws every conclusion until nothing changes. So no order
//! of inputs can leave a conclusion undrawn.

mod certify;
mod enter;
mod finalize;
mod notarize;
mod nullify;
mod propose;
mod resend;
mod restore;
mod status;
mod votes;

pub use status::Status;

use crate::block::{Blocks, Exec};
use crate::config::{Config, Floor, MonoMs};
use crate::fetch::Fetcher;
use crate::header::Rules;
use crate::nullified::Nullified;
use crate::tally::Ballots;
use crate::view::ViewState;
use crate::{GivenUp, HaltReason, Input, Output, Verdict, Work};
use enter::Current;
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::{
    Certificate, Hash, Header, Round, SignedVote, TimeMs, ValidatorIndex, View, VoteKind, planted,
};

/// Shortest and longest pause before something is sent or asked for again, in ms.
const RETRY_MS: (u64, u64) = (50, 1_000);

/// Where a core is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `Start` has not come yet.
    New,
    /// Deciding on heights.
    Running,
    /// The epoch's last block is final; only answers stragglers.
    Done,
    /// Stopped for good.
    Halted,
}

/// The last view of each kind that this validator voted in, or tried to: what its sign state enforces as well.
#[derive(Clone, Copy, Debug, Default)]
struct Voted {
    notarize: View,
    nullify: View,
    finalize: View,
}

/// The consensus of one epoch. See the crate's documentation.
#[derive(Debug)]
pub struct Core {
    config: Config,
    rules: Rules,
    phase: Phase,
    /// Last finalization.
    floor: Floor,
    /// A finalization above the floor whose blocks are not all executed here yet.
    pending: Option<Certificate>,
    /// The current view.
    current: Current,
    /// Views above the floor's: the recent ones, and those with a notarization.
    views: BTreeMap<View, ViewState>,
    /// Nullifications of views above the floor's.
    nullified: Nullified,
    /// Views whose notarized block is not certified here yet.
    uncertified: BTreeSet<View>,
    /// Votes of views at and below the floor's, for evidence only.
    past: BTreeMap<View, Ballots>,
    /// Offences handed out.
    reported: BTreeSet<(ValidatorIndex, View, u8)>,
    blocks: Blocks,
    voted: Voted,
    /// This validator's own votes in recent views, and its last of each kind.
    own: BTreeMap<(VoteKind, View), SignedVote>,
    /// The view in which this validator last had reason to hope that a stall is over: a restart, or room again.
    hope: View,
    /// Rounds that were given up before the log was lost: their votes are nowhere, and they are given up again at once.
    given_up: Option<GivenUp>,
    fetcher: Fetcher,
    /// When each validator was last heard, and the highest view it voted in.
    heard: Vec<(MonoMs, View)>,
    /// When each validator was last answered.
    answered: Vec<Option<MonoMs>>,
    work: Work,
    backpressure: bool,
    counters: status::Counters,
    /// Of the step under way.
    now: MonoMs,
    reading: TimeMs,
    out: Vec<Output>,
    /// Earliest time at which something is due without input.
    wake: Option<MonoMs>,
}

impl Core {
    /// A core that has seen nothing yet. Then: [`Core::restore`] after a restart, and [`Input::Start`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        let size = config.validators.len();
        let retry_ms = retry_ms(&config);
        Self {
            rules: Rules::new(&config),
            phase: Phase::New,
            floor: config.floor.clone(),
            // A floor finalized through a descendant: that one is final too, but not committed yet.
            pending: config.floor.certificate.clone().filter(|c| c.round().view > config.floor.view),
            current: Current::default(),
            views: BTreeMap::new(),
            nullified: Nullified::default(),
            uncertified: BTreeSet::new(),
            past: BTreeMap::new(),
            reported: BTreeSet::new(),
            blocks: Blocks::default(),
            voted: Voted::default(),
            own: BTreeMap::new(),
            hope: View::ZERO,
            given_up: None,
            fetcher: Fetcher::new(retry_ms),
            heard: vec![Default::default(); size],
            answered: vec![None; size],
            work: Work::None,
            backpressure: false,
            counters: status::Counters::default(),
            now: MonoMs::default(),
            reading: TimeMs::ZERO,
            out: Vec::new(),
            wake: None,
            config,
        }
    }

    /// Handles one input. `mono` must not go back; `reading` is what this validator's [`crate::Clock`] says, which no
    /// block moves.
    ///
    /// Outputs are to be carried out in order; see [`Output`].
    #[must_use]
    pub fn step(&mut self, mono: MonoMs, reading: TimeMs, input: Input) -> Vec<Output> {
        self.now = self.now.max(mono);
        let moved = planted!("reading-moved-by-blocks", reading < self.floor.time_ms);
        self.reading = if moved { self.floor.time_ms } else { reading };
        match (self.phase, &input) {
            (Phase::Halted, _) => return Vec::new(),
            (Phase::New, Input::Start) => self.start(),
            (Phase::New, _) => return Vec::new(),
            (Phase::Running | Phase::Done, _) => self.handle(input),
        }
        self.progress();
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is due; `None`: nothing is waited for but input.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<MonoMs> {
        self.wake
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Start | Input::Tick => {}
            Input::Work(work) => self.work = work,
            Input::Backpressure { on } => self.on_backpressure(on),
            Input::Proposal { vote, header } => self.on_proposal(vote, header),
            Input::Vote(signed) => self.on_vote(&signed),
            Input::OwnVote(signed) => self.on_own_vote(&signed),
            Input::Certificate(certificate) => self.on_certificate(certificate),
            Input::Built { round, header } => self.on_built(round, header),
            Input::Executed { block, verdict } => self.on_executed(block, verdict),
            Input::Header { header } => self.on_header(header),
            Input::VoteRefused { vote } => self.on_refused(&vote),
            Input::Reconnected { peer } => self.on_reconnected(peer),
            Input::Synced { header, certificate } => self.on_synced(&header, certificate),
        }
    }

    /// Draws every conclusion from what is known.
    fn progress(&mut self) {
        self.wake = None;
        if self.phase != Phase::Running {
            return;
        }
        // Every pass that changes something enters a view, certifies one or raises the floor, all of which are
        // bounded by what the input brought in.
        loop {
            self.wake = None;
            self.fetcher.begin();
            let before = (self.current.view, self.uncertified.len(), self.floor.height);
            for rule in [Self::apply_finalization, Self::certify_all, Self::notarize_current, Self::propose] {
                rule(self);
                if self.phase != Phase::Running {
                    self.wake = None;
                    return;
                }
            }
            self.nullify_current();
            if before == (self.current.view, self.uncertified.len(), self.floor.height) {
                break;
            }
        }
        self.resend_when_stalled();
        if let Some(due) = self.fetcher.finish(self.now, self.pending.as_ref(), &mut self.out) {
            self.wake_at(due);
        }
    }

    /// Input::Executed.
    fn on_executed(&mut self, block: Hash, verdict: Verdict) {
        if let Some(entry) = self.blocks.get_mut(&block).filter(|entry| entry.exec == Exec::Running) {
            entry.exec = match verdict {
                Verdict::Valid => Exec::Valid,
                Verdict::Invalid => Exec::Invalid(None),
            };
        }
    }

    /// Input::Header: only what was asked for is taken up, which bounds the blocks.
    fn on_header(&mut self, header: Header) {
        let hash = header.hash();
        if self.fetcher.wants_block(&hash) {
            self.blocks.insert(hash, header, Exec::Unknown, false);
        }
    }

    fn halt(&mut self, reason: HaltReason) {
        if self.phase != Phase::Halted {
            self.phase = Phase::Halted;
            self.out.push(Output::Halt { reason });
        }
    }

    /// Notes that something is due at `at`. What is due already has been done in this step.
    fn wake_at(&mut self, at: MonoMs) {
        let at = at.max(self.now.after(1));
        self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
    }

    fn round(&self, view: View) -> Round {
        Round { epoch: self.config.epoch, view }
    }

    /// Who leads a view.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        self.rules.rotation().leader(view)
    }

    fn is_me(&self, index: ValidatorIndex) -> bool {
        self.config.me == Some(index)
    }

    fn retry_ms(&self) -> u64 {
        retry_ms(&self.config)
    }

    /// Highest view known to be finalized, its blocks committed or not.
    fn finalized_view(&self) -> View {
        self.pending.as_ref().map_or(self.floor.view, |c| c.round().view.max(self.floor.view))
    }
}

const fn retry_ms(config: &Config) -> u64 {
    let half = config.timing.leader_timeout_ms >> 1;
    if half < RETRY_MS.0 {
        RETRY_MS.0
    } else if half > RETRY_MS.1 {
        RETRY_MS.1
    } else {
        half
    }
}
