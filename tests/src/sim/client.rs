//! Wallets and meters: they submit, ask again, submit to several nodes, and sometimes submit nonsense.

use super::plan::{Plan, WALLETS};
use super::rng::Rng;
use super::village::{Sender, Village, account};
use std::collections::BTreeMap;
use wattle_node::driver::SubmitError;
use wattle_node::work::Token;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, BoundedVec, Call, Hash, Lane, Nonce, Signature, TimeMs, Tx, TxBody, call,
};

/// How long a client waits before it submits a transaction again, in ms.
const RETRY_MS: u64 = 2_500;
/// Most transactions under way.
const PENDING_MAX: usize = 60;
/// How many of a thousand transactions are about energy.
const ENERGY: u64 = 600;
/// Lanes that a sender uses.
const LANES: u64 = 2;

/// Transactions that a client has submitted and not yet seen final.
#[derive(Debug)]
struct Pending {
    tx: Tx,
    /// The node it was first submitted to.
    home: usize,
    retry_at: u64,
}

/// Transactions for one node.
pub(super) struct Batch {
    pub(super) node: usize,
    pub(super) txs: Vec<Tx>,
    /// Whether it must be refused.
    pub(super) nonsense: bool,
}

/// All clients.
pub(super) struct Clients {
    chain: Hash,
    /// Whether each wallet talks to one node only.
    loyal: bool,
    nodes: usize,
    rng: Rng,
    nonces: BTreeMap<(Sender, u16), u64>,
    village: Village,
    pending: BTreeMap<u64, Pending>,
    issued: u64,
    /// Submissions without answer: (node, life, token), and whether they must be refused.
    asked: BTreeMap<(usize, u64, Token), bool>,
}

impl Clients {
    pub(super) fn new(chain: Hash, plan: &Plan) -> Self {
        let mut rng = Rng::new(plan.seed, "clients");
        Self {
            chain,
            // Who knows only a node that is off has nobody to submit to.
            loyal: rng.coin() && plan.outages.is_empty(),
            nodes: plan.nodes(),
            rng,
            nonces: BTreeMap::new(),
            village: Village::new(chain, plan),
            pending: BTreeMap::new(),
            issued: 0,
            asked: BTreeMap::new(),
        }
    }

    /// Good transactions issued.
    pub(super) const fn issued(&self) -> u64 {
        self.issued
    }

    /// Good transactions that are not known to be final.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The transaction that was issued first and is not final.
    pub(super) fn oldest(&self) -> Option<Hash> {
        self.pending.first_key_value().map(|(_, p)| p.tx.id())
    }

    /// Forgets what is final.
    pub(super) fn settle(&mut self, finalized: &BTreeMap<Hash, wattle_primitives::Height>) {
        self.pending.retain(|_, pending| !finalized.contains_key(&pending.tx.id()));
    }

    /// Batches to submit at this time of day, each to one of the nodes that are `up`. `fresh`: new transactions too.
    pub(super) fn next(&mut self, now: u64, wall: u64, up: &[usize], fresh: bool) -> Vec<Batch> {
        let mut batches: BTreeMap<usize, Vec<Tx>> = BTreeMap::new();
        for pending in self.pending.values_mut().filter(|p| p.retry_at <= now) {
            pending.retry_at = now + RETRY_MS;
            let node = if self.loyal { pending.home } else { self.rng.pick(up).copied().unwrap_or(0) };
            batches.entry(node).or_default().push(pending.tx.clone());
        }
        if fresh && self.pending.len() < PENDING_MAX {
            for _ in 0..self.rng.between(1, 4) {
                let (home, tx) = self.issue(now, wall, up);
                batches.entry(home).or_default().push(tx.clone());
                if self.rng.chance(200) {
                    batches.entry(self.rng.pick(up).copied().unwrap_or(0)).or_default().push(tx);
                }
            }
        }
        let mut batches: Vec<Batch> =
            batches.into_iter().map(|(node, txs)| Batch { node, txs, nonsense: false }).collect();
        if fresh && self.rng.chance(100) {
            let node = self.rng.pick(up).copied().unwrap_or(0);
            batches.push(Batch { node, txs: vec![self.nonsense()], nonsense: true });
        }
        batches
    }

