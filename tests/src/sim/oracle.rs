//! The rules that hold whatever goes wrong, derived anew from what nodes say and do, not from what they believe.

// A new call or event of the modules that are told here must not be passed over unseen; one of another is refused.
#![deny(clippy::wildcard_enum_match_arm)]

use super::bills::Bills;
use super::byzantine::Lie;
use super::coverage::{Coverage, Mark};
use super::plan::{Plan, Role, WALLET_BALANCE, WALLETS};
use super::village::account;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use wattle_node::driver::FinalBlock;
use wattle_node::work::ExecuteError;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{
    Accusation, Address, Amount, AssetId, BlockId, Call, Epoch, Event, Genesis, Hash, Header, Height,
    Outcome, PublicKey, Receipt, Round, TimeMs, Tx, View, Vote, VoteKind, call,
};
use wattle_runtime::modules::invariants;
use wattle_runtime::supply::{History, Tally};
use wattle_runtime::{State, Store, query};

/// The first round of all.
const FIRST: Round = Round { epoch: Epoch(0), view: View(1) };

/// The judge of a run.
pub(super) struct Oracle {
    chain: Hash,
    genesis: Genesis,
    /// Money issued and burned up to the highest final block.
    history: History,
    /// Validators that are not honest.
    byzantine: BTreeMap<PublicKey, Role>,
    pub(super) stormy: bool,
    /// Situations that occurred so far.
    pub(super) coverage: Coverage,
    /// Blocks of liars.
    lies: BTreeMap<Hash, Lie>,
    /// Nodes that received such a block, by its round.
    exposed: BTreeMap<(usize, Round), Lie>,
    /// States after final blocks, for proofs.
    states: BTreeMap<Height, State>,
    /// Times of blocks that were proposed.
    times: BTreeMap<Hash, TimeMs>,
    /// Every final block that any node has seen.
    finalized: BTreeMap<Height, Hash>,
    /// The round of the highest one.
    last_final: Round,
    /// Every transaction in one of them.
    pub(super) txs: BTreeMap<Hash, Height>,
    /// The height up to which each node has told its clients that blocks are final.
    announced: BTreeMap<usize, Height>,
    /// Every vote an honest validator ever sent.
    votes: BTreeMap<(PublicKey, Round, VoteKind), Vote>,
    /// Balances that the wallets must have.
    balances: BTreeMap<Address, u128>,
    /// Reserved parts of them: the wallet of each hold.
    holds: BTreeMap<Hash, Address>,
    /// Energy and its money.
    bills: Bills,
}

impl Oracle {
    pub(super) fn new(
        chain: Hash,
        genesis: Genesis,
        byzantine: BTreeMap<PublicKey, Role>,
        plan: &Plan,
    ) -> Self {
        let balances = (0..WALLETS).map(|i| (account(i), WALLET_BALANCE)).collect();
        Self {
            chain,
            history: History::of_genesis(&genesis),
            genesis,
            byzantine,
            stormy: true,
            coverage: Coverage::default(),
            lies: BTreeMap::new(),
            exposed: BTreeMap::new(),
            states: BTreeMap::new(),
            times: BTreeMap::new(),
            finalized: BTreeMap::new(),
            last_final: Round { epoch: Epoch(0), view: View::ZERO },
            txs: BTreeMap::new(),
            announced: BTreeMap::new(),
            votes: BTreeMap::new(),
            balances,
            holds: BTreeMap::new(),
            bills: Bills::new(plan),
        }
    }

    /// The highest final block.
    pub(super) fn height(&self) -> Height {
        self.finalized.last_key_value().map_or(Height::ZERO, |(height, _)| *height)
    }

    /// Views that a round is above the last final block, in its own epoch.
    pub(super) fn views_above_final(&self, round: Round) -> u64 {
        match round.epoch.cmp(&self.last_final.epoch) {
            Ordering::Less => 0,
            Ordering::Equal => round.view.saturating_sub(self.last_final.view).0,
            Ordering::Greater => round.view.0,
        }
    }

