//! Disputes that are not decided.
//!
//! State lists them by microgrid. Where a dispute was opened is looked up in the history of who opened it.

use super::energy::grid;
use super::{NodeBackend, at, page, storage};
use wattle_primitives::call::DisputesCall;
use wattle_primitives::call::disputes::{OpenDispute, dispute_id};
use wattle_primitives::{Address, Call, Hash, Outcome, Tx};
use wattle_rpc_types::{
    Anchored, DisputeInfo, DisputeQueries, DisputesRequest, OpenedInfo, Page, PageRequest, RpcError,
    RpcResult,
};
use wattle_runtime::modules::disputes::records::Dispute;
use wattle_runtime::store::HistoryItem;
use wattle_runtime::{keys, query};

/// Most transactions of an account looked at for the one that opened a dispute.
const ROWS_MAX: usize = 1000;

/// Most microgrids and disputes looked at for one page: one of few that are wanted may end before it is full.
const LOOKS_MAX: usize = 1000;

impl DisputeQueries for NodeBackend {
    fn disputes_list(&self, request: DisputesRequest, page: PageRequest) -> RpcResult<Page<DisputeInfo>> {
        let view = self.shared.view();
        let (from, limit) = (page::two::<u32, u32>(&page)?.unwrap_or((0, 0)), page::limit(&page));
        let grids = match request.microgrid {
            Some(id) => grid(&view, &id).map(|_| 0..1)?,
            None => from.0..query::microgrid_count(&view.state),
        };
        let (mut items, mut next, mut looks) = (Vec::new(), None, LOOKS_MAX);
        'page: for number in grids {
            let listed = request.microgrid.or_else(|| view.state.read(keys::microgrid_index(number)));
            let Some(microgrid) = listed else { continue };
            let first = if number == from.0 { from.1 } else { 0 };
            let open = query::disputes(&view.state, &microgrid, first, looks);
            for (index, (id, dispute)) in (first..).zip(&open) {
                looks = looks.saturating_sub(1);
                if request.account.is_some_and(|account| account != dispute.account) {
                    continue;
                }
                if items.len() == limit {
                    next = Some((number, index));
                    break 'page;
                }
                items.push(info(self, *id, dispute)?);
            }
            looks = looks.saturating_sub(1);
            if looks == 0 {
                next = Some((number, first.saturating_add(u32::try_from(open.len()).unwrap_or(u32::MAX))));
                break;
            }
        }
        let next_cursor = next.map(|(number, index)| format!("{number}-{index}"));
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn disputes_get(&self, id: Hash) -> RpcResult<Anchored<DisputeInfo>> {
        let view = self.shared.view();
        let found = view.state.read(keys::dispute(&id)).ok_or_else(|| RpcError::not_found("dispute", id))?;
        Ok(Anchored { at: at(&view), value: info(self, id, &found)? })
    }
}

fn info(node: &NodeBackend, id: Hash, dispute: &Dispute) -> RpcResult<DisputeInfo> {
    let Dispute { microgrid, account, meter, claim, note, needed, electorate, expires_ms, .. } = *dispute;
    Ok(DisputeInfo {
        dispute: id,
        microgrid,
        account,
        meter,
        claim,
        note,
        upheld: dispute.upheld.into(),
        rejected: dispute.rejected.into(),
        votes_needed: needed.into(),
        electorate,
        expires_ms,
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