    /// A node was asked; its answer is checked.
    pub(super) fn asked(&mut self, node: usize, life: u64, token: Token, nonsense: bool) {
        self.asked.insert((node, life, token), nonsense);
    }

    /// A node's verdicts.
    pub(super) fn answered(
        &mut self,
        at: (usize, u64, Token),
        answers: &[Result<Hash, (Hash, SubmitError)>],
    ) -> Result<(), String> {
        let Some(nonsense) = self.asked.remove(&at) else {
            return Err("an answer to no question".to_owned());
        };
        for answer in answers {
            match answer {
                Ok(id) if nonsense => return Err(format!("node {} takes the nonsense {id}", at.0)),
                Err((id, SubmitError::Tx(error))) if !nonsense && error.is_stateless() => {
                    return Err(format!("node {} calls the good transaction {id} malformed: {error}", at.0));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn issue(&mut self, now: u64, wall: u64, up: &[usize]) -> (usize, Tx) {
        let wallet = self.rng.index(WALLETS);
        let (pending, issued) = (&self.pending, self.issued + 1);
        let energy =
            self.rng.chance(ENERGY).then(|| self.village.next(wall, issued, |n| pending.contains_key(&n)));
        let (sender, call) = match energy.flatten() {
            Some((sender, call)) => (sender, call),
            None => (Sender::Wallet(wallet), self.transfer()),
        };
        // A loyal client knows one node only, whatever becomes of it.
        let (Sender::Wallet(n) | Sender::Meter(n)) = sender;
        let home = if self.loyal { n % self.nodes } else { self.rng.pick(up).copied().unwrap_or(0) };
        let lane = u16::try_from(self.rng.below(LANES)).unwrap_or(0);
        let nonce = self.nonces.entry((sender, lane)).or_default();
        let this = *nonce;
        *nonce += 1;
        let tip = Amount(u128::from(self.rng.below(50)));
        let tx = self.sign(sender, Lane(lane), this, tip, call);
        self.issued = issued;
        self.pending.insert(issued, Pending { tx: tx.clone(), home, retry_at: now + RETRY_MS });
        (home, tx)
    }

    /// A transfer; some ask for more than there is and fail with a receipt.
    fn transfer(&mut self) -> Call {
        let to = account(self.rng.index(WALLETS));
        let amount =
            if self.rng.chance(50) { u128::MAX >> 2 } else { u128::from(self.rng.between(1, 1_000)) };
        Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: Amount(amount) })
    }

    /// A transaction that no node may take.
    fn nonsense(&mut self) -> Tx {
        let wallet = self.rng.index(WALLETS);
        let call = self.transfer();
        let good = self.sign(Sender::Wallet(wallet), Lane(0), 1 << 40, Amount::ZERO, call);
        let mut body = good.body().clone();
        let mut auths = good.auths().clone().into_inner();
        match self.rng.below(3) {
            0 => auths.iter_mut().for_each(|a| a.signature = Signature([7; 64])),
            1 => body.chain = Hash([9; 32]),
            _ => body.lane = Lane(99),
        }
        Tx::new(body, auths).unwrap_or(good)
    }

    fn sign(&self, from: Sender, lane: Lane, nonce: u64, tip: Amount, call: Call) -> Tx {
        let key = from.key();
        let sender = Address::of_key(&key.public());
        let fee_payer = if let Sender::Meter(_) = from { account(0) } else { sender };
        let body = TxBody {
            chain: self.chain,
            sender,
            grant: None,
            lane,
            nonce: Nonce(nonce),
            expires_ms: TimeMs::MAX,
            fee_payer,
            max_fee: Amount(1_000_000),
            tip,
            calls: BoundedVec::new(vec![call]).unwrap_or_default(),
        };
        let auth = Auth { key: key.public(), signature: key.sign(&body.signing_bytes()) };
        Tx::new(body, vec![auth]).unwrap_or_else(|_| unreachable!("one auth is not too many"))
    }
}
