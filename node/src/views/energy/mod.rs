//! Microgrids, meters, terms, members, intervals and bills.

pub(super) mod interval;
mod readings;

use super::{NodeBackend, View, at, chain, events, page, storage};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, Hash, Height, TimeMs};
use wattle_rpc_types::{
    Anchored, BillRequest, EnergyQueries, EventItem, IntervalInfo, MandateInfo, MemberInfo, MeterInfo,
    MicrogridInfo, Page, PageRequest, PausedInfo, ReadingItem, ReadingsRequest, RpcError, RpcResult,
    TermsInfo,
};
use wattle_runtime::modules::energy::records::{Mandate, Member, Meter, Microgrid};
use wattle_runtime::modules::energy::tab::Customer;
use wattle_runtime::modules::energy::upkeep::least_price;
use wattle_runtime::store::{StatementPage, Towards};
use wattle_runtime::{keys, query};

/// Most microgrids looked at for one page of meters: a page that stops here has a cursor and fewer items.
const GRIDS_MAX: u32 = 1000;
/// Most lines looked at for one page of a bill: a page that stops here has a cursor and fewer items.
const LINES_MAX: usize = 200;

impl EnergyQueries for NodeBackend {
    fn energy_microgrids(&self, page: PageRequest) -> RpcResult<Page<MicrogridInfo>> {
        let view = self.shared.view();
        let (grids, next_cursor) =
            page::numbered(&page, |from, limit| query::microgrids(&view.state, from, limit))?;
        let items = grids.into_iter().map(|(id, grid)| microgrid_info(&view, id, grid)).collect();
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn energy_microgrid(&self, id: Hash) -> RpcResult<Anchored<MicrogridInfo>> {
        let view = self.shared.view();
        let grid = grid(&view, &id)?;
        Ok(Anchored { at: at(&view), value: microgrid_info(&view, id, grid) })
    }

    fn energy_meters(&self, microgrid: Option<Hash>, page: PageRequest) -> RpcResult<Page<MeterInfo>> {
        let view = self.shared.view();
        let (limit, (first, mut from)) =
            (page::limit(&page), page::two::<u32, u32>(&page)?.unwrap_or((0, 0)));
        let grid_at = |number: u32| match microgrid {
            Some(id) if number == 0 => view.state.read(keys::microgrid(&id)).map(|grid| (id, grid)),
            Some(_) => None,
            None => query::microgrids(&view.state, number, 1).pop(),
        };
        if let Some(id) = microgrid {
            grid(&view, &id)?;
        }
        let (mut items, mut number, last) = (Vec::new(), first, first.saturating_add(GRIDS_MAX));
        let next_cursor = loop {
            let Some((id, grid)) = grid_at(number) else { break None };
            if items.len() >= limit || number >= last {
                break Some(format!("{number}-{from}"));
            }
            let found = query::meters(&view.state, &id, from, limit.saturating_sub(items.len()));
            from = from.saturating_add(chain::count(found.len()));
            for (address, meter) in &found {
                items.push(meter_info(self, &view, *address, meter)?);
            }
            if from >= grid.meters || found.is_empty() {
                (number, from) = (number.saturating_add(1), 0);
            }
        };
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn energy_meter(&self, address: Address) -> RpcResult<Anchored<MeterInfo>> {
        let view = self.shared.view();
        let meter =
            view.state.read(keys::meter(&address)).ok_or_else(|| RpcError::not_found("meter", address))?;
        Ok(Anchored { at: at(&view), value: meter_info(self, &view, address, &meter)? })
    }

    fn energy_readings(&self, request: ReadingsRequest, page: PageRequest) -> RpcResult<Page<ReadingItem>> {
        let view = self.shared.view();
        if view.state.read(keys::meter(&request.meter)).is_none() {
            return Err(RpcError::not_found("meter", request.meter));
        }
        let (items, next_cursor) = readings::newest_first(self, &request, &page)?;
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn energy_terms(&self, microgrid: Hash, interval: Option<IntervalId>) -> RpcResult<Anchored<TermsInfo>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        let found = match interval {
            Some(interval) => query::terms_at(&view.state, &microgrid, interval),
            None => {
                let running = grid.interval_at(view.header.time_ms);
                // Terms that are set hold from a later interval on: those to come are better than none.
                query::terms_at(&view.state, &microgrid, running).or_else(|| {
                    let first = grid.agenda.map(|agenda| agenda.clear).filter(|first| *first > running)?;
                    query::terms_at(&view.state, &microgrid, first)
                })
            }
        };
        let (version, found) = found.ok_or_else(|| RpcError::not_found("terms", microgrid))?;
        let value = TermsInfo { microgrid, version, from: found.from, terms: found.terms };
        Ok(Anchored { at: at(&view), value })
    }

    fn energy_members(
        &self,
        microgrid: Hash,
        account: Option<Address>,
        page: PageRequest,
    ) -> RpcResult<Page<MemberInfo>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        let now = self.next_time(&view);
        let info = |(account, member)| member_info(&view, now, &microgrid, &grid, account, member);
        if let Some(account) = account {
            let found = view.state.read(keys::member(&microgrid, &account));
            let items = found.map(|member| info((account, member))).into_iter().collect();
            return Ok(Page { at: at(&view), items, next_cursor: None });
        }
        let (found, next_cursor) =
            page::numbered(&page, |from, limit| query::members(&view.state, &microgrid, from, limit))?;
        Ok(Page { at: at(&view), items: found.into_iter().flatten().map(info).collect(), next_cursor })
    }

    fn energy_mandate(&self, microgrid: Hash, account: Address) -> RpcResult<Anchored<MandateInfo>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        let found = mandate_info(&view, self.next_time(&view), &microgrid, &grid, &account);
        let value = found.ok_or_else(|| RpcError::not_found("mandate", account))?;
        Ok(Anchored { at: at(&view), value })
    }

