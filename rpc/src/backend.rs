//! A node, seen from this interface.

use crate::gauges::Gauges;
use tokio::sync::watch;
use wattle_primitives::Height;
use wattle_rpc_types::account::AccountQueries;
use wattle_rpc_types::chain::ChainQueries;
use wattle_rpc_types::deals::DealQueries;
use wattle_rpc_types::disputes::DisputeQueries;
use wattle_rpc_types::energy::EnergyQueries;
use wattle_rpc_types::event::EventQueries;
use wattle_rpc_types::health::HealthQueries;
use wattle_rpc_types::ledger::LedgerQueries;
use wattle_rpc_types::market::MarketQueries;
use wattle_rpc_types::node::NodeQueries;
use wattle_rpc_types::search::SearchQueries;
use wattle_rpc_types::token::TokenQueries;
use wattle_rpc_types::tx::TxQueries;

/// The queries of every module, and what only a server in the same process can be told.
pub trait Backend:
    ChainQueries
    + AccountQueries
    + TxQueries
    + EventQueries
    + SearchQueries
    + LedgerQueries
    + TokenQueries
    + EnergyQueries
    + MarketQueries
    + DealQueries
    + DisputeQueries
    + NodeQueries
    + HealthQueries
    + Send
    + Sync
    + 'static
{
    /// The last finalized height, as it moves. Events up to it can be read with [`EventQueries::events`] when it is seen.
    fn subscribe_heights(&self) -> watch::Receiver<Height>;

    /// Figures for `/metrics`, as of now. Called outside the blocking pool: must not wait.
    fn gauges(&self) -> Gauges;
}
