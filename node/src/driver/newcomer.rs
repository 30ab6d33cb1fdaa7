//! A validator on a new disk: its former self may have signed in rounds that nothing here knows of.
//!
//! It follows the chain and signs nothing, which the sign state sees to ([`Barred`]), until other validators with a
//! quorum of the power have told how far they have come, with a certificate. Then it signs nothing up to two views
//! after the highest of these certificates. Past these it takes part again, and even then signs nothing in them.
//!
//! # Why that is enough
//! The former self has ended before anybody is asked. If it signed in view w, a quorum had signed in view w - 1 before
//! (or in w itself). That quorum and the one that answers share an honest validator, which had therefore reached w - 1
//! and holds a certificate of w - 2 or later. So w is at most two above the highest certificate. Who tells less than
//! it knows changes nothing, and nobody can tell more: a certificate takes a quorum.
//!
//! In the next epoch it may have signed too, but only if the last block of this one was final before anybody was asked,
//! and then in view 1 at most: view 2 takes votes of a quorum in view 1, and one of those would have told of it.
//!
//! # Not here
//! Power that is missing for an answer: where those that sit out are needed, an operator decides
//! (`wattle doctor --resume-signing`). Assumed: less than a third of the power lies, or has lost its log since.

use super::{Driver, Effect};
use crate::signer::Barred;
use crate::work::Token;
use std::collections::BTreeMap;
use wattle_consensus::{Core, MonoMs};
use wattle_p2p::wire::{ErrorCode, Reached, Request, Response};
use wattle_p2p::{Offence, PeerId, Penalty};
use wattle_primitives::{PublicKey, Round, View, planted};

/// How often those are asked who have not answered, in ms.
const ASK_INTERVAL_MS: u64 = 2_000;
/// Time after which a question without an answer is put again, in ms.
const LOST_MS: u64 = 20_000;
/// Views above a certificate that its holder's view may lie ahead, and the former self's above that.
const VIEWS_AHEAD: u64 = 2;

/// The former self's votes, as far as they are known.
#[derive(Debug)]
pub(super) struct Newcomer {
    barred: Barred,
    /// The last round that anything was signed in before this start.
    latest: Option<Round>,
    /// View of the certificate that each validator has shown in this epoch.
    reached: BTreeMap<PublicKey, View>,
    questions: BTreeMap<Token, Question>,
    ask_at: MonoMs,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    peer: PeerId,
    validator: PublicKey,
    since: MonoMs,
}

impl Newcomer {
    pub(super) const fn new(barred: Barred, latest: Option<Round>) -> Self {
        Self { barred, latest, reached: BTreeMap::new(), questions: BTreeMap::new(), ask_at: MonoMs(0) }
    }

    /// Whether nothing is signed at present.
    pub(super) fn is_barred(&self) -> bool {
        match self.barred {
            Barred::Free | Barred::Passed(_) => false,
            Barred::Unasked | Barred::Until(_) => true,
        }
    }

    /// Whether this validator has been further than `round`, as far as is known, and its log no longer shows it.
    fn was_further(&self, round: Round) -> bool {
        let lost = self.latest.is_some_and(|latest| round < latest) && !planted!("lost-log-tells");
        match self.barred {
            Barred::Free => lost,
            Barred::Passed(past) => lost || round <= past,
            Barred::Unasked | Barred::Until(_) => true,
        }
    }
}

impl Driver {
    /// An epoch begins: votes of the former self may reach into it.
    pub(super) fn bar_in_epoch(&mut self) {
        self.newcomer.reached.clear();
        self.newcomer.questions.clear();
        let (Barred::Until(past), now) = (self.newcomer.barred, self.current.epoch) else { return };
        if past.epoch >= now {
            return;
        }
        let last = &self.tree.header;
        let just_ended = past.epoch.next() == now
            && last.epoch == past.epoch
            && last.height == self.schedule.params().floor_height(now);
        // The epoch's last block cannot have been final in a view before its own.
        let proven = past.view.saturating_sub(View(VIEWS_AHEAD));
        let barred = if just_ended && last.view > proven {
            over(past)
        } else if just_ended && self.schedule.validators(past.epoch) == &self.current.set {
            Barred::Until(Round { epoch: now, view: View(1) })
        } else {
            Barred::Unasked
        };
        self.bar(barred);
    }

    fn bar(&mut self, barred: Barred) {
        self.newcomer.barred = barred;
        self.emit(Effect::Bar(barred));
    }

