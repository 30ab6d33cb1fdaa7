//! Votes that validators have signed, by their logs.

use std::collections::BTreeMap;
use std::path::Path;
use wattle_consensus::Record;
use wattle_host::dir::OsDir;
use wattle_node::journal::WalRecord;
use wattle_node::wal::{SEGMENT_BYTES, Wal, WalConfig};
use wattle_primitives::{Hash, Round, Vote, VoteKind};

/// Every vote found in logs so far. A log lets go of what the database covers, so it is read again and again.
#[derive(Default)]
pub(crate) struct Votes {
    seen: BTreeMap<(usize, Round, VoteKind), Vote>,
    dishonest: Vec<String>,
}

impl Votes {
    /// Reads a copy of the log of a validator that does not run, since opening one repairs it.
    pub(crate) fn read(&mut self, validator: usize, home: &Path, chain: Hash) {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(home.join("data/wal")).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
        }
        let dir = OsDir::open(copy.path()).unwrap();
        let config = WalConfig { chain, entropy: [0; 32], segment_bytes: SEGMENT_BYTES };
        let wal = Wal::open(dir, config).unwrap();
        for group in wal.replay() {
            for record in group.unwrap().decode::<WalRecord>().unwrap() {
                if let WalRecord::Consensus(Record::Vote(signed)) = record {
                    self.note(validator, signed.vote);
                }
            }
        }
    }

    fn note(&mut self, validator: usize, vote: Vote) {
        let before = *self.seen.entry((validator, vote.round(), vote.kind())).or_insert(vote);
        if before != vote {
            self.dishonest.push(format!("validator {validator}: {before:?}, then {vote:?}"));
        }
    }

    /// Asserts that nobody has signed two different votes of a kind in a view; the number of votes read.
    pub(crate) fn assert_honest(&self) -> usize {
        assert!(self.dishonest.is_empty(), "two votes in one view: {:#?}", self.dishonest);
        self.seen.len()
    }
}
