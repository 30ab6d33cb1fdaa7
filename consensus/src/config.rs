//! The configuration of one epoch's core.

use wattle_primitives::{
    Certificate, Epoch, Hash, Header, Height, Params, TimeMs, ValidatorIndex, ValidatorSet, View,
};

/// Most validators that all broadcast each certificate on first sight; with more, a certificate goes to the next
/// leader and to whoever asks, since a certificate of 100 validators is 4.4 KB.
pub const FLOOD_VALIDATORS_MAX: usize = 32;
/// How many views ahead of the current one a vote or proposal is kept.
pub const VIEWS_AHEAD_MAX: u64 = 16;
/// How many views behind the current one single votes are kept; certificates are kept down to the last finalization.
pub const VIEWS_BEHIND_MAX: u64 = 32;
/// Most views above the last finalization whose certificates are kept. Beyond, the lowest go: that can cost
/// progress, never agreement. No stall gets there: see [`STALL_VIEWS`].
pub const VIEWS_KEPT_MAX: usize = 65_536;
/// After each so many views without a finalization, timeouts double beyond their limit: the number of views grows with
/// the logarithm of a stall's length, and one view lasts at most about a thousandth of the stall so far.
pub const STALL_VIEWS: u64 = 1_024;
/// For so many views after a restart, or after what held this validator back is over, its timeouts stay within their
/// limit however long the stall was.
pub const HOPE_VIEWS: u64 = 64;
/// From so many views without a finalization on, a view that is given up before its timer lasts a while all the same.
pub const PACED_VIEWS: u64 = 64;
/// That while, as a part of the limit of timeouts: 1/64.
pub const PACE_SHIFT: u32 = 6;
/// Unfinalized blocks above the floor from which on a leader proposes empty blocks.
pub const UNFINALIZED_MAX: u64 = 32;
/// Missing finalized blocks from which on they are synced by height instead of walked by parent hash.
pub const SYNC_GAP_MIN: u64 = 16;
/// Most votes in one [`crate::Output::Resend`].
pub const RESEND_VOTES_MAX: usize = 1_024;
/// Most certificates in one [`crate::Output::Resend`] or one answer to a request.
pub const CERTIFICATES_MAX: usize = 64;
/// Views whose certificates are asked for at a time: an answer holds two of each, the last finalization and one
/// pending.
pub const FETCH_VIEWS: u64 = 31;

const _: () = assert!(VIEWS_BEHIND_MAX + VIEWS_AHEAD_MAX < VIEWS_KEPT_MAX as u64);
const _: () = assert!(2 * FETCH_VIEWS + 2 <= CERTIFICATES_MAX as u64);
const _: () = assert!(STALL_VIEWS * 64 <= VIEWS_KEPT_MAX as u64, "timeouts double 64 times before the bound");
const _: () = assert!(SYNC_GAP_MIN <= UNFINALIZED_MAX && UNFINALIZED_MAX < VIEWS_KEPT_MAX as u64);

/// A monotonic clock's reading in milliseconds. Its zero is the driver's choice, the same for the life of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// The reading `ms` milliseconds later; saturates.
    #[must_use]
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The finalized block that a core builds on: the last block of the epoch before, or, after a restart or a sync,
/// a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
    /// Its time.
    pub time_ms: TimeMs,
    /// View of this epoch in which it was certified: 0 for the last block of the epoch before or genesis, else its
    /// header's view.
    pub view: View,
    /// Finalization of this block in this epoch, if there is one: answers validators that lag.
    pub certificate: Option<Certificate>,
}

impl Floor {
    /// The floor of a new epoch: `header` is genesis or the last block of the epoch before.
    #[must_use]
    pub fn of_epoch(header: &Header) -> Self {
        Self {
            height: header.height,
            hash: header.hash(),
            time_ms: header.time_ms,
            view: View::ZERO,
            certificate: None,
        }
    }

    /// A finalized block within the epoch: the last one that the driver has committed. `certificate` is the
    /// finalization of this block or of a descendant.
    #[must_use]
    pub fn within_epoch(header: &Header, certificate: Certificate) -> Self {
        let hash = header.hash();
        let certified = certificate.vote.proposal().filter(|p| p.block == hash).map(|p| p.round.view);
        Self {
            height: header.height,
            hash,
            time_ms: header.time_ms,
            view: certified.unwrap_or(header.view),
            certificate: Some(certificate),
        }
    }
}

/// Times from the protocol parameters; see [`Params`] for what each means. All in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Least time between a block and its parent.
    pub block_interval_ms: u64,
    /// Time after which a block is proposed without work.
    pub idle_interval_ms: u64,
    /// How long a leader has to propose, before any growth.
    pub leader_timeout_ms: u64,
    /// How long a view has from the proposal's arrival, before any growth.
    pub advance_timeout_ms: u64,
    /// Limit of grown timeouts.
    pub timeout_ms_max: u64,
    /// Silence after which a leader's view is skipped at once.
    pub skip_timeout_ms: u64,
    /// How far a block's time may be ahead of a validator's clock before it waits.
    pub clock_skew_ms_max: u64,
}

/// Blocks in an idle interval that due work alone can ask for.
const DUE_BLOCKS_PER_IDLE_INTERVAL: u64 = 8;

impl Timing {
    /// Least time between a block and its parent when nothing but due work asks for it, ms.
    #[must_use]
    pub const fn due_interval_ms(&self) -> u64 {
        let part = self.idle_interval_ms / DUE_BLOCKS_PER_IDLE_INTERVAL;
        if part > self.block_interval_ms { part } else { self.block_interval_ms }
    }
}

impl From<&Params> for Timing {
    fn from(params: &Params) -> Self {
        Self {
            block_interval_ms: params.block_interval_ms,
            idle_interval_ms: params.idle_interval_ms,
            leader_timeout_ms: params.leader_timeout_ms,
            advance_timeout_ms: params.advance_timeout_ms,
            timeout_ms_max: params.timeout_ms_max,
            skip_timeout_ms: params.skip_timeout_ms,
            clock_skew_ms_max: params.clock_skew_ms_max,
        }
    }
}

/// One epoch as its core sees it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Genesis hash.
    pub chain: Hash,
    /// The epoch.
    pub epoch: Epoch,
    /// The set that decides in it.
    pub validators: ValidatorSet,
    /// Hash of the next epoch's set: what the last header of this epoch announces.
    pub next_validators_hash_at_terminal: Hash,
    /// This node's place in the set; `None` only follows.
    pub me: Option<ValidatorIndex>,
    /// The finalized block to build on.
    pub floor: Floor,
    /// Last height of the epoch: [`Params::terminal_height`].
    pub terminal: Height,
    /// Timeouts and intervals.
    pub timing: Timing,
}