    /// Asks how far others have come, or ends the sit-out when its rounds are over.
    pub(super) fn sit_out(&mut self) {
        let Some(view) = self.current.core.as_ref().map(|core| core.status().view) else { return };
        match self.newcomer.barred {
            Barred::Free | Barred::Passed(_) => {}
            Barred::Until(past) => {
                if (Round { epoch: self.current.epoch, view }) > past {
                    self.bar(over(past));
                }
            }
            Barred::Unasked => {
                if self.mono >= self.newcomer.ask_at && !self.behind().is_syncing() {
                    self.newcomer.ask_at = self.mono.after(ASK_INTERVAL_MS);
                    self.ask_how_far();
                }
            }
        }
    }

    fn ask_how_far(&mut self) {
        let now = self.mono;
        let Newcomer { questions, reached, .. } = &mut self.newcomer;
        questions.retain(|_, question| now.since(question.since) < LOST_MS);
        let waits = |key| questions.values().any(|question| question.validator == key);
        let others = self.current.set.members().iter().map(|member| member.key);
        let open = others.filter(|key| Some(*key) != self.setup.key && !reached.contains_key(key));
        let ask: Vec<PublicKey> = open.filter(|key| !waits(*key)).collect();
        for validator in ask {
            let Some(peer) = self.peers.of(&validator) else { continue };
            let (token, since) = (self.token(), self.mono);
            self.newcomer.questions.insert(token, Question { peer, validator, since });
            self.emit(Effect::Ask { token, peer, request: Request::Reached });
        }
    }

    /// Takes the answer to a question of ours; gives back what is none.
    pub(super) fn on_reached(
        &mut self,
        token: Token,
        response: Option<Response>,
    ) -> Option<Option<Response>> {
        let Some(Question { peer, validator, .. }) = self.newcomer.questions.remove(&token) else {
            return Some(response);
        };
        if response.is_some() {
            self.heard_from_peer(&peer);
        }
        if let Some(Response::Reached(told)) = response
            && self.newcomer.barred == Barred::Unasked
        {
            match self.proven_view(&told) {
                Ok(Some(view)) => {
                    self.newcomer.reached.insert(validator, view);
                    self.bar_if_known();
                }
                Ok(None) => {}
                Err(Forged) => {
                    self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Answer });
                }
            }
        }
        None
    }

    /// The view of this epoch that an answer proves; `None` when it is about a later epoch, of which this node knows
    /// too little.
    fn proven_view(&self, told: &Reached) -> Result<Option<View>, Forged> {
        if told.epoch != self.current.epoch {
            return Ok((told.epoch < self.current.epoch).then_some(View::ZERO));
        }
        let Some(certificate) = &told.certificate else { return Ok(Some(View::ZERO)) };
        let round = certificate.round();
        let genuine = round.epoch == told.epoch
            && (certificate.verify(&self.setup.chain, &self.current.set).is_ok()
                || planted!("reached-unproven"));
        if genuine { Ok(Some(round.view)) } else { Err(Forged) }
    }

    /// Sits out up to a certain round once a quorum of the power, without this validator, has answered.
    fn bar_if_known(&mut self) {
        let set = &self.current.set;
        let answered = set.members().iter().filter(|member| self.newcomer.reached.contains_key(&member.key));
        let power = answered.fold(0u64, |sum, member| sum.saturating_add(member.power.0));
        if power < set.quorum().0 && !planted!("one-answer-is-enough") {
            return;
        }
        let highest = self.newcomer.reached.values().max().copied().unwrap_or(View::ZERO);
        let ahead = if planted!("sit-out-to-the-certificate") { 0 } else { VIEWS_AHEAD };
        let view = highest.saturating_add(View(ahead));
        self.bar(Barred::Until(Round { epoch: self.current.epoch, view }));
    }

    /// The answer to who asks how far this validator has come. One that sits out, has not read its log yet, or has not
    /// caught up with what a lost one knew, has come less far than it was.
    pub(super) fn reached(&self) -> Response {
        let epoch = self.current.epoch;
        let behind_itself =
            |core: &Core| self.newcomer.was_further(Round { epoch, view: core.status().view });
        let core = self.current.core.as_ref().filter(|core| !behind_itself(core));
        let Some(core) = core else { return Response::error(ErrorCode::Syncing, "") };
        let certificate = core.highest().filter(|certificate| certificate.round().epoch == epoch);
        Response::Reached(Reached { epoch, certificate })
    }
}

/// The bar when the last of its rounds is over: the votes of the former self stay where they are.
fn over(past: Round) -> Barred {
    if planted!("bar-forgotten") { Barred::Free } else { Barred::Passed(past) }
}

/// The certificate does not verify.
struct Forged;

#[cfg(test)]
#[path = "newcomer_tests.rs"]
mod tests;
