//! Requests for deals, and the deals they became.

use super::energy::grid;
use super::{NodeBackend, at, page};
use wattle_primitives::{Hash, TimeMs, WattHours};
use wattle_rpc_types::{
    AcceptanceInfo, Anchored, DealInfo, DealQueries, Page, PageRequest, RpcError, RpcResult,
};
use wattle_runtime::modules::deals::records::DealState;
use wattle_runtime::query::{self, DealView};

impl DealQueries for NodeBackend {
    fn energy_deal(&self, id: Hash) -> RpcResult<Anchored<DealInfo>> {
        let view = self.shared.view();
        let deal = query::deal(&view.state, &id).ok_or_else(|| RpcError::not_found("deal", id))?;
        Ok(Anchored { at: at(&view), value: deal_info(deal, view.header.time_ms) })
    }

    fn energy_deals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<DealInfo>> {
        let view = self.shared.view();
        grid(&view, &microgrid)?;
        let (from, limit) = (page::one::<u32>(&page)?.unwrap_or(0), page::limit(&page));
        let mut found = query::deals(&view.state, &microgrid, from, limit.saturating_add(1));
        let next_cursor = (found.len() > limit).then(|| from.saturating_add(page.limit).to_string());
        found.truncate(limit);
        let items = found.into_iter().map(|deal| deal_info(deal, view.header.time_ms)).collect();
        Ok(Page { at: at(&view), items, next_cursor })
    }
}

fn deal_info(deal: DealView, now: TimeMs) -> DealInfo {
    let (state, partner) = match deal.state {
        DealState::Requested => ("requested", None),
        DealState::Confirmed { partner } => ("confirmed", Some(partner)),
        DealState::Authorised { partner, .. } => ("authorised", Some(partner)),
    };
    let (funding, margin_wh, seq, used_wh, meter) = match deal.state {
        DealState::Authorised { funding, margin_wh, seq, used_wh, meter, .. } => {
            (Some(funding), margin_wh, seq, used_wh, Some(meter))
        }
        _ => (None, WattHours::ZERO, 0, WattHours::ZERO, None),
    };
    let acceptances = deal.acceptances.into_iter().map(|acceptance| AcceptanceInfo {
        account: acceptance.account,
        wh_max: acceptance.wh_max,
        price: acceptance.price,
    });
    let remaining_wh = deal.wh.saturating_sub(used_wh);
    DealInfo {
        deal: deal.id,
        microgrid: deal.microgrid,
        state: state.to_owned(),
        requester: deal.requester,
        side: deal.side,
        wh: deal.wh,
        wh_min: deal.wh_min,
        unit_wh: deal.unit_wh,
        price: deal.price,
        expires_ms: deal.expires_ms,
        partner,
        funding,
        reserved: deal.reserved,
        margin_wh,
        meter,
        seq,
        used_wh,
        remaining_wh,
        stop: remaining_wh == WattHours::ZERO || deal.expires_ms <= now,
        acceptances: acceptances.collect(),
    }
}
