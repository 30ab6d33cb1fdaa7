#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_host::dir::OsDir;
use wattle_primitives::{Epoch, Proposal, View};
use wattle_test_disk::{Crash, SimDir};

const CHAIN: Hash = Hash([7; 32]);
const ME: ValidatorIndex = ValidatorIndex(0);

fn key() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

fn round(epoch: u64, view: u64) -> Round {
    Round { epoch: Epoch(epoch), view: View(view) }
}

fn proposal(epoch: u64, view: u64, block: u8) -> Proposal {
    Proposal { round: round(epoch, view), parent_view: View(0), block: Hash([block; 32]) }
}

fn notarize(view: u64, block: u8) -> Vote {
    Vote::Notarize(proposal(0, view, block))
}

fn finalize(view: u64, block: u8) -> Vote {
    Vote::Finalize(proposal(0, view, block))
}

fn nullify(view: u64) -> Vote {
    Vote::Nullify(round(0, view))
}

fn open(dir: &SimDir, data: DataDir) -> Result<Unreconciled<SimDir>, SignerError> {
    Signer::open(dir.clone(), CHAIN, key(), data)
}

fn fresh(dir: &SimDir) -> Signer<SimDir> {
    open(dir, DataDir::NewKey).unwrap().reconcile([]).unwrap().0
}

#[test]
fn the_rule_table_holds() {
    use Refused::{Conflict, Finalized, Nullified, Stale};
    let r = |view| round(0, view);
    let (n, u, f) = (VoteKind::Notarize, VoteKind::Nullify, VoteKind::Finalize);
    let later = Vote::Notarize(proposal(1, 1, 1));
    type Row<'a> = (&'a [Vote], Vote, Result<(), Refused>, &'a str);
    let table: [Row<'_>; 15] = [
        (&[], notarize(1, 1), Ok(()), "first vote"),
        (&[notarize(1, 1)], notarize(1, 1), Ok(()), "same bytes"),
        (&[notarize(1, 1)], notarize(1, 2), Err(Conflict { kind: n, round: r(1) }), "rival block"),
        (&[notarize(2, 1)], notarize(1, 1), Err(Stale { kind: n, round: r(1), last: r(2) }), "older view"),
        (&[later], notarize(9, 1), Err(Stale { kind: n, round: r(9), last: round(1, 1) }), "older epoch"),
        (&[notarize(9, 1)], later, Ok(()), "a later epoch restarts views"),
        (&[notarize(1, 1)], nullify(1), Ok(()), "notarize and nullify of one view is legal"),
        (&[notarize(1, 1)], finalize(1, 1), Ok(()), "finalize what was notarized"),
        (&[nullify(2)], notarize(2, 1), Err(Nullified { round: r(2), last: r(2) }), "notarize after nullify"),
        (
            &[nullify(2)],
            finalize(1, 1),
            Err(Nullified { round: r(1), last: r(2) }),
            "finalize below a nullify",
        ),
        (&[nullify(2)], notarize(3, 1), Ok(()), "next view"),
        (&[finalize(2, 1)], nullify(2), Err(Finalized { round: r(2), last: r(2) }), "nullify after finalize"),
        (&[finalize(2, 1)], nullify(3), Ok(()), "next view"),
        (&[finalize(2, 1)], finalize(2, 2), Err(Conflict { kind: f, round: r(2) }), "two finalizes"),
        (&[nullify(3)], nullify(1), Err(Stale { kind: u, round: r(1), last: r(3) }), "older nullify"),
    ];
    for (before, vote, want, why) in table {
        let mut signer = fresh(&SimDir::new());
        for vote in before {
            signer.prepare(*vote, ME).unwrap();
        }
        assert_eq!(signer.prepare(vote, ME).map(|_| ()), want, "{why}");
    }
}

#[test]
fn no_vote_without_a_sync_and_no_write_for_the_same_bytes() {
    let dir = SimDir::new();
    let mut signer = fresh(&dir);
    let before = signer.sync().unwrap();
    let pending = signer.prepare(notarize(1, 1), ME).unwrap();
    assert!(pending.release(&before).is_none(), "the token is older than the vote");
    let pending = signer.prepare(notarize(1, 1), ME).unwrap();
    let counts = dir.counts().operations;
    let token = signer.sync().unwrap();
    assert_eq!(dir.counts().operations, counts + 2, "one write, one sync");
    let first = pending.release(&token).unwrap();
    key().public().verify(&first.vote.signing_bytes(&CHAIN), &first.signature).unwrap();
    let again = signer.prepare(notarize(1, 1), ME).unwrap();
    assert_eq!(again.release(&signer.sync().unwrap()).unwrap(), first);
    assert_eq!(dir.counts().operations, counts + 2, "no write for the same bytes");
    let other = SimDir::new();
    let other = Signer::open(other, CHAIN, SecretKey::from_seed([6; 32]), DataDir::NewKey).unwrap();
    let foreign = other.reconcile([]).unwrap().0.sync().unwrap();
    let pending = signer.prepare(nullify(1), ME).unwrap();
    assert!(pending.release(&foreign).is_none(), "another key's token");
}