    /// A node takes blocks for final: they are the ones everybody else takes for final.
    ///
    /// None is dated after `latest`: the fastest honest clock, and the skew.
    pub(super) fn finalizing(
        &mut self,
        node: usize,
        batch: &[FinalBlock],
        latest: TimeMs,
    ) -> Result<(), String> {
        for item in batch {
            let header = item.block.header();
            let (height, hash) = (header.height, item.block.hash);
            if header.time_ms > latest {
                let ahead = header.time_ms.0 - latest.0;
                return Err(format!("TIME: height {height} is {ahead} ms ahead of every clock and the skew"));
            }
            if let Some(known) = self.finalized.get(&height) {
                if *known != hash {
                    return Err(format!(
                        "FORK at height {height}: {known} is final, node {node} finalizes {hash}"
                    ));
                }
            } else {
                if height != self.height().next() {
                    return Err(format!("node {node} finalizes height {height} above {}", self.height()));
                }
                self.first_seen(item)?;
            }
            if item.executed.state.root() != header.state_root
                || item.executed.receipts.root() != header.receipts_root
            {
                return Err(format!("node {node}: roots of height {height} are not those of its header"));
            }
            if let Some(certificate) = &item.certificate {
                let covers = certificate.vote.proposal().is_some_and(|p| p.block == hash);
                if certificate.vote.kind() != VoteKind::Finalize || !covers {
                    return Err(format!(
                        "node {node}: the certificate of height {height} is another block's"
                    ));
                }
            }
        }
        Ok(())
    }

    fn first_seen(&mut self, item: &FinalBlock) -> Result<(), String> {
        let header = item.block.header();
        if header.height.0 > 1 && self.finalized.get(&Height(header.height.0 - 1)) != Some(&header.parent) {
            return Err(format!("height {} does not extend the final block below", header.height));
        }
        self.history.take(&item.block.block.txs, &item.executed.receipts);
        let set = self.genesis.validators(header.epoch).ok_or("an epoch without validators")?;
        if header.validators_hash != set.hash() || header.epoch != self.genesis.params.epoch_of(header.height)
        {
            return Err(format!("height {} names the wrong epoch or set", header.height));
        }
        if let Some(certificate) = &item.certificate {
            certificate.verify(&self.chain, set).map_err(|e| format!("height {}: {e}", header.height))?;
        }
        self.finalized.insert(header.height, item.block.hash);
        self.last_final = item.block.round();
        self.states.insert(header.height, item.executed.state.clone());
        if self.stormy && header.next_validators_hash != header.validators_hash {
            self.coverage.mark(Mark::SetChange);
        }
        let (time_ms, receipts) = (header.time_ms.0, &item.executed.receipts);
        self.move_money(&receipts.block)?;
        self.charge_work(&receipts.block)?;
        self.bills.take_events(&receipts.block, time_ms, &mut self.coverage)?;
        for (tx, receipt) in item.block.block.txs.iter().zip(&receipts.txs) {
            if let Some(before) = self.txs.insert(tx.id(), header.height) {
                return Err(format!(
                    "transaction {} is final at heights {before} and {}",
                    tx.id(),
                    header.height
                ));
            }
            self.book(tx, receipt, time_ms)?;
        }
        self.compare(&item.executed.state).map_err(|e| format!("after height {}: {e}", header.height))
    }

    /// Applies a transaction to the wallets: a transfer by its words, calls about energy by their events.
    fn book(&mut self, tx: &Tx, receipt: &Receipt, time_ms: u64) -> Result<(), String> {
        let body = tx.body();
        self.pay(&body.fee_payer, receipt.fee.0)?;
        if receipt.outcome != Outcome::Success {
            return Ok(());
        }
        for call in body.calls.iter() {
            if let Call::Token(call::TokenCall::Transfer(call::token::Transfer { to, amount, .. })) = call {
                self.pay(&body.sender, amount.0)?;
                self.receive(to, *amount);
            } else if matches!(call, Call::Energy(_) | Call::Market(_) | Call::Deals(_) | Call::Disputes(_)) {
                self.move_money(&receipt.events)?;
            } else {
                return Err(format!("a call that no client makes: {:?}", call.name()));
            }
        }
        self.bills.take_tx(tx, receipt, time_ms, &mut self.coverage)
    }

