#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::execute::tests::{World, address, key, params, transfer, wallet};
use crate::execute::{execute_block, genesis};
use std::borrow::Cow;
use wattle_primitives::block::{PATH_HEADERS_MAX, PROTOCOL_VERSION};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::vote::{Proposal, Round};
use wattle_primitives::{
    Amount, Call, Epoch, Event, Evidence, Outcome, Reason, SignedVote, TimeMs, ValidatorIndex, View, Vote,
    call,
};

/// Commits for heights 0 to `last`: person 1 pays person 2 and, with much too much, person 3. Every third height,
/// and the last, is certified.
fn chain(last: u64) -> Vec<Commit<'static>> {
    let mut world = World::new(params());
    let (state, header) = genesis(&crate::execute::tests::spec(params())).unwrap();
    let mut commits = vec![Commit::genesis(header.clone(), &state)];
    let mut parent = header;
    for height in 1..=last {
        let first = world.sign(world.body(1, vec![transfer(2, u128::from(height))]), &[1]);
        let second = world.sign(world.body(2, vec![transfer(3, u128::MAX)]), &[2]);
        let txs = [first, second];
        let done = execute_block(&world.state, &world.env, &txs).unwrap();
        let header = Header {
            version: PROTOCOL_VERSION,
            chain: world.env.chain,
            epoch: Epoch(0),
            view: View(height),
            height: Height(height),
            parent: parent.hash(),
            time_ms: world.env.time_ms,
            proposer: key(200).public(),
            txs_root: done.txs_root,
            state_root: done.state_root,
            receipts_root: done.receipts_root,
            ..parent.clone()
        };
        let round = Round { epoch: Epoch(0), view: View(height) };
        let vote = Vote::Finalize(Proposal { round, parent_view: View(height - 1), block: header.hash() });
        let certificate = Certificate { vote, signers: Default::default(), signatures: Default::default() };
        commits.push(Commit {
            block: Cow::Owned(Block {
                header: header.clone(),
                txs: txs.iter().map(|tx| tx.tx().clone()).collect(),
            }),
            certificate: (height % 3 == 0 || height == last).then_some(Cow::Owned(certificate)),
            receipts: Cow::Owned(done.receipts),
            writes: Cow::Owned(done.writes),
        });
        world.state = done.state;
        world.env.time_ms = TimeMs(world.env.time_ms.0 + 1000);
        world.env.height = world.env.height.next();
        parent = header;
    }
    commits
}

