//! The only place that signs votes, and the state on disk that keeps it from ever signing two for one round and kind.
//!
//! The state lives outside the data directory, so that no reset and no backup of the data touches it.
//!
//! # Rules
//! Rounds compare as (epoch, view). A vote with the same bytes as the last of its kind is signed again, at any time,
//! without a write. Any other vote:
//!
//! | vote in round r | allowed when |
//! |---|---|
//! | notarize | r > last notarize, r > last nullify |
//! | nullify | r > last nullify, r > last finalize |
//! | finalize | r > last finalize, r > last nullify |
//!
//! # From vote to signature
//! [`Signer::prepare`] notes the vote and gives a [`PendingVote`], which can be written to the log but not sent.
//! [`Signer::sync`] makes the note durable, beside the log's own sync, and gives a [`SyncedToken`].
//! [`PendingVote::release`] trades the two for the [`SignedVote`]. `journal` does all of it for one group.
//!
//! # Start
//! [`Signer::open`] gives [`Unreconciled`], which signs nothing until it was shown the own votes in the log:
//! - The log knows later votes (the crash came between the two syncs, or a slot is damaged): the state takes them over.
//! - The state knows later votes: the log has lost some. Notarize and finalize votes are refused up to the last
//!   such round, but for identical bytes. Nullify stays allowed by the rules above: with it, validators that all
//!   lost power between the two syncs leave the round; without it, none of them ever could. Between the last finalize
//!   and the last nullify it is signed too, without a note: validators that all lost their logs pass over every view
//!   again that they had given up (docs/adr/sign-state-sit-out.md).
//! - They contradict each other: [`SignerError::Conflict`]; nothing is signed.
//!
//! On a new disk there is neither: nothing is signed in any round in which the validator may have signed on the old one
//! ([`Barred`]), then or ever after. How far that can reach others tell (`driver::newcomer`).
//!
//! A single damaged slot therefore never costs safety: what the other slot misses, the log knows.
//!
//! # Not here
//! When to vote (`wattle-consensus`), how keys are kept (`keystore`).

mod slots;
mod state;

use borsh::BorshSerialize;
use slots::Slots;
use wattle_host::FileError;
use wattle_host::dir::Dir;
use wattle_host::lock::Holder;
use wattle_primitives::{
    Hash, PublicKey, Round, SecretKey, Signature, SignedVote, ValidatorIndex, Vote, VoteKind, planted,
};

pub use state::{Barred, Mark, Refused, SignState};

/// State of the data directory when the sign state is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataDir {
    /// Nothing, and the key was made with it: it has signed nothing. A missing sign state is created.
    NewKey,
    /// Nothing: a new disk. The key may have signed on another, so that a missing sign state is created as one that
    /// signs nothing before it is told how far that can reach.
    Empty,
    /// A chain: a missing sign state was lost, and with it the knowledge of what was signed.
    InUse,
}

/// Whether the log has kept up with the sign state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing signed is missing from the log.
    Level,
    /// The log has lost votes: no new notarize or finalize up to this round; views may still be given up. A lost disk
    /// is another matter, see [`Barred`].
    SitOut {
        /// The last round sat out.
        past: Round,
    },
}

/// Why votes cannot be signed. Nothing here is a peer's fault.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The chain's data is there, the sign state is not.
    #[error(
        "no sign state beside a data directory in use: remove the data directory too, so that the validator sits out what it \
         may have signed, or use a new key"
    )]
    Missing,
    /// Another process holds it: two nodes with one key.
    #[error("{holder} uses this sign state: two of them would sign against each other, so stop it first")]
    Locked {
        /// Its process.
        holder: Holder,
    },
    /// It is another validator's.
    #[error("sign state of key {found}, expected {expected}")]
    WrongKey {
        /// This node's key.
        expected: PublicKey,
        /// Key found.
        found: PublicKey,
    },
    /// It belongs to another chain.
    #[error("sign state of chain {found}, expected {expected}")]
    WrongChain {
        /// This chain's genesis hash.
        expected: Hash,
        /// Genesis hash found.
        found: Hash,
    },
    /// It cannot be read: what was signed is not known.
    #[error("sign state is corrupt: {detail}")]
    Corrupt {
        /// The damage, for people.
        detail: &'static str,
    },
    /// Log and sign state, or two records of the log, name different votes of one kind for one round.
    #[error("two different {kind:?} votes are on record for round {round}")]
    Conflict {
        /// Their kind.
        kind: VoteKind,
        /// Their round.
        round: Round,
    },
    /// A file operation failed. After a failed sync the process must end.
    #[error("sign state failed")]
    File {
        /// The system's error.
        #[from]
        source: FileError,
    },
    /// An earlier operation failed.
    #[error("sign state failed before")]
    Failed,
}

/// A sign state that has not yet been compared with the log. Signs nothing.
#[derive(Debug)]
pub struct Unreconciled<D: Dir>(Signer<D>);

/// Signs votes, each round and kind once.
pub struct Signer<D: Dir> {
    key: SecretKey,
    public: PublicKey,
    chain: Hash,
    slots: Slots<D>,
    state: SignState,
    /// Counts changes of `state`.
    generation: u64,
    /// The generation that is durable.
    synced: u64,
    sit_out: Option<Round>,
    failed: bool,
}

