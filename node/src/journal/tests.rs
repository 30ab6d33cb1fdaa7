#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;
use crate::wal::SEGMENT_BYTES;
use std::collections::BTreeMap;
use wattle_host::dir::OsDir;
use wattle_primitives::domain::WAL_SEGMENT;
use wattle_primitives::{Epoch, Proposal, Round, SignedVote, View, VoteKind};
use wattle_test_disk::{Crash, Faults, SimDir};

const CHAIN: Hash = Hash([7; 32]);
const ME: ValidatorIndex = ValidatorIndex(0);
const CONFIG: WalConfig = WalConfig { chain: CHAIN, entropy: [1; 32], segment_bytes: SEGMENT_BYTES };
/// Name of the sign state's file.
const SIGN_STATE: &str = "sign-state";

fn key() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

const fn round(view: u64) -> Round {
    Round { epoch: Epoch(0), view: View(view) }
}

fn proposal(view: u64, block: u8) -> Proposal {
    Proposal { round: round(view), parent_view: View(0), block: Hash([block; 32]) }
}

fn notarize(view: u64, block: u8) -> Vote {
    Vote::Notarize(proposal(view, block))
}

fn finalize(view: u64, block: u8) -> Vote {
    Vote::Finalize(proposal(view, block))
}

fn nullify(view: u64) -> Vote {
    Vote::Nullify(round(view))
}

fn open(disks: &Disks, fresh: bool) -> Result<Voting<SimDir, SimDir>, JournalError> {
    let data = if fresh { DataDir::NewKey } else { DataDir::InUse };
    Journal::open(disks.wal.clone(), disks.sign.clone(), CHAIN, key(), data, CONFIG)
}

fn order(votes: &[Vote]) -> Order {
    let votes = votes.iter().map(|vote| (*vote, ME)).collect();
    Order { token: Token(0), height: Height(1), records: Vec::new(), votes, anew: false }
}

#[test]
fn a_pending_vote_is_logged_as_the_record_that_replay_reads() {
    let Voting { mut journal, .. } = open(&Disks::default(), true).unwrap();
    let pending = journal.signer.prepare(finalize(3, 1), ValidatorIndex(2)).unwrap();
    let bytes = vote_bytes(&pending);
    let signed = pending.release(&journal.signer.sync().unwrap()).unwrap();
    assert_eq!(bytes, encode(&WalRecord::Consensus(Record::Vote(signed))));
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
    let Ok(Voting { mut journal, .. }) = open(disks, true) else { return sent };
    for votes in life() {
        match journal.persist(order(&votes), Syncs::InTurn) {
            Ok(Done::Persisted { signed, .. }) => sent.extend(signed),
            _ => return sent,
        }
    }
    sent
}

/// Starts from these disks as a node does; `None` when it refuses to.
fn restart(disks: &Disks) -> Option<Signer<SimDir>> {
    open(disks, false).ok().map(|voting| voting.journal.signer)
}

/// Asks for a rival of every vote that was ever sent, and for what may not stand beside it.
fn check_no_second_signature(disks: &Disks, sent: &[SignedVote], what: &str) {
    if let Some(mut signer) = restart(disks) {
        signs_nothing_twice(&mut signer, sent, what);
    }
}

