//! The context of a call: all that it can see and do.

use crate::keys;
use crate::overlay::{Mark, Overlay};
use crate::records::Counters;
use wattle_primitives::genesis::Params;
use wattle_primitives::{Address, Amount, Event, Hash, Height, PublicKey, Reason, TimeMs};

/// The surroundings of a block's execution.
#[derive(Clone, Debug)]
pub struct BlockEnv {
    /// Parameters in force.
    pub params: Params,
    /// Genesis hash: hash of the header at height 0.
    pub chain: Hash,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time_ms: TimeMs,
    /// The parent's hash.
    pub parent: Hash,
    /// Who proposes it.
    pub proposer: PublicKey,
}

/// Who stands behind a call, each in a part of its own: see `docs/adr/three-parties.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parties {
    /// Who signed, with its own nonce.
    pub actor: Address,
    /// Whose authority and money it is.
    pub on_behalf_of: Address,
    /// Who pays fee and deposits.
    pub payer: Address,
    /// By what right the payer is one.
    pub payment: Payment,
    /// The grant by which the actor acts on another's behalf.
    pub grant: Option<Hash>,
}

/// By what right an account pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// It is the actor.
    Own,
    /// It signed too.
    Signed,
    /// It sponsors the actor.
    Sponsored,
}

impl Parties {
    /// One who acts for itself and pays for it.
    #[must_use]
    pub const fn alone(account: Address) -> Self {
        Self { actor: account, on_behalf_of: account, payer: account, payment: Payment::Own, grant: None }
    }
}

/// The surroundings of a call: the block's writes so far, its time, who asks, and what has happened.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// State with the writes so far.
    pub state: Overlay<'a>,
    env: &'a BlockEnv,
    parties: Parties,
    verdicts: Vec<bool>,
    verdicts_used: usize,
    /// The grant in use is for certain books, and the call has named none of them yet.
    book_unnamed: bool,
    events: Vec<Event>,
    /// Events of the block that were taken before.
    taken: u32,
}

/// A place to roll back to: writes and events.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint {
    writes: Mark,
    events: usize,
}

impl<'a> Ctx<'a> {
    /// For a block on top of the overlay's parent.
    #[must_use]
    pub const fn new(state: Overlay<'a>, env: &'a BlockEnv) -> Self {
        let parties = Parties::alone(Address([0; 32])); // what falls due has none
        Self {
            state,
            env,
            parties,
            verdicts: Vec::new(),
            verdicts_used: 0,
            book_unnamed: false,
            events: Vec::new(),
            taken: 0,
        }
    }

    /// Turns to a transaction: its parties, and the verdicts on the signatures inside its calls.
    pub fn begin(&mut self, parties: Parties, verdicts: &[bool]) {
        self.parties = parties;
        self.verdicts.clear();
        self.verdicts.extend_from_slice(verdicts);
        self.verdicts_used = 0;
        self.book_unnamed = false;
    }

    /// The block's surroundings.
    #[must_use]
    pub const fn env(&self) -> &'a BlockEnv {
        self.env
    }

    /// The block's time.
    #[must_use]
    pub const fn time_ms(&self) -> TimeMs {
        self.env.time_ms
    }

    /// Deposit for a new key in state, native base units.
    #[must_use]
    pub const fn deposit(&self) -> Amount {
        self.env.params.account_deposit
    }

    /// Who signed.
    #[must_use]
    pub const fn actor(&self) -> Address {
        self.parties.actor
    }

    /// Whose authority and money it is.
    #[must_use]
    pub const fn on_behalf_of(&self) -> Address {
        self.parties.on_behalf_of
    }

    /// Who pays deposits.
    #[must_use]
    pub const fn payer(&self) -> Address {
        self.parties.payer
    }

    /// Whether the payer pays by a sponsorship of the actor.
    pub(super) const fn is_sponsored(&self) -> bool {
        matches!(self.parties.payment, Payment::Sponsored)
    }

    /// Whether the one on whose behalf it is has signed too, as the payer.
    pub(super) fn cosigned(&self) -> bool {
        self.parties.payment == Payment::Signed && self.parties.payer == self.parties.on_behalf_of
    }

    /// The grant in use.
    pub(super) const fn grant(&self) -> Option<Hash> {
        self.parties.grant
    }

    /// Goes on on behalf of `grantor`, by `grant`.
    pub(super) const fn act_for(&mut self, grantor: Address, grant: Hash) {
        (self.parties.on_behalf_of, self.parties.grant) = (grantor, Some(grant));
    }

    /// Whether the call still has to name a book that the grant in use is for.
    pub(super) const fn book_unnamed(&mut self) -> &mut bool {
        &mut self.book_unnamed
    }

    /// The verdict on the next signature inside the transaction's calls.
    pub fn next_verdict(&mut self) -> bool {
        let verdict = self.verdicts.get(self.verdicts_used).copied().unwrap_or(false);
        self.verdicts_used = self.verdicts_used.saturating_add(1);
        verdict
    }

    /// Notes what happened.
    pub fn emit(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }

    /// Takes the events since the last call of this.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.taken = self.next_event();
        std::mem::take(&mut self.events)
    }

    /// Position that the next event will have among the block's.
    #[must_use]
    pub fn next_event(&self) -> u32 {
        self.taken.saturating_add(u32::try_from(self.events.len()).unwrap_or(u32::MAX))
    }

    /// A place to roll back to.
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { writes: self.state.mark(), events: self.events.len() }
    }

    /// Undoes writes and events since `to`.
    pub fn rollback(&mut self, to: Savepoint) {
        self.state.rollback(to.writes);
        self.events.truncate(to.events);
    }

    /// Does all of something or, where it fails, nothing.
    pub fn attempt<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Reason>) -> Option<T> {
        let before = self.savepoint();
        match act(self) {
            Ok(done) => Some(done),
            Err(_) => {
                self.rollback(before);
                None
            }
        }
    }

    /// Numbers given out so far.
    pub fn counters(&mut self) -> Counters {
        self.state.read(keys::counters()).unwrap_or_default()
    }
}