fn tells_what_was_written(store: &dyn Store, commits: &[Commit<'_>]) {
    let last = commits.last().unwrap();
    assert_eq!(store.tip().unwrap().unwrap().header, last.block.header);
    for commit in commits {
        let (height, header) = (commit.height(), &commit.block.header);
        assert_eq!(store.block(BlockId::Height(height)).unwrap().as_ref(), Some(commit.block.as_ref()));
        assert_eq!(store.header(BlockId::Hash(header.hash())).unwrap().as_ref(), Some(header));
        assert_eq!(store.receipts(height).unwrap().as_ref(), Some(commit.receipts.as_ref()));
        assert_eq!(store.certificate(height).unwrap().as_ref(), commit.certificate.as_deref());
        for (index, receipt) in (0u32..).zip(&commit.receipts.txs) {
            assert_eq!(store.tx(&receipt.tx).unwrap(), Some(TxLocation { height, index }));
        }
        let proven = store.proof(height).unwrap().unwrap();
        let certified = proven.path.last().unwrap();
        assert_eq!(proven.path[0], *header);
        assert!(proven.path.windows(2).all(|pair| pair[1].parent == pair[0].hash()));
        assert_eq!(proven.certificate.as_ref(), commits[certified.height.0 as usize].certificate.as_deref());
        assert!(proven.certificate.is_some() || height == Height(0));
    }
    let beyond = last.height().next();
    assert_eq!(store.block(BlockId::Height(beyond)).unwrap(), None);
    assert_eq!(store.proof(beyond).unwrap(), None);
    assert_eq!(store.tx(&Hash::ZERO).unwrap(), None);
    let (tip, state) = load(store).unwrap().unwrap();
    assert_eq!((state.root(), tip.hash), (last.block.header.state_root, last.block.hash()));
}

fn pages_through_history_and_events(store: &dyn Store, commits: &[Commit<'_>]) {
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.history(&address(2), before, 3).unwrap();
        seen.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    // Person 2 receives the first and sends the second of each height.
    let want: Vec<_> = (1..commits.len() as u64).rev().flat_map(|h| [(h, 1), (h, 0)]).collect();
    assert_eq!(seen.iter().map(|i| (i.at.height.0, i.at.index)).collect::<Vec<_>>(), want);
    assert!(matches!(seen[0].outcome, Outcome::Failed { .. }));
    assert_eq!(seen[0].kind, ("token".to_owned(), "transfer".to_owned()));
    assert_eq!(store.history(&address(3), None, 3).unwrap(), HistoryPage::default());
    let (mut events, mut next) = (Vec::new(), (Height(0), 0));
    loop {
        let page = store.events(next.0, next.1, 2).unwrap();
        events.extend(page.items.clone());
        if page.next == next {
            break;
        }
        next = page.next;
    }
    assert_eq!(next, (commits.last().unwrap().height().next(), 0));
    assert_eq!(events.len(), commits.len() - 1);
    let posted =
        matches!(&events[0].event, Event::Ledger(LedgerEvent::Posted { debit, .. }) if *debit == wallet(1));
    assert!(posted && events[0].tx == Some(commits[1].receipts.txs[0].tx));
}

fn refuses_what_does_not_follow(store: &dyn Store, commits: &[Commit<'_>]) {
    let again = store.commit(&commits[1..2]);
    assert!(matches!(again, Err(StoreError::Order { got: Height(1), .. })), "{again:?}");
    let tip = store.tip().unwrap().unwrap().header;
    let mut foreign = commits[1].clone();
    let header = &mut foreign.block.to_mut().header;
    (header.height, header.parent) = (tip.height.next(), Hash::ZERO);
    assert!(matches!(store.commit(&[foreign]), Err(StoreError::Order { .. })));
}

/// Evidence against person 200 in these epochs, as it is kept.
fn accusation(epoch: u64, view: u64) -> Accusation {
    let round = Round { epoch: Epoch(epoch), view: View(view) };
    let vote = |block| SignedVote {
        vote: Vote::Notarize(Proposal { round, parent_view: View(0), block: Hash([block; 32]) }),
        signer: ValidatorIndex(0),
        signature: key(200).sign(b"not looked at"),
    };
    Accusation { validator: key(200).public(), evidence: Evidence::of(&vote(1), &vote(2)).unwrap() }
}

fn keeps_evidence(store: &dyn Store) {
    assert_eq!(store.accusations().unwrap(), []);
    for epoch in [256, 1, 2] {
        store.accuse(&accusation(epoch, 1), None).unwrap();
    }
    store.accuse(&accusation(2, 7), Some(&accusation(1, 1).id())).unwrap();
    has_evidence(store);
}

fn has_evidence(store: &dyn Store) {
    assert_eq!(store.accusations().unwrap(), [accusation(2, 7), accusation(256, 1)]);
}

fn exercise(store: &dyn Store) {
    assert!(store.tip().unwrap().is_none());
    assert!(load(store).unwrap().is_none());
    let commits = chain(8);
    store.commit(&commits[..1]).unwrap();
    store.commit(&commits[1..4]).unwrap();
    store.commit(&commits[4..]).unwrap();
    tells_what_was_written(store, &commits);
    pages_through_history_and_events(store, &commits);
    refuses_what_does_not_follow(store, &commits);
    keeps_evidence(store);
}

/// Of an account's entries with dates of their own, at the heights asked for, those dated before the time are added up;
/// each costs a look.
#[test]
fn what_is_dated_before_a_time_is_added_up() {
    let mut commits = chain(3);
    let (debit, credit, asset) = (wallet(1), wallet(2), AssetId::NATIVE);
    for commit in &mut commits[1..] {
        let receipts = commit.receipts.to_mut();
        for date in [10, 20] {
            let journal = Some(u32::try_from(receipts.block.len()).unwrap());
            let head = LedgerEvent::JournalPosted {
                account: address(1),
                reference: None,
                memo: None,
                effective_ms: Some(TimeMs(date)),
                reverses: None,
            };
            let amount = Amount(u128::from(date));
            let posted = LedgerEvent::Posted { debit, credit, asset, amount, journal };
            receipts.block.extend([Event::Ledger(head), Event::Ledger(posted)]);
        }
    }
    let store = MemoryStore::in_memory().unwrap();
    store.commit(&commits).unwrap();
    let sums = |account, heights, before, mut looks| {
        let found = store.dated(&account, asset, heights, TimeMs(before), &mut looks).unwrap();
        (found.map(|sums| (sums.debits_posted, sums.credits_posted)), looks)
    };
    let (all, two) = (Height(0)..=Height(9), Height(1)..=Height(2));
    assert_eq!(sums(debit, all.clone(), 21, 9), (Some((90, 0)), 3));
    assert_eq!(sums(debit, two.clone(), 21, 4), (Some((60, 0)), 0));
    assert_eq!(sums(credit, two.clone(), 20, 9), (Some((0, 20)), 5));
    assert_eq!(sums(debit, two, 10, 9), (Some((0, 0)), 5));
    assert_eq!(sums(debit, all.clone(), 21, 5), (None, 0));
    assert_eq!(sums(wallet(3), all, 21, 0), (Some((0, 0)), 0));
}

/// An asset that is minted twice, once more in vain, and burned, in a store.
const COUNTED: AssetId = AssetId(7);

fn counts_supply(store: &dyn Store) {
    let (world, mut commits) = (World::new(params()), chain(4));
    let mint = |amount| {
        let (asset, to) = (COUNTED, address(1));
        Call::from(call::token::Mint { asset, to, amount: Amount(amount) })
    };
    let burn = Call::from(call::token::Burn { asset: COUNTED, amount: Amount(4) });
    let failed = Outcome::Failed { call: 0, reason: Reason::NotAllowed };
    for (height, calls, outcome) in [
        (1, vec![mint(5), mint(7)], Outcome::Success),
        (2, vec![mint(100)], failed),
        (3, vec![mint(1), burn], Outcome::Success),
    ] {
        let commit: &mut Commit<'_> = &mut commits[height];
        commit.block.to_mut().txs = vec![world.sign(world.body(1, calls), &[1]).tx().clone()];
        let receipts = commit.receipts.to_mut();
        receipts.txs.truncate(1);
        receipts.txs[0].outcome = outcome;
    }
    store.commit(&commits[..1]).unwrap();
    store.commit(&commits[1..]).unwrap();
    has_supply(store);
}

fn has_supply(store: &dyn Store) {
    let of = |asset, height| store.supply(asset, Height(height)).unwrap().map(|amount| amount.0);
    let found = [0, 1, 2, 3, 4, 9].map(|height| of(COUNTED, height));
    assert_eq!(found, [[0, 0], [12, 0], [12, 0], [13, 4], [13, 4], [13, 4]]);
    assert_eq!([6, 8].map(|other| of(AssetId(other), 9)), [[0, 0]; 2]);
}

#[test]
fn what_was_minted_and_burned_is_counted_from_the_receipts() {
    counts_supply(&MemoryStore::in_memory().unwrap());
}

#[test]
fn memory_keeps_a_chain() {
    exercise(&MemoryStore::in_memory().unwrap());
}

#[test]
fn a_height_is_proven_only_by_a_path_that_others_take() {
    let store = MemoryStore::in_memory().unwrap();
    let last = PATH_HEADERS_MAX + 2;
    let mut commits = chain(last as u64);
    commits[..last].iter_mut().for_each(|commit| commit.certificate = None);
    store.commit(&commits).unwrap();
    let headers = |height| store.proof(Height(height)).unwrap().map(|proven| proven.path.len());
    assert_eq!((headers(1), headers(2)), (None, Some(PATH_HEADERS_MAX + 1)));
}

#[test]
fn a_state_that_is_not_the_tips_is_not_run_on() {
    let store = MemoryStore::in_memory().unwrap();
    let mut commits = chain(2);
    commits[2].writes.to_mut().pop();
    store.commit(&commits).unwrap();
    assert!(matches!(load(&store), Err(StoreError::StateRootMismatch { height: Height(2), .. })));
}

#[cfg(feature = "rocks")]
mod on_disk {
    use super::*;
    use std::path::{Path, PathBuf};

    #[test]
    fn disk_keeps_a_chain_and_has_it_when_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        exercise(&RocksStore::open(dir.path()).unwrap());
        let store = RocksStore::open(dir.path()).unwrap();
        let commits = chain(8);
        tells_what_was_written(&store, &commits);
        pages_through_history_and_events(&store, &commits);
        refuses_what_does_not_follow(&store, &commits);
        has_evidence(&store);
        assert!(RocksStore::open(dir.path()).is_err(), "one process at a time");
    }

    #[test]
    fn disk_keeps_what_was_minted_and_burned() {
        let dir = tempfile::tempdir().unwrap();
        counts_supply(&RocksStore::open(dir.path()).unwrap());
        has_supply(&RocksStore::open(dir.path()).unwrap());
    }

    /// Files that a process that dies now leaves behind: a copy of them while the store is open.
    fn killed(dir: &Path) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(dir).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "LOCK" {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        copy
    }

    fn log_of(dir: &Path) -> PathBuf {
        let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        let mut logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
        logs.sort();
        logs.pop().unwrap()
    }

    #[test]
    fn nothing_acknowledged_is_lost_and_a_torn_tail_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksStore::open(dir.path()).unwrap();
        let commits = chain(6);
        let mut lengths = Vec::new();
        for commit in &commits {
            store.commit(std::slice::from_ref(commit)).unwrap();
            lengths.push(std::fs::metadata(log_of(dir.path())).unwrap().len());
            let copy = killed(dir.path());
            let (tip, _) = load(&RocksStore::open(copy.path()).unwrap()).unwrap().unwrap();
            assert_eq!(tip.hash, commit.block.hash());
        }
        // A power cut in the middle of writing the last commit: it was not acknowledged, everything before was.
        let (whole, before) = (lengths[6], lengths[5]);
        for cut in [whole - 1, (whole + before) / 2, before + 9, before + 1, before] {
            let copy = killed(dir.path());
            std::fs::File::options().write(true).open(log_of(copy.path())).unwrap().set_len(cut).unwrap();
            let store = RocksStore::open(copy.path()).unwrap();
            let (tip, _) = load(&store).unwrap().unwrap();
            assert_eq!(tip.hash, commits[5].block.hash(), "cut at {cut} of {whole}");
            store.commit(&commits[6..]).unwrap();
        }
    }

    /// A power cut may keep any sectors of what was not yet synced: an unfinished record is longer than it is good.
    #[test]
    fn a_last_record_with_lost_sectors_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksStore::open(dir.path()).unwrap();
        let commits = chain(6);
        let mut lengths = Vec::new();
        for commit in &commits {
            store.commit(std::slice::from_ref(commit)).unwrap();
            lengths.push(usize::try_from(std::fs::metadata(log_of(dir.path())).unwrap().len()).unwrap());
        }
        let (before, whole) = (lengths[5], lengths[6]);
        for at in (before..whole - 64).step_by(200) {
            let copy = killed(dir.path());
            let log = log_of(copy.path());
            let mut bytes = std::fs::read(&log).unwrap();
            bytes[at..at + 64].fill(0);
            std::fs::write(&log, bytes).unwrap();
            let store = RocksStore::open(copy.path()).unwrap();
            let (tip, _) = load(&store).unwrap().unwrap();
            assert_eq!(tip.hash, commits[5].block.hash(), "{at}");
            assert!(store.torn().len() == 1 || at == before, "{at}: {:?}", store.torn());
            store.commit(&commits[6..]).unwrap();
        }
    }

    /// RocksDB would wait for ever on such a manifest, and take the rest of such a log for that of an older one.
    #[test]
    fn a_type_that_one_bit_makes_a_recycled_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksStore::open(dir.path()).unwrap();
        for commit in &chain(3) {
            store.commit(std::slice::from_ref(commit)).unwrap();
        }
        let copy = killed(dir.path());
        let manifest = std::fs::read_to_string(copy.path().join("CURRENT")).unwrap();
        for path in [copy.path().join(manifest.trim_end()), log_of(copy.path())] {
            let good = std::fs::read(&path).unwrap();
            let mut bytes = good.clone();
            let second = 7 + usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
            bytes[second + 6] ^= 4;
            std::fs::write(&path, bytes).unwrap();
            let opened = RocksStore::open(copy.path());
            assert!(
                matches!(opened, Err(StoreError::Corrupt { what: "database", .. })),
                "{}",
                path.display()
            );
            std::fs::write(&path, good).unwrap();
        }
        assert_eq!(RocksStore::open(copy.path()).unwrap().tip().unwrap().unwrap().header.height, Height(3));
    }

    #[test]
    fn damage_in_the_middle_of_the_log_is_not_taken_for_a_torn_tail() {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksStore::open(dir.path()).unwrap();
        let commits = chain(6);
        let mut lengths = Vec::new();
        for commit in &commits {
            store.commit(std::slice::from_ref(commit)).unwrap();
            lengths.push(std::fs::metadata(log_of(dir.path())).unwrap().len());
        }
        let copy = killed(dir.path());
        let log = log_of(copy.path());
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[((lengths[2] + lengths[3]) / 2) as usize] ^= 1;
        std::fs::write(&log, bytes).unwrap();
        let opened = RocksStore::open(copy.path());
        assert!(matches!(opened, Err(StoreError::Io { .. })), "height 3 was acknowledged and is damaged");
    }
}
