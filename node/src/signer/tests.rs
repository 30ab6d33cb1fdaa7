#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;
use crate::file::os::OsDir;
use crate::file::sim::{Crash, Faults, SimDir};
use crate::wal::record::{WalRecord, vote_bytes};
use crate::wal::{SEGMENT_BYTES, Wal, WalConfig};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_consensus::Record;
use wattle_primitives::{Epoch, Height, Proposal, View, encode};

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
    open(dir, DataDir::Empty).unwrap().reconcile([]).unwrap().0
}

fn open_wal(dir: &SimDir) -> Result<Wal<SimDir>, crate::wal::WalError> {
    Wal::open(dir.clone(), WalConfig { chain: CHAIN, entropy: [1; 32], segment_bytes: SEGMENT_BYTES })
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
    let other = Signer::open(other, CHAIN, SecretKey::from_seed([6; 32]), DataDir::Empty).unwrap();
    let foreign = other.reconcile([]).unwrap().0.sync().unwrap();
    let pending = signer.prepare(nullify(1), ME).unwrap();
    assert!(pending.release(&foreign).is_none(), "another key's token");
}

#[test]
fn a_pending_vote_is_logged_as_the_record_that_replay_reads() {
    let mut signer = fresh(&SimDir::new());
    let pending = signer.prepare(finalize(3, 1), ValidatorIndex(2)).unwrap();
    let bytes = vote_bytes(&pending);
    let signed = pending.release(&signer.sync().unwrap()).unwrap();
    assert_eq!(bytes, encode(&WalRecord::Consensus(Record::Vote(signed))));
}

#[test]
fn what_does_not_belong_here_is_refused() {
    let dir = SimDir::new();
    assert!(matches!(open(&dir, DataDir::InUse), Err(SignerError::Missing)));
    let signer = fresh(&dir);
    assert!(matches!(open(&dir, DataDir::InUse), Err(SignerError::Locked)));
    drop(signer);
    let other = Signer::open(dir.clone(), CHAIN, SecretKey::from_seed([6; 32]), DataDir::InUse);
    assert!(matches!(other, Err(SignerError::WrongKey { .. })));
    let other = Signer::open(dir.clone(), Hash([8; 32]), key(), DataDir::InUse);
    assert!(matches!(other, Err(SignerError::WrongChain { .. })));
    open(&dir, DataDir::InUse).unwrap();
}

