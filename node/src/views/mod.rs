//! What clients of the JSON-RPC interface see: [`Backend`] over the last committed block, the database and the driver.
//!
//! ```text
//! chain    status, blocks, validators        account  records, proofs, history
//! tx       prepare, simulate, submit, fate   reject   why a transaction was refused, as clients read it
//! energy   microgrids, meters, readings      keys     which key a meter's address is the hash of
//! ledger   holds, counters, assets           events   pages of events
//! node     peers, consensus, evidence        health   whether it works, and whether it is fresh
//! search   what a text may mean              page     cursors
//! ```
//!
//! An answer is made from one committed view, which never changes under it. Everything is bounded by the request's
//! limit; where a walk could be longer than its result, by a named constant too.

mod account;
mod chain;
mod energy;
mod events;
mod health;
mod keys;
mod ledger;
mod node;
mod page;
mod reject;
mod search;
mod tx;

#[cfg(test)]
mod tests;

use crate::driver::{Answer, DriverStatus, Question};
use crate::run::shared::{Shared, View};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;
use wattle_host::wall::now as wall;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, AssetId, BlockId, Epoch, Hash, Height, TimeMs, Tx, TxBody};
use wattle_rpc::types::{
    AccountReply, Anchored, AssetInfo, At, BillRequest, BlockReply, ChainStatus, ConsensusReply, DealInfo,
    DisputeInfo, DisputesRequest, EventItem, EventPage, EventPosition, EventProof, EvidenceItem, Health,
    HistoryItem, HoldInfo, IntervalInfo, LedgerAccountInfo, LightBlock, MemberInfo, MeterInfo, MicrogridInfo,
    OrderBook, OrderInfo, Page, PageRequest, ParamsReply, PrepareRequest, PreparedTx, ProofReply,
    ProofTarget, Readiness, ReadingItem, ReadingsRequest, SearchReply, Simulation, TermsInfo, TxReply,
    TxStatus, ValidatorsReply,
};
use wattle_rpc::{Backend, Gauges, Peers, RpcError, RpcResult};
use wattle_runtime::{BlockEnv, StoreError};

/// How long the driver may take to answer a question before the client is told that it is not available.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// A node as its clients see it.
pub struct NodeBackend {
    shared: Arc<Shared>,
    network: wattle_p2p::Handle,
    runtime: Runtime,
    probe: health::Probe,
    meter_keys: keys::MeterKeys,
    disputes: energy::disputes::Open,
}

impl std::fmt::Debug for NodeBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeBackend").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl NodeBackend {
    /// Answers for the node behind `shared` and `network`. To be called within a tokio runtime: a small task there
    /// asks the driver how it is doing, until this is dropped.
    #[must_use]
    pub fn new(shared: Arc<Shared>, network: wattle_p2p::Handle) -> Self {
        let runtime = Runtime::current();
        let probe = health::Probe::start(&runtime, Arc::clone(&shared));
        let meter_keys = keys::MeterKeys::of_genesis(&shared.genesis);
        let disputes = energy::disputes::Open::default();
        Self { shared, network, runtime, probe, meter_keys, disputes }
    }

    /// Asks the driver; not from an async context.
    fn ask(&self, question: Question) -> RpcResult<Answer> {
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(ASK_TIMEOUT, self.shared.ask(question)).await });
        answer
            .ok()
            .flatten()
            .ok_or_else(|| RpcError::Unavailable { reason: "the node is overloaded or stopping".to_owned() })
    }

    /// Consensus, mempool and synchronization at a glance, as of now.
    fn status(&self) -> RpcResult<DriverStatus> {
        match self.ask(Question::Status)? {
            Answer::Status(status) => Ok(*status),
            _ => Err(mixed_up()),
        }
    }

    /// What the next block would know, as far as it can be known.
    fn next_env(&self, view: &View) -> BlockEnv {
        BlockEnv {
            params: self.shared.genesis.params.clone(),
            chain: self.shared.chain,
            height: view.header.height.next(),
            time_ms: next_time(view),
            parent: view.hash,
            proposer: view.header.proposer,
        }
    }
}

/// About when the next block is made: now, but never before the last one, whatever this machine's clock says.
fn next_time(view: &View) -> TimeMs {
    wall().max(view.header.time_ms.next())
}

/// The state that an answer describes.
const fn at(view: &View) -> At {
    At::finalized(view.header.height)
}

/// What the database could not do, as clients are told.
fn storage(error: StoreError) -> RpcError {
    match error {
        StoreError::Pruned { horizon } => RpcError::Pruned { horizon },
        other => {
            tracing::error!(error = %other, "the database failed to answer");
            RpcError::internal("storage failed")
        }
    }
}

fn mixed_up() -> RpcError {
    RpcError::internal("the driver answered another question")
}

impl Backend for NodeBackend {
    fn chain_status(&self) -> RpcResult<ChainStatus> {
        chain::status(self)
    }

    fn chain_block(&self, id: BlockId) -> RpcResult<BlockReply> {
        chain::block(self, id)
    }

    fn chain_light_block(&self, height: Option<Height>) -> RpcResult<LightBlock> {
        chain::light_block(self, height)
    }

