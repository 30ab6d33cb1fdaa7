#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::testchain::{TestChain, key};
use crate::wal::SEGMENT_BYTES;
use wattle_primitives::{
    Accusation, Epoch, Evidence, Round, Signature, SignedVote, ValidatorIndex, View, Vote,
};
use wattle_runtime::store::MemoryStore;

/// Goal: data of a validator that has signed are told from a new disk, also before anything is final.
#[test]
fn a_log_that_was_written_is_data_in_use() {
    let temp = tempfile::tempdir().unwrap();
    let (data, wal) = (temp.path(), temp.path().join(WAL_DIR));
    let config = || WalConfig { chain: Hash([7; 32]), entropy: [1; 32], segment_bytes: SEGMENT_BYTES };
    assert_eq!(data_at(data, config()).unwrap(), DataDir::Empty);
    assert!(!wal.exists() && !data.join("db").exists(), "nothing is made");
    let open = || Wal::open(OsDir::open(&wal).unwrap(), config()).unwrap();
    drop(open());
    assert_eq!(data_at(data, config()).unwrap(), DataDir::Empty, "it was started and wrote nothing");
    open().append(Height(1), &[vec![1]]).unwrap();
    assert_eq!(data_at(data, config()).unwrap(), DataDir::InUse);
}

/// Goal: who has been proven to vote twice is still known to have after a restart.
#[test]
fn evidence_in_the_database_is_known_to_the_next_start() {
    let (store, genesis) = (MemoryStore::in_memory().unwrap(), TestChain::new().genesis);
    let boot = |store: &MemoryStore| {
        open_chain(store, &genesis).unwrap().boot(vec![], vec![], None, None, Barred::Free).accusations
    };
    assert_eq!(boot(&store), []);
    let vote = |view| Vote::Nullify(Round { epoch: Epoch(0), view: View(view) });
    let signed =
        |view| SignedVote { vote: vote(view), signer: ValidatorIndex(0), signature: Signature([1; 64]) };
    let evidence = Evidence { first: signed(1), second: signed(2) };
    let accusation = Accusation { validator: key(202).public(), evidence };
    store.accuse(&accusation, None).unwrap();
    assert_eq!(boot(&store), [accusation]);
}
