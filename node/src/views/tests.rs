#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod energy;
mod ledger;

use super::*;
use crate::driver::{Fate, Quorum, SubmitError};
use crate::mempool::InsertError;
use crate::run::shared::Command;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::mpsc;
use wattle_chain_spec::Preset;
use wattle_host::wall::now as wall;
use wattle_p2p::wire::Role;
use wattle_primitives::call;
use wattle_primitives::call::Call;
use wattle_primitives::call::energy::{MeterBinding, microgrid_id};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{
    ClockQuality, MeterRole, Reading, RegisterEncoding, Registers, SignedReading,
};
use wattle_primitives::*;
use wattle_rpc_types::*;
use wattle_runtime::store::MemoryStore;
use wattle_runtime::{CheckedTx, Commit, State, Store, execute_block, genesis, keys, verify_all};

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

fn address(n: u8) -> Address {
    Address::of_key(&key(n).public())
}

/// Person 1 operates a microgrid with meter 50; 1 to 4 have an account; 200 is the only validator.
fn spec() -> Genesis {
    let mut accounts: Vec<_> =
        (1..=4).map(|n| GenesisAccount { key: key(n).public(), balance: Amount(1_000_000) }).collect();
    accounts.sort_by_key(|account| account.key);
    let validator = Validator { key: key(200).public(), power: VotingPower(1) };
    Genesis {
        chain_id: "test".to_owned(),
        time_ms: TimeMs(wall().0 - 60_000),
        native_symbol: "WAT".parse().unwrap(),
        native_scale: 6,
        params: Params {
            epoch_length: 10,
            idle_interval_ms: 30_000,
            block_bytes_max: 1 << 20,
            block_weight_max: Weight(1_000_000),
            account_deposit: Amount(5),
            bandwidth_rate: Weight(1000),
            bandwidth_capacity: Weight(1_000_000),
            ..Preset::Devnet.template().unwrap().genesis.params
        },
        validator_sets: vec![ScheduledSet {
            from_epoch: Epoch(0),
            validators: ValidatorSet::new(vec![validator]).unwrap(),
        }],
        accounts,
        microgrids: vec![GenesisMicrogrid {
            operator: address(1),
            reference: Hash::ZERO,
            asset: AssetId::NATIVE,
            interval_ms: TimeMs(900_000),
            terms: None,
            meters: vec![GenesisMeter {
                key: key(50).public(),
                owner: address(1),
                encoding: RegisterEncoding::Uint32Wh,
                role: MeterRole::Sub,
                power_max_w: 69_000,
                allowance: Amount(5000),
            }],
        }],
    }
}

/// Answers of the fake driver.
#[derive(Default)]
struct Script {
    fates: BTreeMap<Hash, Fate>,
    refuse: Option<SubmitError>,
    nonce: Option<Nonce>,
    status: DriverStatus,
}

/// A node whose chain is real and whose driver is a script.
struct World {
    runtime: tokio::runtime::Runtime,
    genesis: Arc<Genesis>,
    chain: Hash,
    store: Arc<MemoryStore>,
    state: State,
    header: Header,
    certificate: Option<Certificate>,
    script: Arc<Mutex<Script>>,
    /// Between two blocks.
    step_ms: u64,
}

impl World {
    fn new() -> Self {
        let spec = spec();
        let (state, header) = genesis(&spec).unwrap();
        let store = MemoryStore::in_memory().unwrap();
        store.commit(&[Commit::genesis(header.clone(), &state)]).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        Self {
            runtime,
            genesis: Arc::new(spec),
            chain: header.hash(),
            store: Arc::new(store),
            state,
            header,
            certificate: None,
            script: Arc::default(),
            step_ms: 1000,
        }
    }

    /// An empty block at a time.
    fn block_at(&mut self, time_ms: u64) {
        self.step_ms = time_ms - self.header.time_ms.0;
        self.block(Vec::new(), true);
        self.step_ms = 1000;
    }

    fn tx(&self, n: u8, nonce: u64, calls: Vec<Call>) -> Tx {
        let body = TxBody {
            chain: self.chain,
            sender: address(n),
            grant: None,
            lane: Lane(0),
            nonce: Nonce(nonce),
            expires_ms: TimeMs::MAX,
            fee_payer: address(n),
            max_fee: Amount::MAX,
            tip: Amount(0),
            calls: BoundedVec::new(calls).unwrap(),
        };
        let signature = key(n).sign(&body.signing_bytes());
        Tx::new(body, vec![Auth { key: key(n).public(), signature }]).unwrap()
    }