    fn chain_validators(&self, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply> {
        chain::validators(self, epoch)
    }

    fn chain_params(&self) -> RpcResult<ParamsReply> {
        Ok(chain::params(self))
    }

    fn account(&self, address: Address) -> RpcResult<AccountReply> {
        account::account(self, address)
    }

    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply> {
        account::proof(self, target)
    }

    fn account_history(&self, address: Address, page: PageRequest) -> RpcResult<Page<HistoryItem>> {
        account::history(self, &address, &page)
    }

    fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx> {
        tx::prepare(self, request)
    }

    fn tx_submit(&self, txs: Vec<Tx>) -> BoxFuture<'_, Vec<RpcResult<Hash>>> {
        Box::pin(tx::submit(self, txs))
    }

    fn tx_status(&self, id: Hash) -> RpcResult<TxStatus> {
        tx::status(self, id)
    }

    fn tx_get(&self, id: Hash) -> RpcResult<TxReply> {
        tx::get(self, id)
    }

    fn tx_simulate(&self, body: TxBody) -> RpcResult<Simulation> {
        tx::simulate(self, &body)
    }

    fn events(&self, from: EventPosition, limit: u32) -> RpcResult<EventPage> {
        events::page(self, from, limit)
    }

    fn subscribe_heights(&self) -> watch::Receiver<Height> {
        self.shared.heights()
    }

    fn search(&self, text: &str) -> RpcResult<SearchReply> {
        search::search(self, text)
    }

    fn energy_microgrids(&self, page: PageRequest) -> RpcResult<Page<MicrogridInfo>> {
        energy::microgrids(self, &page)
    }

    fn energy_microgrid(&self, id: Hash) -> RpcResult<Anchored<MicrogridInfo>> {
        energy::microgrid(self, id)
    }

    fn energy_meters(&self, microgrid: Option<Hash>, page: PageRequest) -> RpcResult<Page<MeterInfo>> {
        energy::meters(self, microgrid, &page)
    }

    fn energy_meter(&self, address: Address) -> RpcResult<Anchored<MeterInfo>> {
        energy::meter(self, address)
    }

    fn energy_readings(&self, request: ReadingsRequest, page: PageRequest) -> RpcResult<Page<ReadingItem>> {
        energy::readings(self, &request, &page)
    }

    fn energy_terms(&self, microgrid: Hash, interval: Option<IntervalId>) -> RpcResult<Anchored<TermsInfo>> {
        energy::grid::terms(self, microgrid, interval)
    }

    fn energy_members(
        &self,
        microgrid: Hash,
        account: Option<Address>,
        page: PageRequest,
    ) -> RpcResult<Page<MemberInfo>> {
        energy::grid::members(self, microgrid, account, &page)
    }

    fn energy_interval(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<IntervalInfo>> {
        energy::market::interval(self, microgrid, interval)
    }

    fn energy_intervals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<EventItem>> {
        energy::statement::intervals(self, microgrid, &page)
    }

    fn energy_trades(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<EventItem>> {
        energy::market::trades(self, microgrid, interval, &page)
    }

    fn energy_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>> {
        energy::market::order_book(self, microgrid, interval)
    }

    fn energy_orders(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<OrderInfo>> {
        energy::market::orders(self, microgrid, interval, &page)
    }

    fn energy_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>> {
        energy::market::order(self, id)
    }

    fn energy_deal(&self, id: Hash) -> RpcResult<Anchored<DealInfo>> {
        energy::market::deal(self, id)
    }

    fn energy_deals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<DealInfo>> {
        energy::market::deals(self, microgrid, &page)
    }

    fn energy_disputes(&self, request: DisputesRequest, page: PageRequest) -> RpcResult<Page<DisputeInfo>> {
        energy::disputes::list(self, &request, &page)
    }

    fn energy_dispute(&self, id: Hash) -> RpcResult<Anchored<DisputeInfo>> {
        energy::disputes::one(self, id)
    }

    fn energy_bill(&self, request: BillRequest, page: PageRequest) -> RpcResult<Page<EventItem>> {
        energy::statement::bill(self, &request, &page)
    }

    fn chain_event_proof(&self, place: EventPosition) -> RpcResult<EventProof> {
        energy::statement::proof(self, place)
    }

    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>> {
        ledger::hold(self, id)
    }

    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>> {
        ledger::account(self, account, asset)
    }

    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>> {
        ledger::asset(self, id)
    }

    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>> {
        ledger::assets(self, &page)
    }

    fn node_peers(&self) -> RpcResult<Anchored<Peers>> {
        Ok(node::peers(self))
    }

    fn node_consensus(&self) -> RpcResult<ConsensusReply> {
        node::consensus(self)
    }

    fn evidence(&self, page: PageRequest) -> RpcResult<Page<EvidenceItem>> {
        node::evidence(self, &page)
    }

    fn gauges(&self) -> Gauges {
        health::gauges(self)
    }

    fn health(&self) -> Health {
        health::health(self)
    }

    fn readiness(&self) -> Readiness {
        health::readiness(self)
    }
}
