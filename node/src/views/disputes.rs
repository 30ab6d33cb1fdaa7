//! Disputes that are not decided.
//!
//! State names them by id only. Who asks for a list has every entry of the state looked at, once a height at most, and
//! where a dispute was opened is looked up in the history of who opened it.

use super::energy::grid;
use super::{NodeBackend, View, at, page, storage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use wattle_primitives::call::DisputesCall;
use wattle_primitives::call::disputes::{OpenDispute, dispute_id};
use wattle_primitives::{Address, Call, Hash, Height, Outcome, Tx};
use wattle_rpc_types::{
    Anchored, DisputeInfo, DisputeQueries, DisputesRequest, OpenedInfo, Page, PageRequest, RpcError,
    RpcResult,
};
use wattle_runtime::modules::disputes::records::Dispute;
use wattle_runtime::store::HistoryItem;
use wattle_runtime::{keys, query};

/// Most transactions of an account looked at for the one that opened a dispute.
const ROWS_MAX: usize = 1000;

/// Disputes by id.
type ById = BTreeMap<Hash, Dispute>;

/// The open disputes of the state that was last asked about.
#[derive(Debug, Default)]
pub(super) struct Open {
    last: Mutex<Option<(Height, Arc<ById>)>>,
}

impl Open {
    fn of(&self, view: &View) -> Arc<ById> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((height, found)) if *height == view.header.height => Arc::clone(found),
            Some(_) | None => {
                let found = Arc::new(query::disputes(&view.state));
                *last = Some((view.header.height, Arc::clone(&found)));
                found
            }
        }
    }
}

impl DisputeQueries for NodeBackend {
    fn disputes_list(&self, request: DisputesRequest, page: PageRequest) -> RpcResult<Page<DisputeInfo>> {
        let view = self.shared.view();
        if let Some(id) = request.microgrid {
            grid(&view, &id)?;
        }
        let (from, limit) = (page::one::<Hash>(&page)?.unwrap_or(Hash::ZERO), page::limit(&page));
        let open = self.disputes.of(&view);
        let mut wanted = open.range(from..).filter(|(_, dispute)| {
            request.microgrid.is_none_or(|id| id == dispute.microgrid)
                && request.account.is_none_or(|account| account == dispute.account)
        });
        let items: RpcResult<Vec<_>> =
            wanted.by_ref().take(limit).map(|(id, dispute)| info(self, &view, *id, dispute)).collect();
        let next_cursor = wanted.next().map(|(id, _)| id.to_string());
        Ok(Page { at: at(&view), items: items?, next_cursor })
    }

    fn disputes_get(&self, id: Hash) -> RpcResult<Anchored<DisputeInfo>> {
        let view = self.shared.view();
        let found = view.state.read(keys::dispute(&id)).ok_or_else(|| RpcError::not_found("dispute", id))?;
        Ok(Anchored { at: at(&view), value: info(self, &view, id, &found)? })
    }
}

fn info(node: &NodeBackend, view: &View, id: Hash, dispute: &Dispute) -> RpcResult<DisputeInfo> {
    let Dispute { microgrid, account, meter, claim, note, upheld, rejected, .. } = *dispute;
    let running = view
        .state
        .read(keys::microgrid(&microgrid))
        .map(|grid| grid.interval_at(view.header.time_ms))
        .and_then(|interval| query::terms_at(&view.state, &microgrid, interval));
    Ok(DisputeInfo {
        dispute: id,
        microgrid,
        account,
        meter,
        claim,
        note,
        upheld: upheld.into(),
        rejected: rejected.into(),
        votes_needed: running.map_or(0, |(_, found)| found.terms.dispute_votes.into()),
        opened: opened(node, &account, &id)?,
    })
}

/// Where `account` opened the dispute `id`: the newest time, since a decided one's reference is free again.
fn opened(node: &NodeBackend, account: &Address, id: &Hash) -> RpcResult<Option<OpenedInfo>> {
    let rows = node.shared.store.history(account, None, ROWS_MAX).map_err(storage)?;
    let opening = |row: &&HistoryItem| {
        row.outcome == Outcome::Success
            && (row.kind.0.as_str(), row.kind.1.as_str()) == ("disputes", "open_dispute")
    };
    for row in rows.items.iter().filter(opening) {
        if let Some((first_seq, second_seq)) = node.tx_at(row.at)?.and_then(|tx| evidence(&tx, id)) {
            return Ok(Some(OpenedInfo { height: row.at.height, tx: row.tx, first_seq, second_seq }));
        }
    }
    Ok(None)
}

/// The numbers of the two readings by which a transaction opens the dispute `id`, if it does.
fn evidence(tx: &Tx, id: &Hash) -> Option<(u64, u64)> {
    tx.body().calls.iter().find_map(|call| {
        let Call::Disputes(DisputesCall::OpenDispute(opened)) = call else { return None };
        let OpenDispute { reference, first, second, .. } = opened;
        let is_it = dispute_id(&tx.body().sender, reference) == *id;
        is_it.then_some((first.reading.seq, second.reading.seq))
    })
}
