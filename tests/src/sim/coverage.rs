//! Coverage of a batch of runs: a fault that never happens proves nothing.

use std::collections::BTreeMap;

macro_rules! marks {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A kind of fault that happened, or an effect that was seen. The texts are those of the summary.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark { $($(#[doc = $doc])+ $name,)+ }

        impl Mark {
            /// All, in the order of the summary.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in the summary.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

marks! {
    /// Every validator is linked with every other.
    Mesh = "topology: mesh",
    /// Every validator is linked with two others.
    Ring = "topology: ring",
    /// Every validator is linked with one.
    Star = "topology: star",
    /// Ten validators.
    Ten = "ten validators",
    /// Validators of different power.
    Powers = "unequal voting power",
    /// A message was lost.
    Loss = "message lost",
    /// A message came twice.
    Duplicate = "message doubled",
    /// The network fell apart.
    Partition = "partition",
    /// One direction between two nodes fell silent.
    OneWay = "one-way partition",
    /// One direction between two nodes held everything back for a while.
    Clog = "clogged link",
    /// A node's line was narrow and slow.
    NarrowLine = "narrow line",
    /// A node held an answer back for seconds.
    AnswerHeld = "answer held back",
    /// A connection broke.
    CableCut = "connection cut",
    /// A node crashed.
    Crash = "crash",
    /// All nodes lost power at once.
    PowerCut = "power cut of all",
    /// A disk failed in the middle of a write.
    DiskFault = "disk fault",
    /// A disk was full in the middle of a write.
    DiskFull = "disk full",
    /// A node was told that its disk is nearly full, and held back.
    LowSpace = "disk nearly full: node holds back",
    /// The disks of so many were nearly full for minutes that nothing could become final.
    Stall = "stall: no quorum has space",
    /// An honest node entered a view further above the last final block than single votes and idle blocks are kept.
    FarViews = "views far above the last final one",
    /// A node was stopped in order.
    Stop = "orderly stop",
    /// A clock jumped back.
    ClockBack = "clock jumps back",
    /// A clock jumped an hour ahead.
    ClockAhead = "clock jumps ahead",
    /// A node came back with its clock in 1970.
    Clock1970 = "clock restarts at 1970",
    /// A validator that takes part carried the chain's time on, for want of a clock.
    TimeCarried = "no clock: time carried on",
    /// One was told by others how late it is.
    TimeRaised = "no clock: time told by others",
    /// The validator set changed while things went wrong.
    SetChange = "set change in the storm",
    /// The liar proposed two valid blocks.
    LieTwin = "lie: two blocks in a view",
    /// The liar proposed a block with a wrong state root.
    LieStateRoot = "lie: state root",
    /// The liar proposed a block with a wrong receipts root.
    LieReceiptsRoot = "lie: receipts root",
    /// The liar proposed a block that is not after its parent.
    LiePast = "lie: time in the past",
    /// The liar proposed a block a month ahead.
    LieFuture = "lie: time in the future",
    /// A liar dated a block as far ahead as the fastest honest clock lets pass.
    TimeAhead = "lie: time at the limit",
    /// A liar dated a block 1 ms after its parent.
    TimeBack = "lie: time held back",
    /// The liar sent a body that its header does not bind.
    LieUnbound = "lie: unbound body",
    /// The liar proposed a block of too many bytes.
    LieOversized = "lie: oversized block",
    /// The liar proposed a block with a transaction that cannot be charged.
    LieBadTx = "lie: bad transaction",
    /// The liar proposed a block on an unknown parent.
    LieParent = "lie: wrong parent",
    /// An honest validator saw such a block and gave the view up.
    RefusedStateRoot = "refused: state root",
    /// As above.
    RefusedReceiptsRoot = "refused: receipts root",
    /// As above.
    RefusedPast = "refused: time in the past",
    /// As above.
    RefusedFuture = "refused: time in the future",
    /// An honest validator saw an unbound body and did not take it for the block's.
    RefusedUnbound = "refused: unbound body",
    /// As above.
    RefusedOversized = "refused: oversized block",
    /// As above.
    RefusedBadTx = "refused: bad transaction",
    /// As above.
    RefusedParent = "refused: wrong parent",
    /// A liar sent conflicting votes.
    LiarDoubleVote = "double vote of a liar",
    /// Somebody made evidence of them.
    LiarEvidence = "evidence against a liar",
    /// Two nodes with one key sent conflicting votes.
    TwinDoubleVote = "double vote of twins",
    /// Somebody made evidence of them.
    TwinEvidence = "evidence against twins",
    /// A validator came back with an older log and sign state.
    Rollback = "amnesia: disk rolled back",
    /// A validator came back with nothing.
    Wipe = "amnesia: disk wiped",
    /// A validator on a new disk knew how far it may have voted on the old one.
    NewDiskBarred = "new disk: sat out",
    /// It was past that.
    NewDiskVotes = "new disk: votes again",
    /// It voted otherwise than before.
    AmnesiaDoubleVote = "double vote from amnesia",
    /// Somebody made evidence of it.
    AmnesiaEvidence = "evidence against amnesia",
    /// A node without a vote was told such evidence, and kept it.
    EvidenceGossiped = "evidence kept without a vote",
    /// A validator passed on what another does not hear itself.
    Relay = "votes and proposals relayed",
    /// A node said that the validators it hears are no quorum.
    QuorumLost = "no quorum heard, and told",
    /// It said that they are one again.
    QuorumFound = "quorum heard again",
    /// A liar claimed a height that it has not.
    HeightLie = "sync lie: height claimed",
    /// A liar changed blocks that it served.
    BlocksLie = "sync lie: blocks changed",
    /// A liar held blocks back.
    BlocksWithheld = "sync lie: blocks withheld",
    /// A liar served a certificate that does not verify.
    CertificateLie = "sync lie: certificate forged",
    /// An honest node noticed and reported the liar.
    LiarReported = "liar reported by its victim",
    /// A node took blocks by height.
    Synced = "blocks synchronized",
    /// Blocks came after their question was given up, and were of use.
    LateAnswer = "late answer used",
    /// Consensus of a running epoch found itself so far behind that it asked for blocks by height.
    SyncOrdered = "sync ordered by consensus",
    /// A light client was told a forged header or certificate.
    LightForged = "light lie: forged certificate",
    /// A light client was told an old head.
    LightStale = "light lie: stale head",
    /// A light client was told another set.
    LightWrongSet = "light lie: wrong set",
    /// A light client was not given the path to the certified header.
    LightNoPath = "light lie: path withheld",
    /// A light client was told a value that the proof does not show.
    LightBadProof = "light lie: bad proof",
    /// A light client was given no answer.
    LightSilence = "light lie: withheld answer",
    /// A light client named a header or a set a lie.
    LightRefused = "light client refused a header",
    /// A light client named a proof a lie.
    LightRefusedProof = "light client refused a proof",
    /// A light client started again from its saved head.
    LightRestart = "light client restarted",
    /// A light client went from one set to the next.
    LightSetChange = "light client followed a set change",
    /// A light client believed a record of state.
    LightProven = "light client proved a record",
    /// A view was given up, other than the first.
    Nullified = "view nullified",
    /// An interval was settled provisionally.
    IntervalSettled = "interval settled",
    /// A late window closed.
    IntervalFinal = "interval final",
    /// A meter was silent when its interval was settled.
    Estimate = "interval with an estimate",
    /// A reading changed what had been settled.
    Adjustment = "adjustment",
    /// Members bore what no meter showed.
    LossShared = "loss shared",
    /// A bid met an offer.
    Trade = "trade",
    /// An order was taken back.
    OrderCancelled = "order cancelled",
    /// A deal was closed and paid.
    DealClosed = "deal closed",
    /// Money moved between a wallet and a tab.
    TabPaid = "tab paid",
    /// A member began to owe more than it may.
    CreditExceeded = "credit exceeded",
    /// A reading came twice, after a newer one, or showed more than can have flowed.
    ReadingRefused = "reading refused: not new or too much",
    /// A reading was sent by somebody who may not.
    ReadingOfStranger = "reading refused: not allowed",
}

/// How often each happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<Mark, u64>);

impl Coverage {
    pub(super) fn mark(&mut self, mark: Mark) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, mark: Mark) -> u64 {
        self.0.get(&mark).copied().unwrap_or(0)
    }
}

/// Coverage of many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    runs: u64,
    sums: BTreeMap<Mark, (u64, u64)>,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, coverage: &Coverage) {
        self.runs += 1;
        for (mark, count) in &coverage.0 {
            let (runs, times) = self.sums.entry(*mark).or_default();
            *runs += 1;
            *times += count;
        }
    }

    /// Marks that no run has.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        Mark::ALL.iter().filter(|m| !self.sums.contains_key(m)).map(|m| m.text()).collect()
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:<36} {:>7} {:>10}", format!("exercised in {} runs", self.runs), "runs", "times")?;
        for mark in Mark::ALL {
            let (runs, times) = self.sums.get(mark).copied().unwrap_or_default();
            writeln!(f, "{:<36} {runs:>7} {times:>10}", mark.text())?;
        }
        Ok(())
    }
}
