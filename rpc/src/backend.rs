//! What the interface asks of a node. The node implements [`Backend`]; everything else here is presentation.

use crate::error::RpcError;
use crate::gauges::Gauges;
use crate::types::{
    AccountReply, Anchored, AssetInfo, BillRequest, BlockReply, ChainStatus, ConsensusReply, DealInfo,
    DisputeInfo, DisputesRequest, EventItem, EventPage, EventPosition, EventProof, EvidenceItem, Health,
    HistoryItem, HoldInfo, IntervalInfo, LedgerAccountInfo, LightBlock, MemberInfo, MeterInfo, MicrogridInfo,
    OrderBook, OrderInfo, Page, PageRequest, ParamsReply, PeerInfo, PrepareRequest, PreparedTx, ProofReply,
    ProofTarget, Readiness, ReadingItem, ReadingsRequest, SearchReply, Simulation, TermsInfo, TxReply,
    TxStatus, ValidatorsReply,
};
use futures::future::BoxFuture;
use tokio::sync::watch;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, AssetId, BlockId, Epoch, Hash, Height, Tx, TxBody};

/// Result of every query.
pub type RpcResult<T> = Result<T, RpcError>;

/// A node, seen from its clients.
///
/// The plain functions are called on a blocking thread, at most [`crate::limits::BLOCKING_CALLS_MAX`] at once; they
/// may read a disk but must not wait for the network. Lists are bounded by the request's limit, and so is the work
/// for one page. Answers describe the last finalized state unless they say otherwise.
///
/// # Errors
/// Of all: [`RpcError::Unavailable`] while the node starts or is halted, [`RpcError::Internal`] when its own disk
/// fails. `NotFound` where one thing is asked for that is not there, `Pruned` where it is no more, `InvalidParams` for
/// a cursor that was not handed out here.
pub trait Backend: Send + Sync + 'static {
    /// Where the chain stands.
    fn chain_status(&self) -> RpcResult<ChainStatus>;

    /// A block, final or notarized.
    fn chain_block(&self, id: BlockId) -> RpcResult<BlockReply>;

    /// A header with its proof of finality and its validators; the newest when `height` is `None`.
    fn chain_light_block(&self, height: Option<Height>) -> RpcResult<LightBlock>;

    /// The set of `epoch`; the current one when `None`. Later epochs as far as they are decided.
    fn chain_validators(&self, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply>;

    /// The protocol parameters in force.
    fn chain_params(&self) -> RpcResult<ParamsReply>;

    /// An account; one that was never used is an answer, not an error.
    fn account(&self, address: Address) -> RpcResult<AccountReply>;

    /// A state value, or its absence, with its proof.
    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply>;

    /// Finalized transactions that touched an account, newest first.
    fn account_history(&self, address: Address, page: PageRequest) -> RpcResult<Page<HistoryItem>>;

    /// Fills in nonce, expiry and fee.
    fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx>;

    /// Offers transactions to the mempool and answers once each is admitted or refused, in the order given.
    ///
    /// Idempotent: one that is pending, included or finalized already is `Ok` with its id. A refusal is
    /// [`RpcError::Rejected`] with the runtime's code, or [`RpcError::Busy`] when there is no room.
    fn tx_submit(&self, txs: Vec<Tx>) -> BoxFuture<'_, Vec<RpcResult<Hash>>>;

    /// Where a transaction stands; `NotFound` when this node has never seen it.
    fn tx_status(&self, id: Hash) -> RpcResult<TxStatus>;

    /// As [`Backend::tx_status`], with the transaction.
    fn tx_get(&self, id: Hash) -> RpcResult<TxReply>;

    /// Executes on top of the last finalized block, without effect and without looking at signatures.
    ///
    /// What would make a block invalid (nonce, expiry, fee) is [`RpcError::Rejected`].
    fn tx_simulate(&self, body: TxBody) -> RpcResult<Simulation>;

    /// At most `limit` consecutive events of finalized blocks, from `from` on.
    ///
    /// May stop early, even without any event, after a bounded number of heights: then `next` is further on and not
    /// beyond the finalized height, and the caller asks again. `Pruned` when `from` is below the horizon.
    fn events(&self, from: EventPosition, limit: u32) -> RpcResult<EventPage>;

    /// The last finalized height, as it moves. Events up to it can be read with [`Backend::events`] when it is seen.
    fn subscribe_heights(&self) -> watch::Receiver<Height>;

    /// What `text` may mean; exact matches and bounded scans only.
    fn search(&self, text: &str) -> RpcResult<SearchReply>;

    /// Microgrids, by id.
    fn energy_microgrids(&self, page: PageRequest) -> RpcResult<Page<MicrogridInfo>>;

    /// One microgrid.
    fn energy_microgrid(&self, id: Hash) -> RpcResult<Anchored<MicrogridInfo>>;

    /// Meters, of one microgrid or of all, by address.
    fn energy_meters(&self, microgrid: Option<Hash>, page: PageRequest) -> RpcResult<Page<MeterInfo>>;

    /// One meter.
    fn energy_meter(&self, address: Address) -> RpcResult<Anchored<MeterInfo>>;

    /// A meter's accepted readings, newest first.
    fn energy_readings(&self, request: ReadingsRequest, page: PageRequest) -> RpcResult<Page<ReadingItem>>;

    /// A microgrid's terms for `interval`, or for the one that is running; without any, those to come.
    fn energy_terms(&self, microgrid: Hash, interval: Option<IntervalId>) -> RpcResult<Anchored<TermsInfo>>;

    /// A microgrid's members, by the code of their tab; of one account, that member alone.
    fn energy_members(
        &self,
        microgrid: Hash,
        account: Option<Address>,
        page: PageRequest,
    ) -> RpcResult<Page<MemberInfo>>;

    /// An interval.
    fn energy_interval(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<IntervalInfo>>;

    /// What became of a microgrid's intervals, newest first.
    fn energy_intervals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<EventItem>>;

    /// The trades of an interval, in the order in which they were matched.
    fn energy_trades(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<EventItem>>;

    /// The orders that stand for an interval, by price.
    fn energy_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>>;

    /// The orders that stand for an interval, by number.
    fn energy_orders(
        &self,
        microgrid: Hash,
        interval: IntervalId,
        page: PageRequest,
    ) -> RpcResult<Page<OrderInfo>>;

    /// An order that stands.
    fn energy_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>>;

    /// A request for a deal, or the deal.
    fn energy_deal(&self, id: Hash) -> RpcResult<Anchored<DealInfo>>;

    /// A microgrid's open requests and deals, in no lasting order.
    fn energy_deals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<DealInfo>>;

    /// Disputes that are not decided, by id.
    fn energy_disputes(&self, request: DisputesRequest, page: PageRequest) -> RpcResult<Page<DisputeInfo>>;

    /// A dispute that is not decided.
    fn energy_dispute(&self, id: Hash) -> RpcResult<Anchored<DisputeInfo>>;

    /// The lines of a bill, oldest first.
    fn energy_bill(&self, request: BillRequest, page: PageRequest) -> RpcResult<Page<EventItem>>;

    /// An event of a finalized block, with its proof.
    fn chain_event_proof(&self, at: EventPosition) -> RpcResult<EventProof>;

    /// An open hold; one that was captured, voided or expired is `NotFound`.
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>>;

    /// An account's counters in one asset.
    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>>;

    /// One asset.
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>>;

    /// Assets, by id.
    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>>;

    /// Peers that are connected or banned; the node bounds their number.
    fn node_peers(&self) -> RpcResult<Anchored<Peers>>;

    /// What consensus is doing here.
    fn node_consensus(&self) -> RpcResult<ConsensusReply>;

    /// Evidence of misbehaviour that this node holds, newest first.
    fn evidence(&self, page: PageRequest) -> RpcResult<Page<EvidenceItem>>;

    /// Figures for `/metrics`, as of now. Called outside the blocking pool: must not wait.
    fn gauges(&self) -> Gauges;

    /// Whether the process can do its work.
    fn health(&self) -> Health;

    /// Whether its answers are fresh.
    fn readiness(&self) -> Readiness;
}

/// Reply of `node_peers`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Peers {
    /// The peers.
    pub peers: Vec<PeerInfo>,
}
