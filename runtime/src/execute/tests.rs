#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod adversary;
mod books;
mod calls;
mod charging;
mod deals;
mod due;
mod grants;
mod market;
mod market_model;
mod money;
mod oracle;
pub(crate) mod settlement;
mod transfers;
mod upkeep;

use super::*;
use crate::State;
use crate::modules::ctx::{BlockEnv, Parties};
use crate::modules::{Action as _, Ctx, SigSink, identity, invariants, weights};
use crate::overlay::Overlay;
use crate::supply::{History, Tally};
use wattle_chain_spec::Preset;
use wattle_primitives::call;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::MeterBinding;
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{MeterRole, RegisterEncoding, Registers};
use wattle_primitives::*;

pub(crate) fn params() -> Params {
    Params {
        epoch_length: 10,
        block_bytes_max: 1 << 20,
        block_weight_max: Weight(1_000_000),
        weight_price: Amount(0),
        account_deposit: Amount(0),
        bandwidth_rate: Weight(1_000_000),
        bandwidth_capacity: Weight(10_000_000),
        ..Preset::Devnet.template().unwrap().genesis.params
    }
}

/// The key of person `n`; 1 to 6 have an account from the start.
pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

pub(crate) fn address(n: u8) -> Address {
    Address::of_key(&key(n).public())
}

pub(crate) fn wallet(n: u8) -> AccountId {
    AccountId::Wallet { owner: address(n) }
}

pub(crate) const START: Amount = Amount(1_000_000);
pub(crate) const T0: u64 = 1_800_000_000_000;

