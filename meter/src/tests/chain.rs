//! A chain in memory for tests: real signatures, certificates and proofs, and peers that can be told to lie.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::clock::TimeSource;
use crate::peers::Peers;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use wattle_chain_spec::Checkpoint;
use wattle_p2p::wire::{
    AccountAnswer, EpochProof, ErrorCode, LightBlock, ProofAnswer, ProvenValue, Request, Response,
};
use wattle_p2p::{PeerId, RequestError};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::state_key::{self, AccountRecord, BalanceRecord, LastReading, MeterRecord};
use wattle_primitives::trie::{Leaf, Step, TrieProof, branch_hash, key_hash, leaf_hash, value_hash};
use wattle_primitives::{
    Address, AssetId, BoundedBytes, BoundedVec, Call, Certificate, Epoch, Hash, Header, Height, Lane, Nonce,
    Proposal, PublicKey, Round, SecretKey, SignedVote, TimeMs, Tx, Validator, ValidatorSet, View, Vote,
    VotingPower, call,
};

/// Seeds of the set that a chain begins with.
pub(crate) const SEEDS: [u8; 4] = [1, 2, 3, 4];
pub(crate) const TRUST_MS: u64 = 3_600_000;
const SPACING_MS: u64 = 10;

pub(crate) type State = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone)]
pub(crate) struct TestChain {
    pub(crate) headers: Vec<Header>,
    certificates: Vec<Option<Certificate>>,
    /// Seeds of the set in charge of each header.
    signers: Vec<Vec<u8>>,
    states: Vec<State>,
    pub(crate) state: State,
    chain: Hash,
    start_ms: u64,
    pub(crate) trust_ms: u64,
}

pub(crate) fn set(seeds: &[u8]) -> ValidatorSet {
    let member = |s: &u8| Validator { key: SecretKey::from_seed([*s; 32]).public(), power: VotingPower(1) };
    ValidatorSet::new(seeds.iter().map(member).collect()).unwrap()
}

pub(crate) fn finalize(chain: &Hash, header: &Header, set_seeds: &[u8], signing: &[u8]) -> Certificate {
    let set = set(set_seeds);
    let round = Round { epoch: header.epoch, view: header.view };
    let vote = Vote::Finalize(Proposal { round, parent_view: View(0), block: header.hash() });
    let votes = signing.iter().map(|seed| {
        let key = SecretKey::from_seed([*seed; 32]);
        let signer = set.index_of(&key.public()).unwrap();
        SignedVote { vote, signer, signature: key.sign(&vote.signing_bytes(chain)) }
    });
    let mut votes: Vec<_> = votes.collect();
    votes.sort_by_key(|v| v.signer);
    let mut bitmap = vec![0u8; set.len().div_ceil(8)];
    votes.iter().for_each(|v| bitmap[usize::from(v.signer.0 >> 3)] |= 1 << (v.signer.0 & 7));
    Certificate {
        vote,
        signers: BoundedBytes::new(bitmap).unwrap(),
        signatures: BoundedVec::new(votes.iter().map(|v| v.signature).collect()).unwrap(),
    }
}

/// Root of a trie, and the proof for a key that may be absent.
fn prove(state: &State, key: &[u8]) -> (Hash, TrieProof) {
    let leaf = |(k, v): (&Vec<u8>, &Vec<u8>)| Leaf { key_hash: key_hash(k), value_hash: value_hash(v) };
    let mut leaves: Vec<Leaf> = state.iter().map(leaf).collect();
    leaves.sort_by_key(|leaf| leaf.key_hash);
    let wanted = key_hash(key);
    let mut path = Vec::new();
    let (root, found) = match leaves.as_slice() {
        [] => (Hash::ZERO, None),
        leaves => {
            let (root, found) = prove_below(leaves, &wanted, &mut path);
            (root, Some(found))
        }
    };
    path.reverse(); // from the root down
    (root, TrieProof { path: BoundedVec::new(path).unwrap(), leaf: found })
}