#[test]
fn what_does_not_belong_here_is_refused() {
    let dir = SimDir::new();
    assert!(matches!(open(&dir, DataDir::InUse), Err(SignerError::Missing)));
    let signer = fresh(&dir);
    assert!(matches!(open(&dir, DataDir::InUse), Err(SignerError::Locked { .. })));
    drop(signer);
    let other = Signer::open(dir.clone(), CHAIN, SecretKey::from_seed([6; 32]), DataDir::InUse);
    assert!(matches!(other, Err(SignerError::WrongKey { .. })));
    let other = Signer::open(dir.clone(), Hash([8; 32]), key(), DataDir::InUse);
    assert!(matches!(other, Err(SignerError::WrongChain { .. })));
    open(&dir, DataDir::InUse).unwrap();
}

/// Goal: on a new disk nothing is signed, restarts or not, before it is known how far votes of the old one can reach,
/// and nothing up to there.
#[test]
fn a_new_disk_signs_nothing_that_the_old_one_may_have_signed() {
    let dir = SimDir::new();
    let all = |view| [notarize(view, 1), nullify(view), finalize(view, 1)];
    let again = |data| open(&dir, data).unwrap().reconcile([]).unwrap().0;
    let mut signer = again(DataDir::Empty);
    for vote in all(1_000) {
        assert_eq!(signer.prepare(vote, ME).unwrap_err(), Refused::Unasked { round: round(0, 1_000) });
    }
    drop(signer);
    dir.crash(Crash::DropUnsynced, 0);
    let mut signer = again(DataDir::InUse);
    assert!(signer.prepare(notarize(1_000, 1), ME).is_err(), "after a restart");
    signer.bar(Barred::Until(round(0, 7))).unwrap();
    drop(signer);
    dir.crash(Crash::DropUnsynced, 0);
    let mut signer = again(DataDir::InUse);
    for vote in all(7) {
        let refused = Refused::SittingOut { round: round(0, 7), past: round(0, 7) };
        assert_eq!(signer.prepare(vote, ME).unwrap_err(), refused);
    }
    signer.bar(Barred::Passed(round(0, 7))).unwrap();
    drop(signer);
    dir.crash(Crash::DropUnsynced, 0);
    // Past them, before anything was signed, and with no log at all.
    let mut signer = again(DataDir::InUse);
    for vote in all(7).into_iter().chain(all(1)) {
        let (round, past) = (vote.round(), round(0, 7));
        assert_eq!(signer.prepare(vote, ME).unwrap_err(), Refused::SittingOut { round, past });
    }
    signer.prepare(notarize(8, 1), ME).unwrap();
    signer.sync().unwrap();
    drop(signer);
    let mut signer = again(DataDir::InUse);
    assert!(signer.prepare(nullify(7), ME).is_err(), "nor when the log is lost later");
    drop(signer);
    // An operator may know better, or take the risk.
    assert_eq!(open(&dir, DataDir::InUse).unwrap().resume().unwrap(), Barred::Passed(round(0, 7)));
    again(DataDir::InUse).prepare(nullify(7), ME).unwrap();
    assert_eq!(open(&dir, DataDir::InUse).unwrap().resume().unwrap(), Barred::Free);
}

/// Goal: a build that knows no bar does not take a barred state for one that bars nothing.
#[test]
fn a_state_that_is_made_barred_has_a_version_of_its_own() {
    for (data, version) in [(DataDir::NewKey, 1), (DataDir::Empty, 2)] {
        let dir = SimDir::new();
        drop(open(&dir, data).unwrap());
        let bytes = dir.bytes(slots::FILE).unwrap();
        assert_eq!(bytes[40..44], u32::to_le_bytes(version), "{data:?}: after sum and magic");
        open(&dir, DataDir::InUse).unwrap();
    }
}

#[test]
fn a_sign_state_from_before_there_was_a_bar_bars_nothing() {
    let page = [0; 64]; // no votes, and zeros after them
    assert_eq!(borsh::BorshDeserialize::deserialize(&mut &page[..]).ok(), Some(SignState::default()));
    assert_eq!(SignState::default().barred(), Barred::Free);
}

#[test]
fn two_handles_on_a_real_disk_exclude_each_other() {
    let temp = tempfile::tempdir().unwrap();
    let open = || Signer::open(OsDir::open(temp.path()).unwrap(), CHAIN, key(), DataDir::NewKey);
    let first = open().unwrap();
    assert!(matches!(open(), Err(SignerError::Locked { .. })));
    drop(first);
    open().unwrap();
}