/// Person 1 operates a microgrid with one meter, whose key is 50.
pub(crate) fn spec(params: Params) -> Genesis {
    let mut accounts: Vec<_> =
        (1..=6).map(|n| GenesisAccount { key: key(n).public(), balance: START }).collect();
    accounts.sort_by_key(|account| account.key);
    let validator = Validator { key: key(200).public(), power: VotingPower(1) };
    Genesis {
        chain_id: "test".to_owned(),
        time_ms: TimeMs(T0),
        native_symbol: "WAT".parse().unwrap(),
        native_scale: 6,
        params,
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

/// The sender's mandate to a microgrid, for ever: settlement takes so much for each interval at most.
pub(crate) fn mandate(microgrid: Hash, per_charge: Option<Amount>) -> Call {
    let mandate = call::energy::Mandate { per_charge, ..call::energy::Mandate::UNLIMITED };
    Call::from(call::energy::SetMandate { microgrid, mandate: Some(mandate) })
}

/// Takes the sender's mandate back.
pub(crate) fn no_mandate(microgrid: Hash) -> Call {
    Call::from(call::energy::SetMandate { microgrid, mandate: None })
}

/// Registers the meter of key `n` for person `owner`, as person 1 may. It shows 1,000 Wh.
pub(crate) fn registration(chain: &Hash, microgrid: Hash, n: u8, owner: u8) -> Call {
    let words = |wh: u16| BoundedVec::new(vec![0, wh]).unwrap();
    let opening = Registers { import: words(1_000), export: words(0), time_ms: TimeMs(u64::MAX) };
    registration_at(chain, microgrid, n, owner, opening)
}

/// The same with these opening registers.
pub(crate) fn registration_at(chain: &Hash, microgrid: Hash, n: u8, owner: u8, opening: Registers) -> Call {
    let place = MeterBinding::Connection { microgrid, owner: address(owner), opening: opening.clone() };
    Call::from(call::energy::RegisterMeter {
        microgrid,
        key: key(n).public(),
        owner: address(owner),
        encoding: RegisterEncoding::Uint32Wh,
        role: MeterRole::Sub,
        power_max_w: 20_000,
        opening: Box::new(opening),
        binding: key(n).sign(&place.signing_bytes(chain)),
    })
}

impl Ctx<'_> {
    /// Reads the keys of a foreign payer, which the transaction itself weighs. Returns how many.
    fn read_as_charging_does(&mut self, payer: Address) -> usize {
        self.state.contains(crate::keys::account(&payer));
        crate::modules::ledger::available(&mut self.state, payer, AssetId::NATIVE);
        self.state.touched()
    }
}

/// Counts signatures.
struct Count(usize);

impl SigSink for Count {
    fn push(&mut self, _: &PublicKey, _: &[u8], _: &Signature) {
        self.0 += 1;
    }
}

/// A chain of one: its tip's state and surroundings.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) env: BlockEnv,
    pub(crate) history: History,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(params: Params) -> Self {
        let history = History::of_genesis(&spec(params.clone()));
        let (state, header) = genesis(&spec(params.clone())).unwrap();
        let env = BlockEnv {
            params,
            chain: header.hash(),
            height: Height(1),
            time_ms: TimeMs(T0 + 1000),
            parent: header.hash(),
            proposer: key(200).public(),
        };
        let tally = Tally::of(&state).unwrap();
        Self { state, env, history, tally }
    }

    /// A body of person `n` with the next nonce on lane 0.
    pub(crate) fn body(&self, n: u8, calls: Vec<Call>) -> TxBody {
        TxBody {
            chain: self.env.chain,
            sender: address(n),
            grant: None,
            lane: Lane(0),
            nonce: crate::query::nonce(&self.state, &address(n), Lane(0)),
            expires_ms: TimeMs::MAX,
            fee_payer: address(n),
            max_fee: Amount::MAX,
            tip: Amount(0),
            calls: BoundedVec::new(calls).unwrap(),
        }
    }

    pub(crate) fn sign(&self, body: TxBody, keys: &[u8]) -> VerifiedTx {
        self.try_sign(body, keys).unwrap()
    }

    pub(crate) fn try_sign(&self, body: TxBody, keys: &[u8]) -> Result<VerifiedTx, TxError> {
        let message = body.signing_bytes();
        let auths = keys.iter().map(|n| Auth { key: key(*n).public(), signature: key(*n).sign(&message) });
        let tx = Tx::new(body, auths.collect()).unwrap();
        let checked = CheckedTx::check(tx.clone(), &self.env.chain, &self.env.params)?;
        assert_eq!((checked.id(), checked.leaf()), (tx.id(), tx.leaf()));
        assert_eq!(checked.weight(), weigh(tx.body(), keys.len()));
        verify_all(vec![checked]).remove(0)
    }

    pub(crate) fn try_run(&mut self, txs: &[VerifiedTx]) -> Result<Executed, BlockError> {
        txs.iter().for_each(|tx| self.weigh_calls(tx));
        let done = execute_block(&self.state, &self.env, txs)?;
        self.state = done.state.clone();
        self.env.time_ms = TimeMs(self.env.time_ms.0 + 1000);
        self.env.height = self.env.height.next();
        self.history.take(txs.iter().map(|tx| tx.tx()), &done.receipts);
        invariants(&self.state).unwrap();
        let found = Tally::of(&self.state).unwrap();
        self.history.check(&found).unwrap();
        self.tally.add(done.moved.as_ref().unwrap());
        assert_eq!(self.tally, found);
        Ok(done)
    }

    /// No call reads or writes more keys than it weighs: each is run by itself, whether it takes effect or not.
    fn weigh_calls(&self, tx: &VerifiedTx) {
        let mut verdicts = tx.verdicts();
        for call in &tx.tx().body().calls {
            let mut signatures = Count(0);
            call.signatures(&self.env.chain, &mut signatures);
            let mut ctx = Ctx::new(Overlay::new(&self.state), &self.env);
            let (own, rest) = verdicts.split_at(signatures.0.min(verdicts.len()));
            verdicts = rest;
            let TxBody { sender, grant, fee_payer, .. } = *tx.tx().body();
            ctx.begin(Parties { payer: fee_payer, ..Parties::alone(sender) }, own);
            let paid_before = if fee_payer == sender { 0 } else { ctx.read_as_charging_does(fee_payer) };
            let granted = grant.map_or(Weight::ZERO, |_| identity::grant_weight(1));
            if grant.is_none_or(|grant| identity::act(&mut ctx, &grant).is_ok()) {
                let _ = call.execute(&mut ctx);
            }
            let (touched, keys) = (
                (ctx.state.touched() - paid_before) as u64,
                call.weight().0 + granted.0 - weights::SIGNATURE * signatures.0 as u64,
            );
            assert!(
                touched * weights::KEY <= keys,
                "{:?} touches {touched} keys, weighs {}",
                call.name(),
                keys / weights::KEY
            );
        }
    }

    /// Runs one transaction of person `n` in a block of its own.
    pub(crate) fn run(&mut self, n: u8, calls: Vec<Call>) -> Receipt {
        let tx = self.sign(self.body(n, calls), &[n]);
        self.try_run(&[tx]).unwrap().receipts.txs.remove(0)
    }

    pub(crate) fn ok(&mut self, n: u8, call: Call) -> Vec<Event> {
        let receipt = self.run(n, vec![call]);
        assert_eq!(receipt.outcome, Outcome::Success);
        receipt.events
    }

    pub(crate) fn fails(&mut self, n: u8, call: Call, reason: Reason) {
        assert_eq!(self.run(n, vec![call]).outcome, Outcome::Failed { call: 0, reason });
    }

    pub(crate) fn funds(&self, n: u8) -> (u128, u128) {
        let wallet = crate::modules::ledger::wallet(address(n));
        let balance = crate::query::balance(&self.state, &wallet, AssetId::NATIVE);
        (balance.available().0, balance.debits_pending)
    }
}