#[test]
fn two_handles_on_a_real_disk_exclude_each_other() {
    let temp = tempfile::tempdir().unwrap();
    let open = || Signer::open(OsDir::open(temp.path()).unwrap(), CHAIN, key(), DataDir::Empty);
    let first = open().unwrap();
    assert!(matches!(open(), Err(SignerError::Locked)));
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

/// A validator's disks.
#[derive(Clone, Default)]
struct Disks {
    wal: SimDir,
    sign: SimDir,
}

/// The votes of a short life, one group each.
fn life() -> Vec<Vec<Vote>> {
    vec![
        vec![notarize(1, 1)],
        vec![finalize(1, 1), notarize(2, 1)],
        vec![nullify(2)],
        vec![notarize(3, 1)],
        vec![notarize(4, 1), finalize(3, 1)],
        vec![nullify(4)],
    ]
}

/// Lives it until something fails. Returns every vote that was handed out.
fn live(disks: &Disks) -> Vec<SignedVote> {
    let mut sent = Vec::new();
    let Ok(signer) = open(&disks.sign, DataDir::Empty) else { return sent };
    let (Ok(mut wal), Ok((mut signer, _))) = (open_wal(&disks.wal), signer.reconcile([])) else {
        return sent;
    };
    for votes in life() {
        let votes: Vec<_> = votes.into_iter().map(|vote| (vote, ME)).collect();
        match persist(&mut wal, &mut signer, Height(1), &[], &votes, Syncs::InTurn) {
            Ok(persisted) => sent.extend(persisted.signed),
            Err(_) => return sent,
        }
    }
    sent
}

/// Starts from these disks as a node does; `None` when it refuses to.
fn restart(disks: &Disks) -> Option<Signer<SimDir>> {
    let wal = open_wal(&disks.wal).ok()?;
    let mut own = Vec::new();
    for group in wal.replay() {
        let records: Vec<WalRecord> = group.ok()?.decode().ok()?;
        own.extend(records.iter().filter_map(WalRecord::own_vote).map(|signed| signed.vote));
    }
    open(&disks.sign, DataDir::InUse).ok()?.reconcile(own).ok().map(|(signer, _)| signer)
}

/// Asks for a rival of every vote that was ever sent, and for what may not stand beside it.
fn check_no_second_signature(disks: &Disks, sent: &[SignedVote], what: &str) {
    let Some(mut signer) = restart(disks) else { return };
    let said: BTreeMap<(VoteKind, Round), Vote> =
        sent.iter().map(|s| ((s.vote.kind(), s.vote.round()), s.vote)).collect();
    for view in 1..=5 {
        for rival in [notarize(view, 9), finalize(view, 9), nullify(view)] {
            let forbidden = match rival.kind() {
                VoteKind::Notarize => vec![VoteKind::Notarize, VoteKind::Nullify],
                VoteKind::Finalize => vec![VoteKind::Finalize, VoteKind::Nullify],
                VoteKind::Nullify => vec![VoteKind::Finalize],
            };
            let clash = forbidden.iter().any(|kind| said.contains_key(&(*kind, round(0, view))));
            let signed = signer.prepare(rival, ME).is_ok();
            assert!(!(clash && signed), "{what}: signed {rival:?} against {said:?}");
        }
    }
}

#[test]
fn damage_at_any_byte_of_either_file_never_gives_a_second_signature() {
    let disks = Disks::default();
    let sent = live(&disks);
    assert_eq!(sent.len(), 8);
    let sign = disks.sign.bytes(slots::FILE).unwrap();
    let name = disks.wal.list().unwrap().into_iter().find(|n| n.starts_with("wal-")).unwrap();
    let wal = disks.wal.bytes(&name).unwrap();
    let check = |name: &str, is_wal: bool, bytes: Vec<u8>, what: String| {
        let disks = Disks { wal: disks.wal.durable_copy(), sign: disks.sign.durable_copy() };
        if is_wal { &disks.wal } else { &disks.sign }.plant(name, bytes);
        check_no_second_signature(&disks, &sent, &what);
    };
    for (name, is_wal, bytes) in [(slots::FILE, false, sign), (name.as_str(), true, wal)] {
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            check(name, is_wal, flipped, format!("{name} flipped at {at}"));
            check(name, is_wal, bytes[..at].to_vec(), format!("{name} cut at {at}"));
        }
    }
}

const KINDS: [Crash; 3] = [Crash::DropUnsynced, Crash::TornPrefix, Crash::AnySectors];

fn crashed(fault_in_wal: bool, faults: Faults, kind: Crash, seed: u64) -> (Disks, Vec<SignedVote>) {
    let disks = Disks::default();
    if fault_in_wal { &disks.wal } else { &disks.sign }.set_faults(faults);
    let sent = live(&disks);
    disks.wal.crash(kind, seed);
    disks.sign.crash(kind, seed.wrapping_add(1));
    (disks, sent)
}

#[test]
fn after_a_power_cut_at_any_operation_every_vote_sent_is_known() {
    let disks = Disks::default();
    live(&disks);
    for (in_wal, operations) in
        [(true, disks.wal.counts().operations), (false, disks.sign.counts().operations)]
    {
        for at in 0..=operations {
            for (seed, kind) in (0..6).flat_map(|seed| KINDS.map(|kind| (seed, kind))) {
                let what = format!("power off at {at} (log: {in_wal}), {kind:?}, seed {seed}");
                let faults = Faults { power_off: Some(at), ..Faults::default() };
                let (disks, sent) = crashed(in_wal, faults, kind, seed);
                let first = sent.is_empty(); // then the sign state itself may not exist yet
                assert!(first || restart(&disks).is_some(), "{what}: does not start");
                check_no_second_signature(&disks, &sent, &what);
            }
        }
    }
}

