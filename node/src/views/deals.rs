//! Requests for deals, and the deals they became.

use super::energy::grid;
use super::{NodeBackend, View, at, page};
use wattle_primitives::{Address, Amount, Hash, WattHours};
use wattle_rpc_types::{
    AcceptanceInfo, Anchored, DealInfo, DealQueries, Page, PageRequest, RpcError, RpcResult,
};
use wattle_runtime::modules::deals::records::{Acceptance, Deal, DealState};
use wattle_runtime::modules::deals::reserved;
use wattle_runtime::{keys, query};

impl DealQueries for NodeBackend {
    fn deals_get(&self, id: Hash) -> RpcResult<Anchored<DealInfo>> {
        let view = self.shared.view();
        let deal = view.state.read(keys::deal(&id)).ok_or_else(|| RpcError::not_found("deal", id))?;
        Ok(Anchored { at: at(&view), value: deal_info(&view, id, &deal) })
    }

    fn deals_list(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<DealInfo>> {
        let view = self.shared.view();
        grid(&view, &microgrid)?;
        let (found, next_cursor) =
            page::numbered(&page, |from, limit| query::deals(&view.state, &microgrid, from, limit))?;
        let items = found.iter().map(|(id, deal)| deal_info(&view, *id, deal)).collect();
        Ok(Page { at: at(&view), items, next_cursor })
    }
}

fn deal_info(view: &View, id: Hash, deal: &Deal) -> DealInfo {
    let mut info = DealInfo {
        deal: id,
        microgrid: deal.microgrid,
        state: String::new(),
        requester: deal.requester,
        side: deal.side,
        wh: deal.wh,
        wh_min: deal.wh_min,
        unit_wh: deal.unit_wh,
        price: deal.price,
        expires_ms: deal.expires_ms,
        partner: None,
        funding: None,
        reserved: Amount::ZERO,
        margin_wh: WattHours::ZERO,
        meter: None,
        seq: 0,
        used_wh: WattHours::ZERO,
        remaining_wh: deal.wh,
        stop: false,
        acceptances: query::acceptances(&view.state, &id, deal).into_iter().map(acceptance_info).collect(),
    };
    let state = match deal.state {
        DealState::Requested => "requested",
        DealState::Confirmed { partner } => {
            info.partner = Some(partner);
            "confirmed"
        }
        DealState::Authorised { partner, funding, margin_wh, seq, used_wh, meter, .. } => {
            (info.partner, info.funding, info.meter) = (Some(partner), Some(funding), Some(meter));
            (info.margin_wh, info.seq, info.used_wh) = (margin_wh, seq, used_wh);
            (info.reserved, info.remaining_wh) = (reserved(deal), deal.wh.saturating_sub(used_wh));
            "authorised"
        }
    };
    info.state = state.to_owned();
    info.stop = info.remaining_wh == WattHours::ZERO || deal.expires_ms <= view.header.time_ms;
    info
}

fn acceptance_info((account, acceptance): (Address, Acceptance)) -> AcceptanceInfo {
    let Acceptance { wh_max, price, .. } = acceptance;
    AcceptanceInfo { account, wh_max, price }
}