pub(crate) fn transfer(to: u8, amount: u128) -> Call {
    Call::from(call::token::Transfer { to: address(to), asset: AssetId::NATIVE, amount: Amount(amount) })
}

/// The book that person `n` opens with this reference.
pub(crate) fn book_of(n: u8, reference: u8) -> BookId {
    BookId::of(&address(n), &Hash([reference; 32]))
}

pub(crate) fn create_book(reference: u8) -> Call {
    Call::from(call::ledger::CreateBook { reference: Hash([reference; 32]) })
}

/// An account of a book without name, parent or limits.
pub(crate) fn account_in(book: BookId, code: u32, class: AccountClass) -> call::ledger::OpenAccount {
    let (asset, name, parent) = (AssetId::NATIVE, None, None);
    call::ledger::OpenAccount { book, code, name, asset, class, parent, debit_max: None, credit_max: None }
}

/// The account, so that it never goes below zero on its class's side.
pub(crate) fn never_below_zero(account: call::ledger::OpenAccount) -> call::ledger::OpenAccount {
    let zero = Some(Amount::ZERO);
    match account.class {
        AccountClass::Asset | AccountClass::Expense => {
            call::ledger::OpenAccount { credit_max: zero, ..account }
        }
        AccountClass::Liability | AccountClass::Equity | AccountClass::Revenue => {
            call::ledger::OpenAccount { debit_max: zero, ..account }
        }
    }
}

#[test]
fn equal_blocks_give_equal_roots_and_writes_lead_to_the_state() {
    let world = World::new(params());
    let txs: Vec<_> = (1..=6)
        .map(|n| world.sign(world.body(n, vec![transfer(n % 6 + 1, 10), transfer(40 + n, 7)]), &[n]))
        .collect();
    let a = execute_block(&world.state, &world.env, &txs).unwrap();
    let b = execute_block(&world.state, &world.env, &txs).unwrap();
    assert_eq!((a.state_root, a.receipts_root, &a.writes), (b.state_root, b.receipts_root, &b.writes));
    let mut flat: std::collections::BTreeMap<_, _> =
        world.state.entries().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    for (key, value) in a.writes {
        match value {
            Some(value) => flat.insert(key, value),
            None => flat.remove(&key),
        };
    }
    assert_eq!(State::from_entries(flat).root(), a.state_root);
    assert_ne!(a.state_root, world.state.root());
    let built = build_block(
        &world.state,
        &world.env,
        txs.into_iter(),
        BuildLimits { bytes_max: usize::MAX, weight_max: Weight::MAX },
    );
    assert_eq!((built.executed.state_root, built.executed.receipts_root), (a.state_root, a.receipts_root));
}