    /// Executes and commits a block; `certified` says whether it has a certificate of its own.
    fn block(&mut self, txs: Vec<Tx>, certified: bool) {
        let params = &self.genesis.params;
        let parent = self.header.hash();
        let env = BlockEnv {
            params: params.clone(),
            chain: self.chain,
            height: self.header.height.next(),
            time_ms: TimeMs(self.header.time_ms.0 + self.step_ms),
            parent,
            proposer: key(200).public(),
        };
        let checked = txs.iter().map(|tx| CheckedTx::check(tx.clone(), &self.chain, params).unwrap());
        let verified: Vec<_> = verify_all(checked.collect()).into_iter().map(Result::unwrap).collect();
        let executed = execute_block(&self.state, &env, &verified).unwrap();
        let header = Header {
            chain: self.chain,
            view: self.header.view.next(),
            height: env.height,
            parent,
            time_ms: env.time_ms,
            proposer: env.proposer,
            txs_root: executed.txs_root,
            state_root: executed.state_root,
            receipts_root: executed.receipts_root,
            ..self.header.clone()
        };
        let certificate = certified.then(|| self.certify(&header));
        let block = Block { header: header.clone(), txs };
        let commit = Commit {
            block: Cow::Owned(block),
            certificate: certificate.as_ref().map(Cow::Borrowed),
            receipts: Cow::Owned(executed.receipts),
            writes: Cow::Owned(executed.writes),
        };
        self.store.commit(&[commit]).unwrap();
        self.certificate = certificate.or_else(|| self.certificate.take());
        (self.state, self.header) = (executed.state, header);
    }

    fn certify(&self, header: &Header) -> Certificate {
        let round = Round { epoch: header.epoch, view: header.view };
        let vote = Vote::Finalize(Proposal { round, parent_view: View(0), block: header.hash() });
        let signed = self.vote(vote);
        Certificate::assemble(vote, [&signed], self.genesis.validators(Epoch(0)).unwrap()).unwrap()
    }

    fn vote(&self, vote: Vote) -> SignedVote {
        let signature = key(200).sign(&vote.signing_bytes(&self.chain));
        SignedVote { vote, signer: ValidatorIndex(0), signature }
    }

    /// The views over what was committed, with the scripted driver behind them.
    fn open(&self) -> NodeBackend {
        self.open_as(Some(key(200).public()))
    }

    /// The same of a node with this validator key, or none.
    fn open_as(&self, key: Option<PublicKey>) -> NodeBackend {
        let view = crate::run::shared::View {
            header: self.header.clone(),
            hash: self.header.hash(),
            state: self.state.clone(),
            schedule: Arc::new(wattle_runtime::Schedule::of(&self.state).unwrap()),
            certificate: self.certificate.clone(),
        };
        let store: Arc<dyn Store> = Arc::clone(&self.store) as _;
        let (shared, inbox) = Shared::new(self.chain, Arc::clone(&self.genesis), key, store, view);
        shared.set_clock(wall());
        let _guard = self.runtime.enter();
        let node_key = wattle_p2p::NodeKey::from_seed(&mut [9; 32]).unwrap();
        let (network, _events) =
            wattle_p2p::spawn(wattle_p2p::Config::new(self.chain, node_key, Role::Full)).unwrap();
        self.runtime.spawn(drive(inbox, Arc::clone(&self.script)));
        NodeBackend::new(shared, network)
    }
}

async fn drive(mut inbox: mpsc::Receiver<Command>, script: Arc<Mutex<Script>>) {
    while let Some(command) = inbox.recv().await {
        let script = script.lock().unwrap();
        match command {
            Command::Submit(txs, reply) => {
                let verdict =
                    |tx: &Tx| script.refuse.clone().map_or(Ok(tx.id()), |error| Err((tx.id(), error)));
                let _ = reply.send(Answer::Submitted(txs.iter().map(verdict).collect()));
            }
            Command::Ask(question, reply) => {
                let answer = match question {
                    Question::TxFate(id) => {
                        Answer::TxFate(script.fates.get(&id).cloned().unwrap_or(Fate::Unknown))
                    }
                    Question::Tx(_) => Answer::Tx(None),
                    Question::NextNonce(..) => Answer::NextNonce(script.nonce.unwrap_or_default()),
                    Question::Status => Answer::Status(Box::new(script.status.clone())),
                };
                let _ = reply.send(answer);
            }
        }
    }
}

