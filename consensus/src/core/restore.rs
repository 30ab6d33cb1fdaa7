//! Taking up what was logged before a crash.

use super::{Core, Phase};
use crate::block::Exec;
use crate::tally::Ballots;
use crate::{GivenUp, Record, To};
use wattle_primitives::{Hash, Proposal, SignedVote, View, VoteKind, planted};

impl Core {
    /// Takes up what was logged before a crash, in any order; records of other epochs are ignored, as is what lies at
    /// or below the floor. Once, before [`crate::Input::Start`].
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>) {
        let mut certified = Vec::new();
        let epoch = self.config.epoch;
        for record in records.into_iter().filter(|r| r.epoch() == epoch) {
            match record {
                Record::Vote(signed) => self.restore_vote(&signed),
                Record::Certificate(certificate) => {
                    if certificate.round().view > self.floor.view {
                        self.place(&certificate);
                    }
                }
                Record::Block(header) => {
                    if header.height > self.floor.height {
                        self.blocks.insert(header.hash(), header, Exec::Unknown, true);
                    }
                }
                Record::Certified { round, block } => certified.push((round.view, block)),
            }
        }
        for (view, block) in certified {
            self.restore_certified(view, &block);
        }
        self.out.clear(); // offences found again were handed out before
    }

    /// Takes up what the sign state knows and the log has lost. Before [`crate::Input::Start`].
    pub const fn gave_up(&mut self, given_up: Option<GivenUp>) {
        self.given_up = given_up;
    }

    /// Everything that [`Core::restore`] needs to find again: who keeps this needs nothing that was persisted before.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let blocks = self.blocks.durable().cloned().map(Record::Block);
        let kept = self.views.values().filter_map(|s| s.notarization.as_ref()).chain(&self.pending);
        let passed = self.nullified.newest(View::ZERO, View::MAX);
        let certified = self.views.values().filter(|s| s.certified).filter_map(|s| s.notarized());
        let verdicts = certified.map(|p| Record::Certified { round: p.round, block: p.block });
        let certificates = kept.chain(passed).cloned().map(Record::Certificate);
        blocks
            .chain(certificates)
            .chain(verdicts)
            .chain(self.own.values().copied().map(Record::Vote))
            .collect()
    }

    /// Own votes bind whatever the floor. The leader's own is its proposal.
    fn restore_vote(&mut self, signed: &SignedVote) {
        if !self.is_me(signed.signer) {
            return;
        }
        self.keep_own(signed);
        let view = signed.vote.round().view;
        let voted = match signed.vote.kind() {
            VoteKind::Notarize => &mut self.voted.notarize,
            VoteKind::Nullify => &mut self.voted.nullify,
            VoteKind::Finalize => &mut self.voted.finalize,
        };
        if !planted!("restart-forgets-votes") {
            *voted = view.max(*voted);
        }
        if view > self.floor.view {
            self.count(signed);
        }
    }

    fn restore_certified(&mut self, view: View, block: &Hash) {
        let notarized = self.views.get(&view).and_then(|s| s.notarized());
        if notarized.is_some_and(|p| p.block == *block) {
            self.uncertified.remove(&view);
            self.view_mut(view).certified = true;
        }
    }

    /// Input::Start. Enters the view that was reached, arms its timers afresh, and says again what was said.
    pub(super) fn start(&mut self) {
        self.phase = if self.floor.height >= self.config.terminal { Phase::Done } else { Phase::Running };
        if self.phase == Phase::Done {
            return;
        }
        let reached = self.reached();
        self.heard.fill((self.now, reached));
        self.hope = reached;
        self.enter(reached);
        // A crash may have come between a verdict and the vote that follows from it.
        let certified: Vec<Proposal> =
            self.views.values().filter(|s| s.certified).filter_map(|s| s.notarized()).collect();
        for proposal in certified {
            self.vote_finalize(&proposal);
        }
        self.assemble_own();
        self.resend(To::All);
    }

    /// A crash may also have come between a vote and the certificate that it completed: with one validator, each does.
    fn assemble_own(&mut self) {
        let Some(me) = self.config.me else { return };
        let vote_of = |ballots: &Ballots, kind| ballots.vote_of(kind, me).map(|signed| signed.vote);
        let own = self.views.values().flat_map(|s| VoteKind::ALL.map(|kind| vote_of(&s.ballots, kind)));
        for vote in own.flatten().collect::<Vec<_>>() {
            self.assemble(vote);
        }
    }

    /// The view that was current before the crash: certificates are durable before a view is entered.
    fn reached(&self) -> View {
        let notarized = self.views.iter().filter(|(_, state)| state.notarization.is_some());
        let entered = notarized.map(|(view, state)| if state.certified { view.next() } else { *view });
        let nullified = self.nullified.last().map(View::next);
        let voted = [self.voted.notarize, self.voted.nullify, self.voted.finalize];
        entered.chain(nullified).chain(voted).fold(self.finalized_view().next(), View::max)
    }
}
