//! A recording in memory: what one validator did to its directory, and what it said, in one order.

use super::format;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use wattle_primitives::{Genesis, Hash, Height, SecretKey, SignedVote, Vote, decode};

/// One entry of a recording. Paths are relative to the recorded directory; the directory itself is "".
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A process begins: the handles of the one before are gone.
    Start,
    Open {
        handle: u64,
        path: String,
        create: bool,
        truncate: bool,
    },
    Write {
        handle: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Resize {
        handle: u64,
        len: usize,
    },
    SyncBegin {
        sync: u64,
    },
    SyncEnd {
        handle: u64,
        sync: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    Mkdir {
        path: String,
    },
    Said,
}

/// Something that the process has promised to somebody, and so must be durable.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// A client was told that this block is final.
    Final { height: Height, hash: Hash, state_root: Hash },
    /// A client was told that this transaction is final.
    Tx { id: Hash, height: Height, index: u32 },
    /// The vote was free to leave.
    Vote(Vote),
}

/// Everything that one validator did and said.
pub(super) struct Recording {
    /// Its directory before it first ran.
    pub(super) base: BTreeMap<String, Vec<u8>>,
    pub(super) ops: Vec<Op>,
    /// Claims with the number of operations before them, in order.
    pub(super) claims: Vec<(usize, Claim)>,
    pub(super) genesis: Genesis,
    pub(super) chain: Hash,
    seed: [u8; 32],
}

impl Recording {
    /// Takes in the bytes that the recorder wrote for the directory `root`, whose files were `base`.
    pub(super) fn new(
        bytes: &[u8],
        root: &Path,
        base: BTreeMap<String, Vec<u8>>,
        genesis: Genesis,
        chain: Hash,
        key: &SecretKey,
    ) -> Self {
        let mut reader = Reader { bytes, root: root.to_str().unwrap().to_owned(), process: 0 };
        let (mut ops, mut claims) = (Vec::new(), Vec::new());
        while let Some((kind, fields)) = reader.record() {
            if kind == format::SAID {
                let said = String::from_utf8_lossy(fields).into_owned();
                claims.extend(claims_in(&said).into_iter().map(|claim| (ops.len(), claim)));
            }
            ops.push(reader.op(kind, fields));
        }
        Self { base, ops, claims, genesis, chain, seed: *key.seed() }
    }

    pub(super) fn key(&self) -> SecretKey {
        SecretKey::from_seed(self.seed)
    }

    /// Number of syncs that returned.
    pub(super) fn syncs(&self) -> usize {
        self.ops.iter().filter(|op| matches!(op, Op::SyncEnd { .. })).count()
    }
}

/// Every file below a directory, by relative path.
pub(super) fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

struct Reader<'a> {
    bytes: &'a [u8],
    root: String,
    process: u64,
}

impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let (kind, rest) = self.bytes.split_first()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (fields, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        self.bytes = rest;
        Some((*kind, fields))
    }

    fn op(&mut self, kind: u8, fields: &[u8]) -> Op {
        let number = |at: usize| u64::from_le_bytes(fields[at..at + 8].try_into().unwrap());
        // Numbers begin anew in every process.
        let own = |n: u64| n | self.process << 40;
        match kind {
            format::START => {
                self.process += 1;
                Op::Start
            }
            format::OPEN => Op::Open {
                handle: own(number(0)),
                path: self.relative(&fields[9..]),
                create: fields[8] & format::CREATE != 0,
                truncate: fields[8] & format::TRUNCATE != 0,
            },
            format::WRITE => Op::Write {
                handle: own(number(0)),
                offset: usize::try_from(number(8)).unwrap(),
                bytes: fields[16..].to_vec(),
            },
            format::RESIZE => Op::Resize { handle: own(number(0)), len: usize::try_from(number(8)).unwrap() },
            format::SYNC_BEGIN => Op::SyncBegin { sync: own(number(8)) },
            format::SYNC_END => Op::SyncEnd { handle: own(number(0)), sync: own(number(8)) },
            format::RENAME => {
                let at = fields.iter().position(|b| *b == 0).unwrap();
                Op::Rename { from: self.relative(&fields[..at]), to: self.relative(&fields[at + 1..]) }
            }
            format::REMOVE => Op::Remove { path: self.relative(fields) },
            format::MKDIR => Op::Mkdir { path: self.relative(fields) },
            format::SAID => Op::Said,
            format::BEYOND => panic!("no recording can express this: {}", String::from_utf8_lossy(fields)),
            _ => panic!("a record of kind {kind}: recorder and test differ"),
        }
    }

    /// RocksDB writes `db//CURRENT`.
    fn relative(&self, path: &[u8]) -> String {
        let path = std::str::from_utf8(path).unwrap().strip_prefix(&self.root).unwrap();
        path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// The promise in an answer over HTTP or a line of the log.
fn claims_in(said: &str) -> Vec<Claim> {
    if let Some((_, body)) = said.split_once("\r\n\r\n") {
        return serde_json::from_str(body).ok().and_then(|answer| claim_of(&answer)).into_iter().collect();
    }
    let lines = said.lines().filter(|line| line.contains("wattle::votes"));
    lines.map(|line| Claim::Vote(vote_of(line))).collect()
}

fn claim_of(answer: &Value) -> Option<Claim> {
    let result = answer.get("result")?;
    let hash = |name: &str| result.get(name)?.as_str()?.parse::<Hash>().ok();
    let height = || Some(Height(result.get("height")?.as_str()?.parse().ok()?));
    if result.get("finalized")?.as_bool() != Some(true) {
        return None;
    }
    if let Some(state_root) = hash("stateRoot") {
        return Some(Claim::Final { height: height()?, hash: hash("hash")?, state_root });
    }
    let index = u32::try_from(result.get("index")?.as_u64()?).ok()?;
    Some(Claim::Tx { id: hash("id")?, height: height()?, index })
}

fn vote_of(line: &str) -> Vote {
    let hex = line.split("vote=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let bytes = crate::chain::from_hex(hex.unwrap_or_else(|| panic!("no vote: {line}")));
    decode::<SignedVote>(&bytes).unwrap().vote
}