fn transfer(to: u8, amount: u128) -> Call {
    Call::from(call::token::Transfer { to: address(to), asset: AssetId::NATIVE, amount: Amount(amount) })
}

fn reading(chain: &Hash, meter: u8, seq: u64) -> SignedReading {
    let reading = Reading {
        meter: address(meter),
        seq,
        boot_id: 1,
        uptime_ms: seq,
        time_ms: TimeMs(seq),
        clock: ClockQuality::Unset,
        import: BoundedVec::new(vec![0, 700]).unwrap(), // blocks are too close for energy to flow
        export: BoundedVec::new(vec![0, 0]).unwrap(),
    };
    let signature = key(meter).sign(&reading.signing_bytes(chain));
    SignedReading { reading, key: key(meter).public(), signature }
}

fn readings(chain: &Hash, meter: u8, seqs: std::ops::RangeInclusive<u64>) -> Call {
    let readings = seqs.map(|seq| reading(chain, meter, seq)).collect();
    Call::from(call::energy::SubmitReadings { readings: BoundedVec::new(readings).unwrap() })
}

fn page(cursor: Option<String>, limit: u32) -> PageRequest {
    PageRequest { cursor, limit }
}

/// Reads a list to its end in pages of `limit`.
fn all<T>(limit: u32, mut read: impl FnMut(PageRequest) -> RpcResult<Page<T>>) -> Vec<T> {
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let part = read(page(cursor, limit)).unwrap();
        assert!(part.items.len() <= limit as usize);
        items.extend(part.items);
        match part.next_cursor {
            Some(next) => cursor = Some(next),
            None => return items,
        }
    }
}

#[test]
fn blocks_come_with_the_proof_of_their_finality() {
    let mut world = World::new();
    let tx = world.tx(1, 0, vec![transfer(2, 10)]);
    world.block(vec![tx.clone()], false);
    world.block(vec![], true);
    let node = world.open();
    let genesis = node.chain_block(BlockId::Height(Height(0))).unwrap();
    assert_eq!((genesis.finalization, genesis.path), (None, vec![]));
    let first = node.chain_block(BlockId::Height(Height(1))).unwrap();
    assert_eq!((first.tx_ids, first.event_count), (vec![tx.id()], 2)); // fee and posting
    assert_eq!((first.path, &first.finalization), (vec![world.header.clone()], &world.certificate));
    assert_eq!(node.chain_block(BlockId::Hash(first.hash)).unwrap().header, first.header);
    let light = node.chain_light_block(None).unwrap();
    assert_eq!((light.at, light.path), (At::finalized(Height(2)), vec![]));
    assert_eq!(light.header.validators_hash, light.validators.hash());
    for unknown in [BlockId::Height(Height(3)), BlockId::Hash(Hash([7; 32]))] {
        assert!(matches!(node.chain_block(unknown), Err(RpcError::NotFound { what: "block", .. })));
    }
    assert!(matches!(node.chain_light_block(Some(Height(3))), Err(RpcError::NotFound { .. })));
    let status = node.chain_status().unwrap();
    assert_eq!((status.at.height, status.genesis_hash, status.validators), (Height(2), world.chain, 1));
    assert_eq!(node.chain_validators(None).unwrap().quorum, VotingPower(1));
    assert_eq!(node.chain_params().unwrap().params.weight_price, Amount(1));
    assert_eq!(*node.subscribe_heights().borrow(), Height(2));
}

