//! A chain for tests, of one validator unless said otherwise: blocks that a worker built, with certificates.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::driver::Boot;
use crate::signer::Barred;
use crate::work::{self, BuildJob, BuiltBlock, TxCache, Worker};
use std::sync::Arc;
use wattle_chain_spec::Preset;
use wattle_primitives::genesis::{GenesisAccount, ScheduledSet};
use wattle_primitives::*;
use wattle_primitives::{Call, call};
use wattle_runtime::{CheckedTx, Schedule, State, VerifiedTx, genesis, verify_all};

pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

pub(crate) fn address(n: u8) -> Address {
    Address::of_key(&key(n).public())
}

/// Balance of persons 1 to 3 at genesis.
pub(crate) const START: u128 = 1_000_000;
/// Whose key validates.
pub(crate) const VALIDATOR: u8 = 200;

/// The tip, and what is needed to go on.
pub(crate) struct TestChain {
    pub(crate) genesis: Genesis,
    pub(crate) worker: Worker,
    pub(crate) header: Header,
    pub(crate) state: State,
}

impl TestChain {
    pub(crate) fn new() -> Self {
        Self::of(&[VALIDATOR])
    }

    /// Of these persons as validators, all of the same power.
    pub(crate) fn of(validators: &[u8]) -> Self {
        let mut accounts: Vec<_> =
            (1..=3).map(|n| GenesisAccount { key: key(n).public(), balance: Amount(START) }).collect();
        accounts.sort_by_key(|account| account.key);
        let validator = |n: &u8| Validator { key: key(*n).public(), power: VotingPower(1) };
        let spec = Genesis {
            chain_id: "test".to_owned(),
            time_ms: TimeMs(1_800_000_000_000),
            native_symbol: "WAT".parse().unwrap(),
            native_scale: 6,
            params: Params {
                epoch_length: 100,
                block_bytes_max: 1 << 20,
                block_weight_max: Weight(1_000_000),
                account_deposit: Amount(5),
                bandwidth_rate: Weight(1_000_000),
                bandwidth_capacity: Weight(1_000_000),
                ..Preset::Devnet.template().unwrap().genesis.params
            },
            validator_sets: vec![ScheduledSet {
                from_epoch: Epoch(0),
                validators: ValidatorSet::new(validators.iter().map(validator).collect()).unwrap(),
            }],
            accounts,
            microgrids: Vec::new(),
        };
        let (state, header) = genesis(&spec).unwrap();
        let worker = Worker {
            chain: header.hash(),
            schedule: Arc::new(Schedule::of(&state).unwrap()),
            cache: Arc::new(TxCache::default()),
        };
        Self { genesis: spec, worker, header, state }
    }

    /// Start of a node that has this chain and has done nothing yet.
    pub(crate) fn boot(&self) -> Boot {
        Boot {
            header: self.header.clone(),
            state: self.state.clone(),
            schedule: Arc::clone(&self.worker.schedule),
            certificate: None,
            records: Vec::new(),
            bodies: Vec::new(),
            given_up: None,
            latest: None,
            accusations: Vec::new(),
            barred: Barred::Free,
        }
    }

    /// A payment of person `n` to person 3.
    pub(crate) fn pay(&self, n: u8, lane: Lane, nonce: u64, amount: u128) -> Tx {
        let (to, asset) = (address(3), AssetId::NATIVE);
        let transfer = Call::from(call::token::Transfer { to, asset, amount: Amount(amount) });
        let body = TxBody {
            chain: self.worker.chain,
            sender: address(n),
            grant: None,
            lane,
            nonce: Nonce(nonce),
            expires_ms: TimeMs::MAX,
            fee_payer: address(n),
            max_fee: Amount::MAX,
            tip: Amount(0),
            calls: BoundedVec::new(vec![transfer]).unwrap(),
        };
        let signature = key(n).sign(&body.signing_bytes());
        Tx::new(body, vec![Auth { key: key(n).public(), signature }]).unwrap()
    }

    pub(crate) fn verified(&self, tx: &Tx) -> VerifiedTx {
        let checked =
            CheckedTx::check(tx.clone(), &self.worker.chain, self.worker.schedule.params()).unwrap();
        verify_all(vec![checked]).remove(0).unwrap()
    }

    /// A block on the tip, which stays where it is.
    pub(crate) fn build(&self, txs: &[Tx]) -> BuiltBlock {
        self.build_in(self.header.view.next(), VALIDATOR, txs)
    }

    /// The same, in a view that person `n` leads.
    pub(crate) fn build_in(&self, view: View, n: u8, txs: &[Tx]) -> BuiltBlock {
        let template = Header {
            chain: self.worker.chain,
            view,
            height: self.header.height.next(),
            parent: self.header.hash(),
            time_ms: TimeMs(self.header.time_ms.0 + 1000),
            proposer: key(n).public(),
            ..self.header.clone()
        };
        let candidates = txs.iter().map(|tx| self.verified(tx)).collect();
        let round = Round { epoch: Epoch(0), view };
        let (state, bytes_max) = (self.state.clone(), usize::MAX);
        work::build(&self.worker, BuildJob { round, template, state, candidates, bytes_max })
    }

    /// Goes on by a block with these transactions.
    pub(crate) fn push(&mut self, txs: &[Tx]) -> Block {
        let built = self.build(txs);
        self.header = built.block.header().clone();
        self.state = built.executed.state.clone();
        built.block.block.clone()
    }

    /// A finalization of `header`, signed with the key of person `n`.
    pub(crate) fn certify(&self, header: &Header, n: u8) -> Certificate {
        let round = Round { epoch: header.epoch, view: header.view };
        let vote = Vote::Finalize(Proposal { round, parent_view: View(0), block: header.hash() });
        let signature = key(n).sign(&vote.signing_bytes(&self.worker.chain));
        let signed = SignedVote { vote, signer: ValidatorIndex(0), signature };
        Certificate::assemble(vote, [&signed], self.worker.schedule.validators(Epoch(0))).unwrap()
    }
}