fn signs_nothing_twice<D: Dir>(signer: &mut Signer<D>, sent: &[SignedVote], what: &str) {
    let said: BTreeMap<(VoteKind, Round), Vote> =
        sent.iter().map(|s| ((s.vote.kind(), s.vote.round()), s.vote)).collect();
    for view in 1..=5 {
        for rival in [notarize(view, 9), finalize(view, 9), nullify(view)] {
            let forbidden = match rival.kind() {
                VoteKind::Notarize => vec![VoteKind::Notarize, VoteKind::Nullify],
                VoteKind::Finalize => vec![VoteKind::Finalize, VoteKind::Nullify],
                VoteKind::Nullify => vec![VoteKind::Finalize],
            };
            let clash = forbidden.iter().any(|kind| said.contains_key(&(*kind, round(view))));
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
    let sign = disks.sign.bytes(SIGN_STATE).unwrap();
    let name = disks.wal.list().unwrap().into_iter().find(|n| n.starts_with("wal-")).unwrap();
    let wal = disks.wal.bytes(&name).unwrap();
    let check = |name: &str, is_wal: bool, bytes: Vec<u8>, what: String| {
        let disks = Disks { wal: disks.wal.durable_copy(), sign: disks.sign.durable_copy() };
        if is_wal { &disks.wal } else { &disks.sign }.plant(name, bytes);
        check_no_second_signature(&disks, &sent, &what);
    };
    for (name, is_wal, bytes) in [(SIGN_STATE, false, sign), (name.as_str(), true, wal)] {
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
    let opened = match Signer::open(disks.sign.clone(), CHAIN, key(), DataDir::InUse) {
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

/// Goal: after the cure of a corrupt log the node starts, signs no rival of anything that it ever sent, and goes on.
#[test]
fn a_corrupt_log_is_put_aside_and_costs_no_second_signature() {
    let temp = tempfile::tempdir().unwrap();
    let (data, sign) = (temp.path().join("data"), temp.path().join("sign"));
    let dir = |path: &std::path::Path| OsDir::open(path).unwrap();
    let open = || Journal::open(dir(&data.join(WAL_DIR)), dir(&sign), CHAIN, key(), DataDir::InUse, CONFIG);
    let mut journal =
        Journal::open(dir(&data.join(WAL_DIR)), dir(&sign), CHAIN, key(), DataDir::NewKey, CONFIG)
            .unwrap()
            .journal;
    let mut sent = Vec::new();
    for votes in life() {
        let Done::Persisted { signed, .. } = journal.persist(order(&votes), Syncs::InTurn).unwrap() else {
            panic!()
        };
        sent.extend(signed);
    }
    drop(journal);
    let cured = || cure(&data, &sign, key(), CONFIG);
    assert!(matches!(cured(), Err(CureError::Whole)), "a good log stays");
    let state = std::fs::read(sign.join(SIGN_STATE)).unwrap();
    let segment =
        dir(&data.join(WAL_DIR)).list().unwrap().into_iter().find(|n| n.starts_with("wal-")).unwrap();
    let segment = data.join(WAL_DIR).join(segment);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[2 * crate::wal::PAGE_BYTES + 40] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    assert!(matches!(open(), Err(JournalError::Wal(WalError::MidLogCorruption { .. }))));
    for slot in [1, 2] {
        let mut damaged = state.clone();
        damaged[slot * crate::wal::PAGE_BYTES + 40] ^= 1;
        std::fs::write(sign.join(SIGN_STATE), damaged).unwrap();
        assert!(matches!(cured(), Err(CureError::Slot)) && segment.exists(), "slot {slot}");
    }
    std::fs::write(sign.join(SIGN_STATE), &state).unwrap();
    let aside = cured().unwrap();
    assert!(aside.ends_with("wal.corrupt-1") && aside.is_dir());
    assert_eq!(std::fs::read(sign.join(SIGN_STATE)).unwrap(), state, "the sign state is not touched");
    let Voting { mut journal, standing, .. } = open().unwrap();
    assert_eq!(standing, Standing::SitOut { past: round(4) });
    signs_nothing_twice(&mut journal.signer, &sent, "after the cure"); // up to round 5
    let done = journal.persist(order(&[notarize(6, 1)]), Syncs::InTurn).unwrap();
    assert!(matches!(done, Done::Persisted { signed, .. } if signed.len() == 1));
}

/// Goal: what another version wrote, in its layout or in its records, is told apart from damage and stays where it is.
#[test]
fn a_log_of_another_version_is_not_put_aside() {
    let dir = |path: &std::path::Path| OsDir::open(path).unwrap();
    for layout in [true, false] {
        let temp = tempfile::tempdir().unwrap();
        let (data, sign) = (temp.path().join("data"), temp.path().join("sign"));
        let wal = data.join(WAL_DIR);
        let mut journal =
            Journal::open(dir(&wal), dir(&sign), CHAIN, key(), DataDir::NewKey, CONFIG).unwrap().journal;
        journal.persist(order(&[notarize(1, 1)]), Syncs::InTurn).unwrap();
        if layout {
            drop(journal);
            let name = dir(&wal).list().unwrap().into_iter().find(|n| n.starts_with("wal-")).unwrap();
            let mut bytes = std::fs::read(wal.join(&name)).unwrap();
            bytes[40..44].copy_from_slice(&2u32.to_le_bytes()); // after sum and magic
            let sum = Hash::of(WAL_SEGMENT, &[&bytes[32..crate::wal::PAGE_BYTES]]);
            bytes[..32].copy_from_slice(sum.as_bytes());
            std::fs::write(wal.join(&name), bytes).unwrap();
        } else {
            journal.wal.append(Height(1), &[vec![u8::MAX; 8]]).unwrap();
            drop(journal);
        }
        let opened = Journal::open(dir(&wal), dir(&sign), CHAIN, key(), DataDir::InUse, CONFIG);
        let error = opened.map(drop).unwrap_err();
        let told = match &error {
            JournalError::Wal(WalError::Version { found }) => layout && *found == 2,
            error => !layout && matches!(error, JournalError::Decode(_)),
        };
        assert!(told, "{error:?}");
        let cured = cure(&data, &sign, key(), CONFIG);
        assert!(matches!(cured, Err(CureError::Version(_))), "{cured:?}");
        assert!(wal.exists());
    }
}

#[test]
fn both_syncs_may_run_together() {
    let temp = tempfile::tempdir().unwrap();
    let dir = |name: &str| OsDir::open(&temp.path().join(name)).unwrap();
    let Voting { mut journal, .. } =
        Journal::open(dir("wal"), dir("sign"), CHAIN, key(), DataDir::NewKey, CONFIG).unwrap();
    let votes = [notarize(1, 1), notarize(1, 2), finalize(1, 1)];
    let done = journal.persist(order(&votes), Syncs::Together).unwrap();
    let Done::Persisted { signed, refused, .. } = done else { panic!("{done:?}") };
    assert_eq!(refused, [notarize(1, 2)]);
    assert_eq!(signed.iter().map(|s| s.vote).collect::<Vec<_>>(), [notarize(1, 1), finalize(1, 1)]);
    assert_eq!(journal.wal.replay().next().unwrap().unwrap().records.len(), 2);
}