#[test]
fn accounts_are_shown_proven_and_followed() {
    let mut world = World::new();
    for nonce in 0..5 {
        let txs = vec![world.tx(1, nonce, vec![transfer(2, 10)]), world.tx(3, nonce, vec![transfer(4, 1)])];
        world.block(txs, true);
    }
    let node = world.open();
    let account = node.account(address(1)).unwrap();
    assert_eq!((account.exists, account.nonce), (true, BTreeMap::from([(Lane(0), Nonce(5))])));
    assert!(account.balances[0].available < Amount(999_950) && account.bandwidth > Weight(0));
    let nobody = node.account(address(99)).unwrap();
    assert_eq!((nobody.exists, nobody.balances.len(), nobody.nonce[&Lane(0)]), (false, 0, Nonce(0)));
    for person in [1, 99] {
        let proof = node.account_proof(ProofTarget::Address(address(person))).unwrap();
        assert_eq!(proof.value.is_some(), person == 1);
        assert!(proof.proof.verify(&proof.header.state_root, &proof.key, proof.value.as_deref()).is_ok());
    }
    let history = all(2, |page| node.account_history(address(2), page));
    assert_eq!(history.iter().map(|item| item.height.0).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert_eq!((history[0].calls[0].as_str(), history[0].code.as_str()), ("token.transfer", "success"));
    assert_eq!((history[0].sender, history[0].events.len()), (address(1), 1));
    let bad = node.account_history(address(2), page(Some("x".to_owned()), 2));
    assert!(matches!(bad, Err(RpcError::InvalidParams { .. })));
}

#[test]
fn what_is_prepared_can_be_signed_and_charged() {
    let mut world = World::new();
    world.script.lock().unwrap().nonce = Some(Nonce(7));
    let request = |calls| PrepareRequest {
        calls: BoundedVec::new(calls).unwrap(),
        sender: address(1),
        grant: None,
        lane: None,
        nonce: None,
        expires_ms: None,
        fee_payer: None,
        max_fee: None,
        tip: Some(Amount(3)),
    };
    let node = world.open();
    let prepared = node.tx_prepare(request(vec![transfer(2, 10)])).unwrap();
    assert_eq!((prepared.body.nonce, prepared.id), (Nonce(7), prepared.body.id()));
    assert_eq!(
        (prepared.fee.0, prepared.body_hex),
        (u128::from(prepared.weight.0) + 3, encode(&prepared.body))
    );
    assert!(prepared.body.max_fee > prepared.fee && prepared.body.expires_ms > wall());
    let empty = node.tx_prepare(request(vec![]));
    assert!(matches!(empty, Err(RpcError::Rejected { code: "tx_no_calls", .. })));
    let stale = node.tx_simulate(prepared.body, &[]);
    assert!(matches!(stale, Err(RpcError::Rejected { code: "tx_bad_nonce", .. })));
    let next = PrepareRequest { nonce: Some(Nonce(0)), ..request(vec![transfer(2, 10)]) };
    let prepared = node.tx_prepare(next).unwrap();
    let simulation = node.tx_simulate(prepared.body.clone(), &[]).unwrap();
    assert_eq!((simulation.fee, simulation.weight), (prepared.fee, prepared.weight));
    assert_eq!((simulation.receipt.code.as_str(), simulation.receipt.events.len()), ("success", 2));
    let signature = key(1).sign(&prepared.signing_hex);
    let tx = Tx::new(prepared.body, vec![Auth { key: key(1).public(), signature }]).unwrap();
    world.block(vec![tx.clone()], true);
    let receipt = world.open().tx_get(tx.id()).unwrap().status.receipt.unwrap();
    assert_eq!(receipt.fee, prepared.fee);
}

/// Goal: what another pays for and signs is tried as it is sent, also before it has signed.
#[test]
fn what_another_signs_and_pays_for_is_tried_as_it_is_sent() {
    let mut world = World::new();
    let body = TxBody { fee_payer: address(2), ..world.tx(1, 0, vec![transfer(3, 10)]).body().clone() };
    let sign = |n| Auth { key: key(n).public(), signature: key(n).sign(&body.signing_bytes()) };
    let auths = vec![sign(1), sign(2)];
    let node = world.open();
    let tried = [vec![], vec![sign(1)], auths.clone()]
        .map(|auths| node.tx_simulate(body.clone(), &auths).unwrap().receipt);
    let tx = Tx::new(body, auths).unwrap();
    world.block(vec![tx.clone()], true);
    let receipt = world.open().tx_get(tx.id()).unwrap().status.receipt.unwrap();
    assert_eq!(tried, [receipt.clone(), receipt.clone(), receipt]);
}

#[test]
fn a_transaction_is_followed_from_the_pool_to_the_database() {
    let mut world = World::new();
    let tx = world.tx(1, 0, vec![transfer(2, 10), transfer(2, u128::MAX)]);
    let node = world.open();
    let id = tx.id();
    assert!(matches!(node.tx_status(id), Err(RpcError::NotFound { what: "transaction", .. })));
    for (fate, state, height, reason) in [
        (Fate::Pending, TxState::Pending, None, None),
        (Fate::Included { height: Height(1) }, TxState::Included, Some(Height(1)), None),
        (Fate::Expired, TxState::Expired, None, None),
        (Fate::Superseded, TxState::Superseded, None, None),
        (Fate::Dropped("evicted"), TxState::Dropped, None, Some("evicted".to_owned())),
    ] {
        world.script.lock().unwrap().fates.insert(id, fate);
        let status = node.tx_status(id).unwrap();
        assert_eq!(
            (status.state, status.height, status.reason, status.finalized),
            (state, height, reason, false)
        );
    }
    world.block(vec![tx.clone()], true);
    let node = world.open(); // the driver still says dropped: what is stored wins
    let reply = node.tx_get(id).unwrap();
    assert_eq!(
        (reply.status.state, reply.status.height, reply.status.index),
        (TxState::Finalized, Some(Height(1)), Some(0))
    );
    assert_eq!((reply.tx_hex, reply.tx), (Some(encode(&tx)), Some(tx)));
    let receipt = reply.status.receipt.unwrap();
    assert_eq!((receipt.code.as_str(), receipt.failed_call), ("insufficient_funds", Some(1)));
}

#[test]
fn refusals_keep_their_codes_and_repetition_is_no_error() {
    let mut world = World::new();
    let done = world.tx(1, 0, vec![transfer(2, 10)]);
    world.block(vec![done.clone()], true);
    let fresh = world.tx(1, 1, vec![transfer(2, 10)]);
    let node = world.open();
    let nonce = wattle_runtime::TxError::Nonce { lane: Lane(0), expected: Nonce(1), got: Nonce(0) };
    let submit = |error: Option<SubmitError>, tx: &Tx| {
        world.script.lock().unwrap().refuse = error;
        world.runtime.block_on(node.tx_submit(vec![tx.clone()])).remove(0)
    };
    assert_eq!(submit(None, &fresh), Ok(fresh.id()));
    assert_eq!(submit(Some(SubmitError::Tx(nonce)), &done), Ok(done.id()));
    let refused = submit(Some(SubmitError::Tx(nonce)), &fresh).unwrap_err();
    assert_eq!((refused.code(), refused.to_object().data["expected"].as_str()), ("tx_bad_nonce", Some("1")));
    let busy = submit(Some(SubmitError::Pool(InsertError::Full)), &fresh).unwrap_err();
    assert_eq!(busy.code(), "busy");
    assert_eq!(submit(Some(SubmitError::Busy), &fresh).unwrap_err().code(), "busy");
    assert_eq!(submit(Some(SubmitError::LowSpace), &fresh).unwrap_err().code(), "unavailable");
    assert_eq!(submit(Some(SubmitError::Stopping), &fresh).unwrap_err().code(), "unavailable");
    let cheap = SubmitError::Pool(InsertError::Underpriced { tip_min: Amount(9) });
    assert_eq!(submit(Some(cheap), &fresh).unwrap_err().code(), "underpriced");
}

#[test]
fn readings_are_listed_newest_first_whatever_the_page() {
    let mut world = World::new();
    let grid = microgrid_id(&address(1), &Hash::ZERO);
    let chain = world.chain;
    let words = || BoundedVec::new(vec![0, 0]).unwrap();
    let opening = Registers { import: words(), export: words(), time_ms: TimeMs(0) };
    let place = MeterBinding::Connection { microgrid: grid, owner: address(2), opening: opening.clone() };
    let register = Call::from(call::energy::RegisterMeter {
        microgrid: grid,
        key: key(51).public(),
        owner: address(2),
        encoding: RegisterEncoding::Uint32Wh,
        role: MeterRole::Sub,
        power_max_w: 69_000,
        opening: Box::new(opening),
        binding: key(51).sign(&place.signing_bytes(&chain)),
    });
    let calls = vec![register, readings(&chain, 50, 1..=3)];
    let mandate = Some(call::energy::Mandate::UNLIMITED);
    let consent = call::energy::SetMandate { microgrid: grid, mandate };
    let consent = world.tx(2, 0, vec![Call::from(consent)]);
    let first = world.tx(1, 0, calls);
    world.block(
        vec![consent, first, world.tx(1, 1, vec![readings(&chain, 50, 4..=4), readings(&chain, 51, 1..=2)])],
        true,
    );
    let more = world.tx(1, 2, vec![readings(&chain, 50, 5..=7)]);
    world.block(vec![more, world.tx(3, 0, vec![transfer(50, 1)])], true);
    let node = world.open();
    let of = |n| ReadingsRequest { meter: address(n), from_ms: TimeMs::ZERO, to_ms: TimeMs::MAX };
    for limit in 1..=8 {
        let items = all(limit, |page| node.energy_readings(of(50), page));
        assert_eq!(items.iter().map(|item| item.seq).collect::<Vec<_>>(), [7, 6, 5, 4, 3, 2, 1], "{limit}");
        assert_eq!((items[0].import_wh, items[0].position.height), (WattHours(700), Height(2)));
    }
    for item in all(3, |page| node.energy_readings(of(50), page)) {
        let named = node.events(item.position, 1).unwrap().items.remove(0);
        assert_eq!(
            (named.position, named.tx, named.time_ms),
            (item.position, Some(item.tx), item.block_time_ms)
        );
    }
    // By block time, from the first on and before the second: the blocks' own times part them.
    let second_ms = node.chain_block(BlockId::Height(Height(2))).unwrap().header.time_ms;
    let range = |from_ms, to_ms| {
        let request = ReadingsRequest { from_ms, to_ms, ..of(50) };
        all(2, |page| node.energy_readings(request, page)).iter().map(|item| item.seq).collect::<Vec<_>>()
    };
    assert_eq!(range(second_ms, TimeMs::MAX), [7, 6, 5]);
    assert_eq!(range(TimeMs::ZERO, second_ms), [4, 3, 2, 1]);
    assert_eq!(range(second_ms, second_ms), [0u64; 0]);
    assert_eq!(range(second_ms.next(), TimeMs::MAX), [0u64; 0]);
    let meters = all(1, |page| node.energy_meters(None, page));
    assert_eq!(
        meters.iter().map(|m| (m.key, m.seq)).collect::<Vec<_>>(),
        [(key(50).public(), 7), (key(51).public(), 2)]
    );
    assert_eq!(all(9, |page| node.energy_meters(Some(grid), page)), meters);
    assert_eq!(node.energy_meter(address(51)).unwrap().value, meters[1]);
    assert_eq!(node.energy_microgrid(grid).unwrap().value.meters, 2);
    assert_eq!(all(1, |page| node.energy_microgrids(page)).len(), 1);
    assert!(matches!(node.energy_readings(of(3), page(None, 5)), Err(RpcError::NotFound { .. })));
    assert!(matches!(node.energy_meters(Some(Hash::ZERO), page(None, 5)), Err(RpcError::NotFound { .. })));
    assert!(matches!(node.energy_meter(address(3)), Err(RpcError::NotFound { .. })));
}

#[test]
fn events_are_consecutive_over_pages() {
    let mut world = World::new();
    for nonce in 0..4 {
        world.block(vec![world.tx(1, nonce, vec![transfer(2, 10), transfer(3, 1)])], true);
    }
    let node = world.open();
    let (mut next, mut positions) = (EventPosition::default(), Vec::new());
    while next.height <= Height(4) {
        let part = node.events(next, 2).unwrap();
        positions.extend(part.items.iter().map(|item| (item.position.height.0, item.position.index)));
        assert!(part.next > next);
        next = part.next;
    }
    let want: Vec<_> = (1..=4).flat_map(|height| (0..3).map(move |index| (height, index))).collect();
    assert_eq!(positions, want);
}

#[test]
fn assets_and_ledger_accounts() {
    let mut world = World::new();
    let issue = |symbol: &str| Call::from(call::token::Issue { symbol: symbol.parse().unwrap(), scale: 2 });
    world.block(vec![world.tx(1, 0, vec![issue("EUR"), issue("KWH")])], true);
    let node = world.open();
    let assets = all(1, |page| node.token_assets(page));
    assert_eq!(
        assets.iter().map(|asset| asset.symbol.to_string()).collect::<Vec<_>>(),
        ["WAT", "EUR", "KWH"]
    );
    assert_eq!(node.token_asset(AssetId(1)).unwrap().value.issuer, Some(address(1)));
    assert!(matches!(node.token_asset(AssetId(9)), Err(RpcError::NotFound { what: "asset", .. })));
    let wallet = AccountId::Wallet { owner: address(2) };
    let account = node.ledger_account(wallet, AssetId::NATIVE).unwrap().value;
    assert_eq!((account.credits_posted, account.debit_max), (Amount(1_000_000), Some(Amount(0))));
    for (owner, asset) in [(99, 0), (2, 9)] {
        let wallet = AccountId::Wallet { owner: address(owner) };
        assert!(matches!(node.ledger_account(wallet, AssetId(asset)), Err(RpcError::NotFound { .. })));
    }
    assert!(matches!(node.ledger_hold(Hash::ZERO), Err(RpcError::NotFound { what: "hold", .. })));
}

#[test]
fn a_search_finds_what_is_there_and_nothing_else() {
    let mut world = World::new();
    let tx = world.tx(1, 0, vec![transfer(2, 10)]);
    world.block(vec![tx.clone()], true);
    let node = world.open();
    let grid = microgrid_id(&address(1), &Hash::ZERO);
    for (text, kind, target) in [
        ("1".to_owned(), SearchKind::Block, "1".to_owned()),
        (world.header.hash().to_string(), SearchKind::Block, "1".to_owned()),
        (tx.id().to_string(), SearchKind::Tx, tx.id().to_string()),
        (address(2).to_string(), SearchKind::Account, address(2).to_string()),
        (address(50).to_string(), SearchKind::Meter, address(50).to_string()),
        (grid.to_string(), SearchKind::Microgrid, grid.to_string()),
        (key(200).public().to_string(), SearchKind::Validator, key(200).public().to_string()),
        ("wat".to_owned(), SearchKind::Asset, "0".to_owned()),
    ] {
        let best = node.search(&text).unwrap().best;
        assert_eq!((best.kind, best.target), (kind, target), "{text}");
    }
    assert_eq!(node.search("0").unwrap().also.len(), 1); // block and asset
    for nothing in ["2", "nothing", "", &Hash([9; 32]).to_string(), &address(99).to_string()] {
        assert!(matches!(node.search(nothing), Err(RpcError::NotFound { .. })), "{nothing}");
    }
}

#[test]
fn consensus_peers_and_evidence() {
    let mut world = World::new();
    world.block(vec![], true);
    let node = world.open();
    let follower = node.node_consensus().unwrap();
    assert_eq!((follower.validating, follower.view, follower.leader), (false, View(2), key(200).public()));
    let leader = Some(key(200).public());
    world.script.lock().unwrap().status =
        DriverStatus { voting: true, view: View(9), leader, ..Default::default() };
    let voter = node.node_consensus().unwrap();
    assert_eq!((voter.validating, voter.index, voter.view), (true, Some(ValidatorIndex(0)), View(9)));
    assert!(node.node_peers().unwrap().value.peers.is_empty());
    let round = |view| Round { epoch: Epoch(0), view: View(view) };
    let on = |view, block| Proposal { round: round(view), parent_view: View(0), block: Hash([block; 32]) };
    let pairs = [
        (Vote::Notarize(on(1, 1)), Vote::Notarize(on(1, 2))),
        (Vote::Finalize(on(2, 1)), Vote::Nullify(round(2))),
        (Vote::Finalize(on(3, 1)), Vote::Finalize(on(3, 2))),
    ];
    for (a, b) in pairs {
        let evidence = Evidence::of(&world.vote(a), &world.vote(b)).unwrap();
        node.shared.store.accuse(&Accusation { validator: key(200).public(), evidence }, None).unwrap();
    }
    let held = all(2, |page| node.evidence(page));
    let shown: Vec<_> = held.iter().map(|item| (item.view.0, item.kind.as_str())).collect();
    assert_eq!(shown, [(3, "double_vote"), (2, "nullify_and_finalize"), (1, "double_vote")]);
    assert_eq!((held[2].validator, held[2].seen_ms), (key(200).public(), world.header.time_ms));
}

/// Waits until something holds that takes the node a moment to notice.
fn eventually(holds: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(180), "did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn health_and_readiness_follow_driver_and_blocks() {
    let mut world = World::new();
    let node = world.open();
    eventually(|| node.readiness().ready && node.health().status == HealthStatus::Ok);
    assert!(node.readiness().ready); // a minute old, three idle intervals allowed
    let behind = DriverStatus { syncing: true, best_peer_height: Height(100), ..Default::default() };
    world.script.lock().unwrap().status = behind;
    eventually(|| node.readiness().lag_heights == 100);
    let readiness = node.readiness();
    assert_eq!(
        (readiness.reasons, readiness.lag_heights),
        (vec!["syncing".to_owned(), "behind_peers".to_owned()], 100)
    );
    let voter = DriverStatus { voting: true, peers: 1, ..Default::default() };
    world.script.lock().unwrap().status = voter;
    eventually(|| node.readiness().lag_heights == 0);
    let skew_ms = node.shared.view().schedule.params().clock_skew_ms_max;
    for (behind_ms, reasons) in [(skew_ms, vec![]), (skew_ms + 1, vec!["clock_behind".to_owned()])] {
        node.shared.set_clock(TimeMs(world.header.time_ms.0 - behind_ms));
        assert_eq!(node.health().reasons, reasons, "{behind_ms} ms behind the last block");
    }
    let missing = vec![key(7).public(), key(8).public()];
    let quorum = Quorum {
        missing: missing.clone(),
        missing_power: VotingPower(2),
        total: VotingPower(4),
        needed: VotingPower(3),
    };
    world.script.lock().unwrap().status = DriverStatus { quorum, ..Default::default() };
    eventually(|| node.readiness().reasons == ["no_quorum"]);
    let (health, readiness) = (node.health(), node.readiness());
    assert_eq!((health.status, health.reasons), (HealthStatus::Degraded, vec!["no_quorum".to_owned()]));
    assert_eq!((readiness.ready, &readiness.liveness), (false, &health.liveness));
    let liveness = node.chain_status().unwrap().liveness;
    assert_eq!((liveness.quorum, &liveness.validators_missing), (false, &missing));
    assert_eq!(health.liveness, Some(liveness));
    let gauges = node.gauges();
    assert_eq!((gauges.validators_missing, gauges.power_missing, gauges.power_total), (2, 2, 4));
    // A validator alone has nobody to talk to; every other node says when it has not, or nobody who listens.
    let follower = world.open_as(None);
    for (peers, reason) in [(0, "no_peers"), (1, "no_listeners")] {
        world.script.lock().unwrap().status = DriverStatus { peers, ..Default::default() };
        eventually(|| follower.health().reasons == [reason]);
        eventually(|| node.health().reasons.is_empty());
    }
    world.header.time_ms = TimeMs(1);
    assert!(world.open().readiness().reasons.contains(&"stale_block".to_owned()));
    let held = world.script.lock().unwrap(); // the driver is stuck
    eventually(|| node.health().status == HealthStatus::Failed);
    assert!(matches!(node.chain_status(), Err(RpcError::Unavailable { .. })));
    drop(held);
}

#[test]
fn a_driver_that_is_gone_leaves_what_is_stored() {
    let mut world = World::new();
    let tx = world.tx(1, 0, vec![transfer(2, 10)]);
    world.block(vec![tx.clone()], true);
    let node = world.open();
    let (shared, inbox) = Shared::new(
        world.chain,
        Arc::clone(&world.genesis),
        None,
        Arc::clone(&world.store) as _,
        (*node.shared.view()).clone(),
    );
    drop(inbox);
    let _guard = world.runtime.enter();
    let node = NodeBackend::new(shared, node.network.clone());
    assert!(node.tx_status(tx.id()).unwrap().finalized);
    assert!(matches!(node.tx_status(Hash::ZERO), Err(RpcError::Unavailable { .. })));
    assert!(node.shared.view().state.read(keys::account(&address(1))).is_some());
    assert!(node.account(address(1)).unwrap().exists);
}