/// The root of sorted leaves, and the leaf that the key's bits lead to.
fn prove_below(leaves: &[Leaf], wanted: &Hash, path: &mut Vec<Step>) -> (Hash, Leaf) {
    if let [only] = leaves {
        return (leaf_hash(&only.key_hash, &only.value_hash), only.clone());
    }
    let (first, last) = (&leaves[0].key_hash, &leaves[leaves.len() - 1].key_hash);
    let bit = (0..=255u8).find(|bit| first.bit(*bit) != last.bit(*bit)).unwrap();
    let split = leaves.partition_point(|leaf| !leaf.key_hash.bit(bit));
    let (left, right) = leaves.split_at(split);
    let (own, other) = if wanted.bit(bit) { (right, left) } else { (left, right) };
    let (own_root, found) = prove_below(own, wanted, path);
    let sibling = prove_below(other, wanted, &mut Vec::new()).0;
    path.push(Step { bit, sibling });
    let (l, r) = if wanted.bit(bit) { (sibling, own_root) } else { (own_root, sibling) };
    (branch_hash(bit, &l, &r), found)
}

impl TestChain {
    /// A chain with one block after genesis.
    pub(crate) fn started(state: State) -> Self {
        let mut chain = Self::new(&SEEDS, state);
        chain.push(Epoch(0), &SEEDS, &SEEDS, true);
        chain
    }

    pub(crate) fn new(seeds: &[u8], state: State) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let start_ms = u64::try_from(now).unwrap() - 60_000;
        let mut chain = Self {
            headers: Vec::new(),
            certificates: Vec::new(),
            signers: Vec::new(),
            states: Vec::new(),
            state,
            chain: Hash([0xEE; 32]),
            start_ms,
            trust_ms: TRUST_MS,
        };
        chain.push(Epoch(0), seeds, seeds, false);
        chain.chain = chain.headers[0].hash();
        chain
    }

    pub(crate) fn checkpoint(&self, seeds: &[u8]) -> Checkpoint {
        Checkpoint {
            chain_id: "test".into(),
            genesis_hash: self.chain,
            header: self.headers[0].clone(),
            epoch: Epoch(0),
            validators: set(seeds),
            trust_period_ms: TimeMs(self.trust_ms),
        }
    }

    /// Adds a block of `epoch` by the set of `seeds`, naming that of `next`; without a certificate of its own when
    /// `certified` is false.
    pub(crate) fn push(&mut self, epoch: Epoch, seeds: &[u8], next: &[u8], certified: bool) {
        let height = self.headers.len() as u64;
        let (state_root, _) = prove(&self.state, &[]);
        let header = Header {
            version: wattle_primitives::block::PROTOCOL_VERSION,
            chain: self.chain,
            epoch,
            view: View(height),
            height: Height(height),
            parent: self.headers.last().map_or(Hash::ZERO, Header::hash),
            time_ms: TimeMs(self.start_ms + height * SPACING_MS),
            proposer: PublicKey([0; 32]),
            txs_root: Hash::ZERO,
            state_root,
            receipts_root: Hash::ZERO,
            validators_hash: set(seeds).hash(),
            next_validators_hash: set(next).hash(),
        };
        let certificate = certified.then(|| finalize(&self.chain, &header, seeds, seeds));
        self.headers.push(header);
        self.certificates.push(certificate);
        self.signers.push(seeds.to_vec());
        self.states.push(self.state.clone());
    }

    pub(crate) fn light(&self, height: usize) -> LightBlock {
        let certified = (height..self.headers.len()).find(|h| self.certificates[*h].is_some()).unwrap();
        LightBlock {
            header: self.headers[height].clone(),
            certificate: self.certificates[certified].clone().unwrap(),
            path: BoundedVec::new(self.headers[height + 1..=certified].to_vec()).unwrap(),
        }
    }

    pub(crate) fn epoch_proof(&self, epoch: Epoch) -> Option<EpochProof> {
        let next_of = |h: usize| self.headers.get(h + 1).is_some_and(|next| next.epoch > epoch);
        let at = (0..self.headers.len()).find(|h| self.headers[*h].epoch == epoch && next_of(*h))?;
        Some(EpochProof {
            header: self.headers[at].clone(),
            certificate: self.certificates[at].clone()?,
            next_validators: set(&self.signers[at + 1]),
        })
    }

    /// The height of the newest header that is certified, directly or through a descendant.
    fn newest(&self) -> usize {
        (0..self.headers.len()).rev().find(|h| self.certificates[*h].is_some()).unwrap_or(0)
    }

    pub(crate) fn proof(&self, keys: &[&[u8]], known: Height) -> ProofAnswer {
        let at = self.newest();
        let prove = |key: &&[u8]| {
            let value = self.states[at].get(*key).map(|v| BoundedBytes::new(v.clone()).unwrap());
            ProvenValue { value, proof: prove(&self.states[at], key).1 }
        };
        let values = BoundedVec::new(keys.iter().map(prove).collect()).unwrap();
        let header =
            usize::try_from(known.0).ok().filter(|known| *known <= at).map(|known| &self.headers[known]);
        ProofAnswer { values, known: header.map(Header::hash), light: self.light(at) }
    }
}