/// Whether the sign state alone, without the log, remembers what was sent.
fn remembers(disks: &Disks, sent: &[SignedVote]) -> bool {
    let opened = match open(&disks.sign, DataDir::InUse) {
        Ok(opened) => opened,
        Err(error) => return sent.is_empty() && matches!(error, SignerError::Missing),
    };
    let covers = |vote: &Vote| opened.state().last(vote.kind()).is_some_and(|m| m.round >= vote.round());
    sent.iter().all(|signed| covers(&signed.vote))
}

#[test]
fn without_any_one_of_its_syncs_the_sign_state_forgets() {
    let disks = Disks::default();
    live(&disks);
    let counts = disks.sign.counts();
    for skip in 0..counts.syncs {
        let noticed = (0..=counts.operations).any(|at| {
            let faults = Faults { skip_sync: Some(skip), power_off: Some(at), ..Faults::default() };
            let (disks, sent) = crashed(false, faults, Crash::DropUnsynced, 0);
            !remembers(&disks, &sent)
        });
        assert!(noticed, "sync {skip} of {} is not needed", counts.syncs);
    }
}

#[test]
fn a_failed_sync_ends_signing() {
    for in_wal in [true, false] {
        for sync in 0..8 {
            let faults = Faults { fail_sync: Some(sync), ..Faults::default() };
            let (disks, sent) = crashed(in_wal, faults, Crash::DropUnsynced, 0);
            assert!(sent.len() < 8);
            check_no_second_signature(&disks, &sent, "failed sync");
        }
    }
}

#[test]
fn both_syncs_may_run_together() {
    let temp = tempfile::tempdir().unwrap();
    let dir = |name: &str| OsDir::open(&temp.path().join(name)).unwrap();
    let config = WalConfig { chain: CHAIN, entropy: [1; 32], segment_bytes: SEGMENT_BYTES };
    let mut wal = Wal::open(dir("wal"), config).unwrap();
    let mut signer =
        Signer::open(dir("sign"), CHAIN, key(), DataDir::Empty).unwrap().reconcile([]).unwrap().0;
    let votes = [(notarize(1, 1), ME), (notarize(1, 2), ME), (finalize(1, 1), ME)];
    let persisted = persist(&mut wal, &mut signer, Height(1), &[], &votes, Syncs::Together).unwrap();
    assert_eq!(persisted.refused, [notarize(1, 2)]);
    assert_eq!(persisted.signed.iter().map(|s| s.vote).collect::<Vec<_>>(), [notarize(1, 1), finalize(1, 1)]);
    assert_eq!(wal.replay().next().unwrap().unwrap().records.len(), 2);
}

proptest! {
    #[test]
    fn no_order_of_requests_and_restarts_gives_two_votes_or_a_nullified_finalize(
        asked in proptest::collection::vec((0..3u8, 0..2u64, 1..5u64, 0..3u8, any::<bool>()), 1..60)
    ) {
        let dir = SimDir::new();
        let mut signer = fresh(&dir);
        let mut said: BTreeMap<(VoteKind, Round), Vote> = BTreeMap::new();
        for (kind, epoch, view, block, crash) in asked {
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
                signer = open(&dir, DataDir::InUse).unwrap().reconcile(said.values().copied()).unwrap().0;
            }
        }
        for (kind, round) in said.keys() {
            let both = *kind == VoteKind::Finalize && said.contains_key(&(VoteKind::Nullify, *round));
            prop_assert!(!both, "nullify and finalize in {round}");
        }
    }
}
