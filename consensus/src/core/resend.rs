//! Rule 8: sending again what may have been lost, and answering who lags.
//!
//! Pauses between resends are their own: they never grow with the view timeouts, and are capped, so that a network
//! that heals after a long outage recovers at once; sizes are capped, so that recovery does not drown it.

use super::{Core, Phase};
use crate::config::{CERTIFICATES_MAX, RESEND_VOTES_MAX};
use crate::{Output, To};
use std::cmp::Reverse;
use wattle_primitives::{Certificate, SignedVote, ValidatorIndex, View, VoteKind};

/// By how much the pause between resends grows at most: 2^2 times the first.
const DOUBLINGS_MAX: u8 = 2;
/// Views whose certificates prove that the current view was entered rightly.
const ENTRY_VIEWS: usize = 2;

impl Core {
    /// Rule 8. While nothing moves, everything held above the last finalization goes out again.
    pub(super) fn resend_when_stalled(&mut self) {
        if self.config.me.is_none() || self.phase != Phase::Running || !self.is_stalled() {
            return;
        }
        if self.current.resend_at <= self.now {
            self.resend(To::All);
            let pause = self.retry_ms().saturating_mul(1 << self.current.resend_doublings);
            self.current.resend_doublings =
                self.current.resend_doublings.saturating_add(1).min(DOUBLINGS_MAX);
            self.current.resend_at = self.now.after(pause);
        }
        self.wake_at(self.current.resend_at);
    }

    /// Whether the network owes this validator something: a verdict on a vote in this view, or a finalization.
    fn is_stalled(&self) -> bool {
        let view = self.current.view;
        self.voted.nullify == view
            || self.voted.notarize == view
            || self.pending.is_some()
            || self.views.values().any(|s| s.notarization.is_some())
    }

    pub(super) fn resend(&mut self, to: To) {
        if self.config.validators.len() < 2 {
            return;
        }
        let (votes, certificates) = (self.held_votes(), self.best_certificates());
        if !votes.is_empty() || !certificates.is_empty() {
            self.out.push(Output::Resend { to, votes, certificates });
        }
    }

    /// Votes above the last finalization, newest view first. Where a quorum's certificate is held, single votes of its
    /// kind say nothing more: whoever lacks the certificate asks for it.
    fn held_votes(&self) -> Vec<SignedVote> {
        let mut votes = Vec::new();
        let finalized = self.finalized_view();
        for (view, state) in self.views.iter().rev().take_while(|(view, _)| **view > finalized) {
            if votes.len() >= RESEND_VOTES_MAX {
                break;
            }
            debug_assert!(*view > self.floor.view);
            if state.notarization.is_none() {
                votes.extend(state.ballots.votes(VoteKind::Notarize));
            }
            if !self.nullified.contains(*view) {
                votes.extend(state.ballots.votes(VoteKind::Nullify));
            }
            votes.extend(state.ballots.votes(VoteKind::Finalize));
        }
        votes.truncate(RESEND_VOTES_MAX);
        votes
    }

    /// The last finalization, and what proves the current view.
    pub(super) fn best_certificates(&self) -> Vec<Certificate> {
        let last = self.pending.as_ref().or(self.floor.certificate.as_ref()).cloned();
        let mut certificates: Vec<Certificate> = last.into_iter().collect();
        let top = self.newest(self.finalized_view().next(), View::MAX, 2 * ENTRY_VIEWS);
        let views = top.chunk_by(|a, b| a.round().view == b.round().view);
        certificates.extend(views.take(ENTRY_VIEWS).flatten().copied().cloned());
        certificates
    }

    /// Notarizations and nullifications of views `from..=to`, highest view first, at most `most`.
    fn newest(&self, from: View, to: View, most: usize) -> Vec<&Certificate> {
        if from > to {
            return Vec::new();
        }
        let notarized = self.views.range(from..=to).rev().filter_map(|(_, s)| s.notarization.as_ref());
        let mut found: Vec<_> =
            notarized.take(most).chain(self.nullified.newest(from, to).take(most)).collect();
        found.sort_by_key(|certificate| Reverse(certificate.round().view));
        found.truncate(most);
        found
    }

    /// The certificates held for views `from..=to`, at most [`CERTIFICATES_MAX`]; the last finalization comes first if
    /// it settles any of them.
    #[must_use]
    pub fn certificates(&self, from: View, to: View) -> Vec<Certificate> {
        let mut found = Vec::new();
        if from > to {
            return found;
        }
        if from <= self.floor.view {
            found.extend(self.floor.certificate.clone());
        }
        found.extend(self.pending.clone());
        found.extend(self.newest(from, to, CERTIFICATES_MAX).into_iter().cloned());
        found.truncate(CERTIFICATES_MAX);
        found
    }

    /// The certificate held of the highest view: what shows that this validator may have reached the next.
    #[must_use]
    pub fn highest(&self) -> Option<Certificate> {
        self.best_certificates().into_iter().max_by_key(|certificate| certificate.round().view)
    }

    /// Input::Reconnected.
    pub(super) fn on_reconnected(&mut self, peer: ValidatorIndex) {
        if !self.is_me(peer) && self.may_answer(peer) {
            self.resend(To::One(peer));
        }
    }

    /// Rule 8. A vote for an old view is answered with the best certificates.
    pub(super) fn answer_stale(&mut self, signer: ValidatorIndex) {
        if !self.is_me(signer) && self.config.me.is_some() && self.may_answer(signer) {
            let to = To::One(signer);
            let best = self.best_certificates();
            self.out.extend(best.into_iter().map(|certificate| Output::Send { to, certificate }));
        }
    }

    /// One answer per validator and retry pause.
    fn may_answer(&mut self, peer: ValidatorIndex) -> bool {
        let pause = self.retry_ms();
        let Some(last) = self.answered.get_mut(usize::from(peer.0)) else { return false };
        let may = last.is_none_or(|at| self.now.since(at) >= pause);
        if may {
            *last = Some(self.now);
        }
        may
    }
}