#[test]
fn a_failed_transaction_leaves_nonce_and_fee_only() {
    let mut world = World::new(Params { weight_price: Amount(1), ..params() });
    let receipt = world.run(1, vec![transfer(2, 10), transfer(60, 5), transfer(2, u128::MAX)]);
    assert_eq!(receipt.outcome, Outcome::Failed { call: 2, reason: Reason::InsufficientFunds });
    assert_eq!(
        receipt.events,
        [Event::Ledger(LedgerEvent::FeeCharged { payer: address(1), amount: receipt.fee })]
    );
    assert_eq!(world.funds(1).0, START.0 - receipt.fee.0);
    assert_eq!(world.funds(2).0, START.0);
    assert_eq!(world.state.read(crate::keys::account(&address(60))), None);
    assert_eq!(crate::query::nonce(&world.state, &address(1), Lane(0)), Nonce(1));
}

#[test]
fn a_block_is_filled_up_to_its_limits() {
    let world = World::new(params());
    let txs: Vec<_> = (1..=6).map(|n| world.sign(world.body(n, vec![transfer(9, 1)]), &[n])).collect();
    let (bytes, weight) = (txs[0].encoded_len(), txs[0].weight().0);
    let table = [
        (usize::MAX, u64::MAX, 6),
        (bytes * 3, u64::MAX, 3),
        (bytes * 3 - 1, u64::MAX, 2),
        (usize::MAX, weight * 4, 4),
        (usize::MAX, weight - 1, 0),
    ];
    for (bytes_max, weight, want) in table {
        let limits = BuildLimits { bytes_max, weight_max: Weight(weight) };
        let built = build_block(&world.state, &world.env, txs.clone().into_iter(), limits);
        assert_eq!((built.txs.len(), built.skipped.len()), (want, 0), "{limits:?}");
    }
    let mut env = world.env.clone();
    env.params.block_weight_max = Weight(weight * 2);
    assert!(matches!(execute_block(&world.state, &env, &txs), Err(BlockError::Weight { .. })));
}

#[test]
fn genesis_is_pinned() {
    let (state, header) = genesis(&spec(params())).unwrap();
    invariants(&state).unwrap();
    assert_eq!(header.state_root, state.root());
    // Keys, records, trie and header as they are encoded: another value is another protocol.
    let pins = [state.root(), header.hash()].map(|hash| hash.to_string());
    assert_eq!(
        pins,
        [
            "a02fb337ef27b70236a952c55e6553473e4a62ed32b19fc8fb003f985b67145e",
            "9dd380f6b292bdbbe6deb5590b00e62cc39569fed084aee6404628a60dd95881"
        ]
    );
    assert_eq!(state.read(crate::keys::params()), Some(params()));
    assert_eq!(crate::query::issuance_counters(&state, AssetId::NATIVE), (Amount(START.0 * 6), Amount(0)));
    let meters = crate::query::meters(&state, &crate::query::microgrids(&state, 0, 9)[0].0, 0, 9);
    assert_eq!(meters.len(), 1);
    assert_eq!(meters[0].0, address(50));
    let mut orphan = spec(params());
    orphan.microgrids[0].operator = address(77);
    assert!(matches!(genesis(&orphan), Err(GenesisFailure::Part { part: "microgrid", .. })));
}