#[test]
fn reconciling_takes_over_sits_out_or_refuses() {
    let signed = |votes: &[Vote]| {
        let dir = SimDir::new();
        let mut signer = fresh(&dir);
        for vote in votes {
            signer.prepare(*vote, ME).unwrap();
        }
        signer.sync().unwrap();
        drop(signer);
        dir
    };
    let dir = signed(&[notarize(1, 1)]);
    let log = [notarize(2, 1), finalize(1, 1), notarize(1, 1)];
    let (mut signer, standing) = open(&dir, DataDir::InUse).unwrap().reconcile(log).unwrap();
    assert_eq!(standing, Standing::Level);
    assert!(signer.prepare(notarize(2, 9), ME).is_err(), "the log's vote counts");
    drop(signer);
    dir.crash(Crash::DropUnsynced, 0);
    assert_eq!(
        open(&dir, DataDir::InUse).unwrap().state().last(VoteKind::Notarize).unwrap().round,
        round(0, 2)
    );

    let dir = signed(&[notarize(5, 1)]);
    let (mut signer, standing) = open(&dir, DataDir::InUse).unwrap().reconcile([notarize(4, 1)]).unwrap();
    assert_eq!(standing, Standing::SitOut { past: round(0, 5) });
    assert_eq!(
        signer.prepare(finalize(4, 1), ME).unwrap_err(),
        Refused::SittingOut { round: round(0, 4), past: round(0, 5) }
    );
    signer.prepare(notarize(5, 1), ME).unwrap();
    signer.prepare(nullify(5), ME).unwrap();
    signer.prepare(notarize(6, 1), ME).unwrap();
    drop(signer);

    let conflict = open(&dir, DataDir::InUse).unwrap().reconcile([notarize(5, 2)]);
    assert!(matches!(conflict, Err(SignerError::Conflict { .. })));
    let conflict = open(&dir, DataDir::InUse).unwrap().reconcile([notarize(6, 1), notarize(6, 2)]);
    assert!(matches!(conflict, Err(SignerError::Conflict { .. })));
}

/// Goal: what was given up is given up again when the log is lost, and nothing else is signed below the last nullify.
#[test]
fn a_lost_log_lets_only_views_that_were_given_up_be_given_up_again() {
    let dir = SimDir::new();
    let mut signer = fresh(&dir);
    for vote in [notarize(1, 1), finalize(1, 1), nullify(2), notarize(3, 1), nullify(4)] {
        signer.prepare(vote, ME).unwrap();
    }
    signer.sync().unwrap();
    assert!(signer.prepare(nullify(3), ME).is_err(), "the log is whole: nothing is said again");
    drop(signer);
    let (mut signer, standing) = open(&dir, DataDir::InUse).unwrap().reconcile([]).unwrap();
    assert_eq!(standing, Standing::SitOut { past: round(0, 4) });
    let (state, operations) = (*signer.state(), dir.counts().operations);
    for view in 2..=4 {
        let token = signer.sync().unwrap();
        let pending = signer.prepare(nullify(view), ME).unwrap();
        assert_eq!(pending.release(&token).unwrap().vote, nullify(view));
    }
    assert!(signer.prepare(nullify(1), ME).is_err(), "it was voted to be final");
    for view in 2..=4 {
        assert!(signer.prepare(finalize(view, 1), ME).is_err(), "view {view}");
        assert!(signer.prepare(notarize(view, 9), ME).is_err(), "view {view}");
    }
    assert_eq!((*signer.state(), dir.counts().operations), (state, operations), "nothing is noted");
    signer.prepare(notarize(5, 1), ME).unwrap();
}

proptest! {
    #[test]
    fn no_order_of_requests_restarts_and_lost_logs_gives_two_votes_or_a_nullified_finalize(
        asked in proptest::collection::vec((0..3u8, 0..2u64, 1..5u64, 0..3u8, any::<bool>(), any::<bool>()), 1..60)
    ) {
        let dir = SimDir::new();
        let mut signer = fresh(&dir);
        let mut said: BTreeMap<(VoteKind, Round), Vote> = BTreeMap::new();
        for (kind, epoch, view, block, crash, lost) in asked {
            let vote = match kind {
                0 => Vote::Notarize(proposal(epoch, view, block)),
                1 => Vote::Nullify(round(epoch, view)),
                _ => Vote::Finalize(proposal(epoch, view, block)),
            };
            if let Ok(pending) = signer.prepare(vote, ME) {
                let sent = pending.release(&signer.sync().unwrap()).unwrap();
                let before = said.insert((vote.kind(), vote.round()), sent.vote);
                prop_assert!(before.is_none_or(|before| before == vote));
            }
            if crash {
                drop(signer);
                dir.crash(Crash::AnySectors, view);
                let log = said.values().copied().filter(|_| !lost);
                signer = open(&dir, DataDir::InUse).unwrap().reconcile(log).unwrap().0;
            }
        }
        for (kind, round) in said.keys() {
            let both = *kind == VoteKind::Finalize && said.contains_key(&(VoteKind::Nullify, *round));
            prop_assert!(!both, "nullify and finalize in {round}");
        }
    }
}