/// A vote that is signed but must not be sent yet. Encodes as the [`SignedVote`] that it will become, for the log.
#[derive(Debug)]
pub struct PendingVote {
    signed: SignedVote,
    key: PublicKey,
    generation: u64,
}

/// Proof that the sign state is durable up to some generation.
#[derive(Clone, Copy, Debug)]
pub struct SyncedToken {
    key: PublicKey,
    generation: u64,
}

impl PendingVote {
    /// The vote, without its signature.
    #[must_use]
    pub const fn vote(&self) -> &Vote {
        &self.signed.vote
    }

    /// The vote with its signature, or `None` when the token is older than the vote or another key's.
    #[must_use]
    pub fn release(self, token: &SyncedToken) -> Option<SignedVote> {
        (token.key == self.key && token.generation >= self.generation).then_some(self.signed)
    }
}

impl BorshSerialize for PendingVote {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.signed.serialize(writer)
    }
}

impl<D: Dir> Unreconciled<D> {
    /// The votes that the state remembers.
    #[must_use]
    pub const fn state(&self) -> &SignState {
        &self.0.state
    }

    /// Whether a slot is damaged, by a crash or otherwise: what it held only the log may know.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.0.slots.is_damaged()
    }

    /// Lets a validator sign what it sits out, or has sat out, since it may have signed there on a lost disk. Its
    /// operator says that it cannot have, or takes the risk. Returns what was barred.
    ///
    /// # Errors
    /// A file operation failed.
    pub fn resume(self) -> Result<Barred, SignerError> {
        let Self(mut signer) = self;
        let barred = signer.state.barred();
        if barred != Barred::Free {
            signer.bar(Barred::Free)?;
        }
        Ok(barred)
    }

    /// Compares with the own votes in the log, in any order, and makes what they add durable.
    ///
    /// # Errors
    /// [`SignerError::Conflict`], or a file operation failed.
    pub fn reconcile(
        self,
        logged: impl IntoIterator<Item = Vote>,
    ) -> Result<(Signer<D>, Standing), SignerError> {
        let Self(mut signer) = self;
        let mut log = SignState::default();
        for vote in logged {
            signer.state.check_conflict(&vote, &signer.chain)?;
            log.observe(&vote, &signer.chain)?;
        }
        // Segments of the log are let go: a vote that is missing before later ones was covered, not lost.
        let lost = signer.state.ahead_of(&log).filter(|past| log.latest() < Some(*past));
        signer.sit_out = lost.filter(|_| !planted!("sit-out-skipped"));
        if signer.state.merge(&log) || signer.slots.is_damaged() {
            signer.generation += 1;
        }
        signer.sync()?;
        let standing = signer.sit_out.map_or(Standing::Level, |past| Standing::SitOut { past });
        Ok((signer, standing))
    }
}

impl<D: Dir> Signer<D> {
    /// Opens the sign state in `dir` and locks it for life; creates it beside an empty data directory.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn open(dir: D, chain: Hash, key: SecretKey, data: DataDir) -> Result<Unreconciled<D>, SignerError> {
        let public = key.public();
        let (slots, state) = Slots::open(dir, chain, public, data)?;
        Ok(Unreconciled(Self {
            key,
            public,
            chain,
            slots,
            state,
            generation: 0,
            synced: 0,
            sit_out: None,
            failed: false,
        }))
    }

    /// Notes and signs a vote. It can be sent after the next [`Signer::sync`].
    ///
    /// `signer` is this validator's position in the set of the vote's epoch.
    ///
    /// # Errors
    /// [`Refused`]; the state is as before.
    pub fn prepare(&mut self, vote: Vote, signer: ValidatorIndex) -> Result<PendingVote, Refused> {
        let changed = self.state.admit(&vote, &self.chain, self.sit_out)?;
        self.generation += u64::from(changed);
        let signature: Signature = self.key.sign(&vote.signing_bytes(&self.chain));
        Ok(PendingVote {
            signed: SignedVote { vote, signer, signature },
            key: self.public,
            generation: self.generation,
        })
    }

    /// Signs nothing in these rounds from now on, and in any other what the rules allow. Durable on return.
    ///
    /// # Errors
    /// [`SignerError`]; the process must end.
    pub fn bar(&mut self, barred: Barred) -> Result<(), SignerError> {
        self.state.bar(barred);
        self.generation += 1;
        self.sync().map(|_| ())
    }

    /// Makes every prepared vote durable: one write and one sync, or neither when nothing changed.
    ///
    /// # Errors
    /// [`SignerError`]; the process must end, and no vote prepared since the last sync may be sent.
    pub fn sync(&mut self) -> Result<SyncedToken, SignerError> {
        if self.failed {
            return Err(SignerError::Failed);
        }
        if self.synced < self.generation {
            let written = self.slots.write(&self.state);
            self.failed = written.is_err();
            written?;
            self.synced = self.generation;
        }
        Ok(SyncedToken { key: self.public, generation: self.synced })
    }

    /// The votes that were signed last.
    #[must_use]
    pub const fn state(&self) -> &SignState {
        &self.state
    }
}

/// Shows no key.
impl<D: Dir> std::fmt::Debug for Signer<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("public", &self.public)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