/// Another header at the same place as `light`'s, signed by `signing`: proven if those are a quorum of `set_seeds`.
pub(crate) fn forked(mut light: LightBlock, set_seeds: &[u8], signing: &[u8]) -> LightBlock {
    light.header.state_root = Hash([0xF0; 32]);
    light.path = BoundedVec::default();
    light.certificate = finalize(&light.header.chain, &light.header, set_seeds, signing);
    light
}

/// An answer whose values are others than the honest ones.
pub(crate) fn altered(mut answer: Box<ProofAnswer>, change: impl Fn(&mut ProvenValue)) -> Response {
    let mut values = std::mem::take(&mut answer.values).into_inner();
    values.iter_mut().for_each(change);
    answer.values = BoundedVec::new(values).unwrap();
    Response::Proof(answer)
}

/// Clocks that a test sets.
#[derive(Clone)]
pub(crate) struct FixedTime {
    pub(crate) os_ms: Arc<AtomicU64>,
    pub(crate) mono_ms: Arc<AtomicU64>,
    pub(crate) synchronized: bool,
}

impl FixedTime {
    pub(crate) fn at(os_ms: u64, synchronized: bool) -> Self {
        Self { os_ms: Arc::new(os_ms.into()), mono_ms: Arc::new(0.into()), synchronized }
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.os_ms.fetch_add(ms, Ordering::Relaxed);
        self.mono_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl TimeSource for FixedTime {
    fn mono_ms(&self) -> u64 {
        self.mono_ms.load(Ordering::Relaxed)
    }

    fn os_ms(&self) -> u64 {
        self.os_ms.load(Ordering::Relaxed)
    }

    fn is_synchronized(&self) -> bool {
        self.synchronized
    }
}

/// A peer's change to its honest answers.
pub(crate) type Lie = Box<dyn Fn(&TestChain, Request, Response) -> Response + Send>;

/// Peers that serve a chain, some with a lie.
pub(crate) struct TestPeers {
    pub(crate) chain: Mutex<TestChain>,
    pub(crate) lies: Mutex<BTreeMap<PeerId, Lie>>,
    pub(crate) peers: Vec<PeerId>,
    /// Transactions received, every time.
    pub(crate) received: Mutex<Vec<Tx>>,
    /// Seeds of the set that makes blocks out of transactions.
    pub(crate) seeds: Vec<u8>,
    /// Whether transactions are lost on their way.
    pub(crate) losing: Mutex<bool>,
    /// Whether the chain takes transactions and refuses the readings in them.
    pub(crate) refusing: Mutex<bool>,
    /// Peers that do not answer in time, and how often one was waited for.
    pub(crate) silent: Mutex<BTreeSet<PeerId>>,
    pub(crate) waited: Mutex<usize>,
    /// Numbers accepted, by meter, in order.
    pub(crate) accepted: Mutex<Vec<(Address, u64)>>,
    /// Keys that were asked for with proof, question by question.
    pub(crate) proven: Mutex<Vec<Vec<Vec<u8>>>>,
    /// Peers that were caught lying, every time.
    pub(crate) blamed: Mutex<Vec<PeerId>>,
    /// The payer's bandwidth; `None` has no end.
    pub(crate) bucket: Mutex<Option<Bucket>>,
}

/// A payer's bandwidth in transactions.
pub(crate) struct Bucket {
    pub(crate) left: u64,
    pub(crate) refused: u64,
}

impl TestPeers {
    pub(crate) fn new(chain: TestChain, seeds: &[u8], count: usize) -> Self {
        Self {
            chain: Mutex::new(chain),
            lies: Mutex::default(),
            peers: (0..count).map(|_| PeerId::random()).collect(),
            received: Mutex::default(),
            seeds: seeds.to_vec(),
            losing: Mutex::new(false),
            refusing: Mutex::new(false),
            silent: Mutex::default(),
            waited: Mutex::default(),
            accepted: Mutex::default(),
            proven: Mutex::default(),
            blamed: Mutex::default(),
            bucket: Mutex::default(),
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let chain = self.chain.lock().unwrap();
        let missing = || Response::error(ErrorCode::NotFound, "");
        match request {
            Request::LightBlock { height: None } => {
                Response::LightBlock(Box::new(chain.light(chain.newest())))
            }
            Request::LightBlock { height: Some(height) } => {
                let at = usize::try_from(height.0).unwrap();
                let known = at > 0 && at <= chain.newest();
                if known { Response::LightBlock(Box::new(chain.light(at))) } else { missing() }
            }
            Request::EpochProof { epoch } => {
                chain.epoch_proof(*epoch).map_or_else(missing, |p| Response::EpochProof(Box::new(p)))
            }
            Request::Proof { keys, known } => {
                self.proven.lock().unwrap().push(keys.iter().map(|key| key.to_vec()).collect());
                let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
                Response::Proof(Box::new(chain.proof(&keys, *known)))
            }
            Request::Account(address) => {
                let key = state_key::account(address).to_vec();
                let record = chain.proof(&[&key], Height(0));
                let account: AccountRecord = wattle_primitives::decode(&chain.state[&key]).unwrap();
                let nonces = BoundedVec::new(vec![(Lane(0), account.nonce(Lane(0)))]).unwrap();
                let key = BoundedBytes::new(key).unwrap();
                Response::Account(Box::new(AccountAnswer { nonces, key, record }))
            }
            Request::SubmitTx(tx) => {
                drop(chain);
                if !self.has_bandwidth(tx) {
                    return Response::error(ErrorCode::TxRejected, "tx_bandwidth");
                }
                self.take(tx);
                Response::Submitted { id: tx.id() }
            }
            _ => missing(),
        }
    }

    /// Whether the payer has room for it. A transaction that the second entry peer gets is in the pool already.
    fn has_bandwidth(&self, tx: &Tx) -> bool {
        let again = self.received.lock().unwrap().contains(tx);
        let mut bucket = self.bucket.lock().unwrap();
        let Some(bucket) = bucket.as_mut().filter(|_| !again) else { return true };
        let room = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        bucket.refused += u64::from(!room);
        room
    }

    /// Executes a transaction as the chain would, in a block of its own.
    fn take(&self, tx: &Tx) {
        self.received.lock().unwrap().push(tx.clone());
        if *self.losing.lock().unwrap() {
            return;
        }
        let refusing = *self.refusing.lock().unwrap();
        let mut chain = self.chain.lock().unwrap();
        let sender = tx.body().sender;
        let (account_key, meter_key) =
            (state_key::account(&sender).to_vec(), state_key::meter(&sender).to_vec());
        let mut account: AccountRecord = wattle_primitives::decode(&chain.state[&account_key]).unwrap();
        if tx.body().nonce != account.nonce(tx.body().lane) {
            return;
        }
        account.nonces = BoundedVec::new(vec![tx.body().nonce.next()]).unwrap();
        let mut meter: MeterRecord = wattle_primitives::decode(&chain.state[&meter_key]).unwrap();
        for call in tx.body().calls.iter() {
            let Call::Energy(call::EnergyCall::SubmitReadings(call::energy::SubmitReadings { readings })) =
                call
            else {
                panic!("not readings")
            };
            for signed in readings {
                let r = &signed.reading;
                signed.key.verify(&r.signing_bytes(&chain.chain), &signed.signature).unwrap();
                let (import_wh, export_wh) = (
                    meter.encoding.watt_hours(&r.import).unwrap(),
                    meter.encoding.watt_hours(&r.export).unwrap(),
                );
                let falls = |last: LastReading| last.seq >= r.seq || last.import_wh > import_wh;
                if !meter.last.is_some_and(falls) && meter.replaced_by.is_none() && !refusing {
                    let (seq, time_ms) = (r.seq, r.time_ms);
                    // Nothing rolls over here, and a count is a Wh.
                    let (import_count, export_count) = (import_wh.0, export_wh.0);
                    let counts = LastReading {
                        import_count,
                        export_count,
                        flow_ms: r.time_ms,
                        ..LastReading::default()
                    };
                    let last = LastReading { seq, import_wh, export_wh, time_ms, ..counts };
                    meter.last = Some(last);
                    self.accepted.lock().unwrap().push((r.meter, r.seq));
                }
            }
        }
        chain.state.insert(account_key, wattle_primitives::encode(&account));
        chain.state.insert(meter_key, wattle_primitives::encode(&meter));
        chain.push(Epoch(0), &self.seeds, &self.seeds, true);
    }

    /// Changes a record of state, in a block of its own.
    pub(crate) fn put(&self, key: Vec<u8>, record: &impl wattle_primitives::Encode) {
        let mut chain = self.chain.lock().unwrap();
        chain.state.insert(key, wattle_primitives::encode(record));
        chain.push(Epoch(0), &self.seeds, &self.seeds, true);
    }

    pub(crate) fn meter_record(&self, meter: &Address) -> MeterRecord {
        wattle_primitives::decode(&self.chain.lock().unwrap().state[&*state_key::meter(meter)]).unwrap()
    }
}

impl Peers for TestPeers {
    fn ready(&self) -> Vec<PeerId> {
        self.peers.clone()
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        if self.silent.lock().unwrap().contains(&peer) {
            *self.waited.lock().unwrap() += 1;
            return Err(RequestError::Timeout { peer });
        }
        let honest = self.answer(&request);
        let lies = self.lies.lock().unwrap();
        let Some(lie) = lies.get(&peer) else { return Ok(honest) };
        Ok(lie(&self.chain.lock().unwrap(), request, honest))
    }

    fn blame(&self, peer: PeerId) {
        self.blamed.lock().unwrap().push(peer);
    }
}

/// A directory in memory where there is one: tests that cut files at every byte sync thousands of times.
pub(crate) fn memory_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// State with an account and a registered meter.
pub(crate) fn registered(meter: Address, last: Option<LastReading>) -> State {
    let record = MeterRecord {
        microgrid: Hash::ZERO,
        owner: meter,
        encoding: RegisterEncoding::Uint32Wh,
        role: MeterRole::Sub,
        power_max_w: 69_000,
        registered_ms: TimeMs::ZERO,
        replaced_by: None,
        retired_ms: None,
        suspended_ms: None,
        dealt_wh: wattle_primitives::WattHours::ZERO,
        last,
    };
    let account =
        AccountRecord { nonces: BoundedVec::new(vec![Nonce(0)]).unwrap(), ..AccountRecord::default() };
    BTreeMap::from([
        (state_key::account(&meter).to_vec(), wattle_primitives::encode(&account)),
        (state_key::meter(&meter).to_vec(), wattle_primitives::encode(&record)),
    ])
}

/// Adds a wallet's balance of the native asset.
pub(crate) fn with_balance(mut state: State, owner: Address, units: u128) -> State {
    let record = BalanceRecord { credits_posted: units, ..BalanceRecord::default() };
    let key = state_key::balance(&AccountId::Wallet { owner }, AssetId::NATIVE).to_vec();
    state.insert(key, wattle_primitives::encode(&record));
    state
}