    fn energy_interval(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<IntervalInfo>> {
        let view = self.shared.view();
        let grid = grid(&view, &microgrid)?;
        Ok(Anchored { at: at(&view), value: interval::info(self, &view, microgrid, &grid, interval)? })
    }

    fn energy_intervals(&self, microgrid: Hash, page: PageRequest) -> RpcResult<Page<EventItem>> {
        let view = self.shared.view();
        grid(&view, &microgrid)?;
        let start = page::two::<Height, u32>(&page)?.unwrap_or((view.header.height, u32::MAX));
        let subject = Address::of_microgrid(&microgrid);
        let found = self.shared.store.statement(&subject, start, Towards::Older, page::limit(&page));
        let StatementPage { items, next } = found.map_err(storage)?;
        let items = events::dated(self, items)?;
        Ok(Page { at: at(&view), items, next_cursor: next.map(cursor) })
    }

    fn energy_bill(&self, request: BillRequest, page: PageRequest) -> RpcResult<Page<EventItem>> {
        let view = self.shared.view();
        let store = &self.shared.store;
        let start = match page::two::<Height, u32>(&page)? {
            Some(start) => start,
            None => (store.height_at(request.from_ms).map_err(storage)?, 0),
        };
        let limit = page::limit(&page);
        let mut next = Some(start);
        let (mut items, mut looked) = (Vec::new(), 0usize);
        while let Some(from) = next.filter(|_| items.len() < limit && looked < LINES_MAX) {
            let room = limit.saturating_sub(items.len());
            let found = store.statement(&request.account, from, Towards::Newer, room).map_err(storage)?;
            looked = looked.saturating_add(found.items.len());
            next = found.next;
            for item in events::dated(self, found.items)? {
                if item.time_ms >= request.to_ms {
                    next = None;
                    break;
                }
                if request.microgrid.is_none_or(|id| item.event.concerns().microgrid == Some(id)) {
                    items.push(item);
                }
            }
        }
        Ok(Page { at: at(&view), items, next_cursor: next.map(cursor) })
    }
}

/// A microgrid that must be there.
pub(super) fn grid(view: &View, id: &Hash) -> RpcResult<Microgrid> {
    view.state.read(keys::microgrid(id)).ok_or_else(|| RpcError::not_found("microgrid", id))
}

fn microgrid_info(view: &View, id: Hash, grid: Microgrid) -> MicrogridInfo {
    let Microgrid { operator, asset, interval_ms, meters, book, members, left, terms, agenda, pause, .. } =
        grid;
    let cash = AccountId::Due { book };
    let cash = query::balance(&view.state, &cash, asset);
    let wallet = Address::of_microgrid(&id);
    let funds =
        |owner| query::balance(&view.state, &AccountId::Wallet { owner }, AssetId::NATIVE).available();
    let paused = pause.filter(|_| grid.is_paused()).map(|pause| PausedInfo {
        since_ms: pause.since_ms,
        needed: least_price(view.schedule.params()),
        own: funds(wallet),
        available: funds(wallet).saturating_add(funds(operator)),
    });
    MicrogridInfo {
        id,
        operator,
        asset,
        interval_ms,
        meters,
        book,
        members: members.saturating_sub(left),
        terms,
        cash: Amount(cash.credits_posted.saturating_sub(cash.debits_posted)),
        wallet,
        paused,
        own_wallet: pause.is_some_and(|pause| pause.own_wallet),
        waits: agenda.is_some_and(|agenda| agenda.waits),
        current: grid.interval_at(view.header.time_ms),
        next_clear: agenda.map(|agenda| agenda.clear),
        next_settle: agenda.map(|agenda| agenda.settle),
        next_final: agenda.map(|agenda| agenda.finalize),
    }
}

fn meter_info(node: &NodeBackend, view: &View, address: Address, meter: &Meter) -> RpcResult<MeterInfo> {
    let last = meter.last.unwrap_or_default();
    let settled = view.state.read(keys::settled_meter(&address));
    let silence = settled.as_ref().and_then(|settled| settled.silence);
    Ok(MeterInfo {
        address,
        microgrid: meter.microgrid,
        key: node.meter_keys.of(node, &address)?,
        owner: meter.owner,
        encoding: meter.encoding,
        role: meter.role,
        power_max_w: meter.power_max_w,
        replaced_by: meter.replaced_by,
        retired_ms: meter.retired_ms,
        suspended_ms: meter.suspended_ms,
        seq: last.seq,
        import_wh: last.import_wh,
        export_wh: last.export_wh,
        time_ms: last.time_ms,
        manual: last.manual,
        settled_until: settled.map(|settled| settled.until),
        silent_since_ms: silence.map(|silence| silence.since_ms),
        estimated: silence.map_or(Amount::ZERO, |silence| silence.amount),
    })
}

fn mandate_info(
    view: &View,
    now: TimeMs,
    id: &Hash,
    grid: &Microgrid,
    owner: &Address,
) -> Option<MandateInfo> {
    let Mandate { allowance, notice_ms, given_ms, .. } = view.state.read(keys::mandate(id, owner))?;
    let expires_ms = allowance.limits.expires_ms;
    let left = if now < expires_ms { allowance.left(now, grid.asset) } else { Amount::ZERO };
    let row = allowance.limits.spending.first();
    Some(MandateInfo {
        per_charge: row.and_then(|row| row.per_tx),
        per_period: row.and_then(|row| row.per_period),
        left: Some(left).filter(|left| *left < Amount::MAX),
        expires_ms,
        notice_ms,
        given_ms,
    })
}

fn member_info(
    view: &View,
    now: TimeMs,
    id: &Hash,
    grid: &Microgrid,
    account: Address,
    member: Member,
) -> MemberInfo {
    let Member { code, credit_limit, reserved, exposed, meters, suspended, until, .. } = member;
    let customer = query::customer(&view.state, grid, code);
    let Customer { estimates, escrow, paid_out, .. } = customer;
    MemberInfo {
        account,
        code,
        owes: Amount(customer.due().min(0).unsigned_abs()),
        due: Amount(customer.due().max(0).unsigned_abs()),
        credit_limit,
        reserved,
        estimated: estimates,
        escrow,
        paid_out,
        mandate: mandate_info(view, now, id, grid, &account),
        exposed,
        meters,
        suspended,
        until,
    }
}

fn cursor((height, index): (Height, u32)) -> String {
    format!("{height}-{index}")
}