    /// Money that is posted or reserved by settlement, the market and deals.
    fn move_money(&mut self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let Event::Ledger(event) = event else { continue }; // which tells of all money that others move
            match event {
                LedgerEvent::Posted { debit, credit, amount, .. } => {
                    if let AccountId::Wallet { owner } = debit {
                        self.pay(owner, amount.0)?;
                    }
                    if let AccountId::Wallet { owner } = credit {
                        self.receive(owner, *amount);
                    }
                }
                LedgerEvent::HoldCreated { hold, debit: AccountId::Wallet { owner }, amount, .. } => {
                    self.pay(owner, amount.0)?;
                    self.holds.insert(*hold, *owner);
                }
                LedgerEvent::HoldCaptured { hold, captured, released, left } => {
                    let owner = *self.holds.get(hold).ok_or("a hold is captured twice")?;
                    if *left == Amount::ZERO {
                        self.holds.remove(hold);
                    }
                    self.receive(&owner, captured.saturating_add(*released)); // it is posted next
                }
                LedgerEvent::HoldReleased { hold, amount, .. } => {
                    let owner = self.holds.remove(hold).ok_or("a hold is released twice")?;
                    self.receive(&owner, *amount);
                }
                // Fees are taken from receipts, and those of due work apart.
                LedgerEvent::FeeCharged { .. }
                | LedgerEvent::BookCreated { .. }
                | LedgerEvent::LedgerAccountOpened { .. }
                | LedgerEvent::JournalPosted { .. }
                | LedgerEvent::JournalRepeated { .. }
                | LedgerEvent::PeriodSet { .. }
                | LedgerEvent::HoldCreated { .. } => {}
            }
        }
        Ok(())
    }

    /// Fees that no transaction pays: for a microgrid's work. It has no wallet of its own here.
    fn charge_work(&mut self, events: &[Event]) -> Result<(), String> {
        for event in events {
            if let Event::Ledger(LedgerEvent::FeeCharged { payer, amount }) = event {
                self.pay(payer, amount.0)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, owner: &Address, amount: Amount) {
        if let Some(balance) = self.balances.get_mut(owner) {
            *balance += amount.0;
        }
    }

    fn pay(&mut self, payer: &Address, amount: u128) -> Result<(), String> {
        let balance = self.balances.get_mut(payer).ok_or("a payer that is no wallet")?;
        *balance = balance.checked_sub(amount).ok_or_else(|| format!("{payer} pays more than it has"))?;
        Ok(())
    }

    fn compare(&mut self, state: &State) -> Result<(), String> {
        for (address, expected) in &self.balances {
            let wallet = AccountId::Wallet { owner: *address };
            let got = query::balance(state, &wallet, AssetId::NATIVE).available().0;
            if got != *expected {
                return Err(format!("{address} has {got}, should have {expected}"));
            }
        }
        self.bills.compare(state)?;
        Tally::of(state).and_then(|found| self.history.check(&found)).map_err(|e| format!("MONEY: {e}"))?;
        if std::mem::take(&mut self.bills.settled) {
            invariants(state).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Checks a node's disk at the end: energy and money add up, and if it is the newest state, so do the bills.
    pub(super) fn final_state(&self, height: Height, state: &State) -> Result<(), String> {
        invariants(state).map_err(|e| e.to_string())?;
        let known = self.states.get(&height).map(State::root);
        if height > Height::ZERO && known != Some(state.root()) {
            return Err(format!("another state than that of height {height}"));
        }
        if height < self.height() {
            return Ok(());
        }
        Tally::of(state).and_then(|found| self.history.check(&found)).map_err(|e| format!("MONEY: {e}"))?;
        self.bills.compare(state)
    }

    /// A node tells its clients that a block is final: from now on it must never be lost.
    pub(super) fn announced(
        &mut self,
        node: usize,
        announcement: &FinalBlock,
        store: &dyn Store,
    ) -> Result<(), String> {
        let header = announcement.block.header();
        let before = self.announced.insert(node, header.height).unwrap_or_default();
        if header.height != before.next() {
            return Err(format!("node {node} announces height {} after {before}", header.height));
        }
        let stored = store.tip().map_err(|e| e.to_string())?.map(|t| t.header.height);
        if stored < Some(header.height) {
            return Err(format!(
                "node {node} announces height {} with {stored:?} in its store",
                header.height
            ));
        }
        Ok(())
    }

    /// The same without looking into the store: the fault that was planted must be found later.
    pub(super) fn announced_unchecked(&mut self, node: usize, height: Height) {
        self.announced.insert(node, height);
    }

    /// A node has come back: all that it had told is there.
    pub(super) fn booted(&mut self, node: usize, height: Height, store: &dyn Store) -> Result<(), String> {
        let told = self.announced.insert(node, height).unwrap_or_default();
        if height < told {
            return Err(format!(
                "LOST: node {node} had announced height {told} and comes back with {height}"
            ));
        }
        self.stored(node, store, height)
    }

    /// A node's store holds what is final, and nothing else.
    pub(super) fn stored(&self, node: usize, store: &dyn Store, height: Height) -> Result<(), String> {
        for (at, hash) in self.finalized.range(..=height) {
            let header = store.header(BlockId::Height(*at)).map_err(|e| e.to_string())?;
            if header.map(|h| h.hash()) != Some(*hash) {
                return Err(format!("node {node} stores another block at height {at}"));
            }
        }
        Ok(())
    }

    /// An honest validator sends something: none of its votes contradicts an earlier one.
    pub(super) fn sent(
        &mut self,
        node: usize,
        by: Option<PublicKey>,
        message: &ValidatorMessage,
    ) -> Result<(), String> {
        let signed = match message {
            ValidatorMessage::Proposal { vote, .. } | ValidatorMessage::Vote(vote) => vote,
            ValidatorMessage::Certificate(certificate) => {
                // The first view begins before all are linked; whether it is given up says nothing.
                let first = certificate.vote.round() == FIRST;
                if certificate.vote.kind() == VoteKind::Nullify && !first {
                    self.coverage.mark(Mark::Nullified);
                }
                return Ok(());
            }
            ValidatorMessage::Links(_) | ValidatorMessage::Heard(_) | ValidatorMessage::Clock(_) => {
                return Ok(());
            }
        };
        let (vote, round) = (signed.vote, signed.vote.round());
        let signer =
            self.genesis.validators(round.epoch).and_then(|set| set.get(signed.signer)).map(|v| v.key);
        let (Some(by), Some(signer)) = (by, signer) else { return Err("a vote of nobody".to_owned()) };
        if by != signer {
            if matches!(message, ValidatorMessage::Proposal { .. }) {
                self.coverage.mark(Mark::Relay);
            }
            return Ok(()); // relayed
        }
        let known = *self.votes.entry((by, round, vote.kind())).or_insert(vote);
        if let Some(role) = self.byzantine.get(&by) {
            if known != vote {
                self.coverage.mark(match role {
                    Role::Amnesiac => Mark::AmnesiaDoubleVote,
                    Role::Twins => Mark::TwinDoubleVote,
                    Role::Liar | Role::Honest => Mark::LiarDoubleVote,
                });
            }
            return Ok(());
        }
        self.judge(node, &vote)?;
        if known != vote {
            return Err(format!("DOUBLE VOTE of {by} in {round}: {known:?} and {vote:?}"));
        }
        let rival = match vote.kind() {
            VoteKind::Nullify => VoteKind::Finalize,
            VoteKind::Finalize => VoteKind::Nullify,
            VoteKind::Notarize => return Ok(()),
        };
        if self.votes.contains_key(&(by, round, rival)) {
            return Err(format!("{by} has sent nullify and finalize in {round}"));
        }
        Ok(())
    }

    /// A liar proposes a block of its own making.
    pub(super) fn lied(&mut self, lie: Lie, block: Hash) {
        self.coverage.mark(lie.marks().0);
        self.lies.insert(block, lie);
    }

    /// A node receives something of a validator.
    pub(super) fn received(&mut self, node: usize, message: &ValidatorMessage) {
        let ValidatorMessage::Proposal { vote, block } = message else { return };
        let hash = block.hash();
        self.times.insert(hash, block.header.time_ms);
        if let Some(lie) = self.lies.get(&hash).filter(|lie| lie.is_poison()) {
            self.exposed.insert((node, vote.vote.round()), *lie);
        }
    }

    /// The time of a block that was proposed.
    pub(super) fn time_of(&self, block: &Hash) -> Option<TimeMs> {
        self.times.get(block).copied()
    }

    /// An honest validator votes: never for a bad block. One that gives the view of such a block up has refused it.
    fn judge(&mut self, node: usize, vote: &Vote) -> Result<(), String> {
        if let Some(lie) = vote.proposal().and_then(|p| self.lies.get(&p.block)).filter(|lie| lie.is_poison())
        {
            return Err(format!("POISON: node {node} votes {vote:?}, which is bad by its {lie:?}"));
        }
        if vote.kind() == VoteKind::Nullify
            && let Some(lie) = self.exposed.remove(&(node, vote.round()))
            && let Some(mark) = lie.marks().1
        {
            self.coverage.mark(mark);
        }
        Ok(())
    }

    /// A node has executed a block: only a liar's fails, and for the reason that is in it.
    pub(super) fn executed(&mut self, node: usize, block: &Hash, error: &ExecuteError) -> Result<(), String> {
        match self.lies.get(block) {
            Some(lie) if lie.explains(error) => Ok(()),
            lie => Err(format!("node {node}: block {block} ({lie:?}) is invalid: {error}")),
        }
    }

    /// Whether a key is of a validator that is not honest.
    pub(super) fn is_byzantine(&self, key: &PublicKey) -> bool {
        self.byzantine.contains_key(key)
    }

    /// A node has lost everything that it had told.
    pub(super) fn forgets(&mut self, node: usize) {
        self.announced.remove(&node);
    }

    /// A light client believes a header.
    pub(super) fn light_head(&self, client: usize, head: &Header) -> Result<(), String> {
        let known = self.finalized.get(&head.height);
        if head.height > Height::ZERO && known != Some(&head.hash()) {
            return Err(format!(
                "DECEIVED: light client {client} believes {} at height {}, final is {known:?}",
                head.hash(),
                head.height
            ));
        }
        Ok(())
    }

    /// A light client believes a record of state.
    pub(super) fn light_proof(
        &mut self,
        client: usize,
        key: &[u8],
        value: Option<&[u8]>,
        height: Height,
    ) -> Result<(), String> {
        let state = self.states.get(&height);
        let known = state.and_then(|s| s.get(key)).map(|value| value.to_vec());
        if state.is_none() || known.as_deref() != value {
            return Err(format!(
                "DECEIVED: light client {client} believes {value:?} at {height}, it is {known:?}"
            ));
        }
        self.coverage.mark(Mark::LightProven);
        Ok(())
    }

    /// Somebody is accused: it must not be honest, and the proof must hold.
    pub(super) fn accused(&mut self, found: &Accusation) -> Result<(), String> {
        let evidence = &found.evidence;
        let epoch = evidence.first.vote.round().epoch;
        let set = self.genesis.validators(epoch).ok_or("evidence of no epoch")?;
        evidence.verify(&self.chain, set).map_err(|e| format!("evidence does not verify: {e}"))?;
        let culprit = set.get(evidence.culprit()).map(|v| v.key);
        if culprit != Some(found.validator) {
            return Err(format!("evidence against {culprit:?} is told against {}", found.validator));
        }
        let mark = match culprit.and_then(|key| self.byzantine.get(&key)) {
            Some(Role::Amnesiac) => Mark::AmnesiaEvidence,
            Some(Role::Twins) => Mark::TwinEvidence,
            Some(Role::Liar) => Mark::LiarEvidence,
            Some(Role::Honest) | None => {
                return Err(format!("evidence against the honest validator {culprit:?}: {evidence:?}"));
            }
        };
        self.coverage.mark(mark);
        Ok(())
    }
}
