//! Operators of pay-as-you-go, their devices and tokens.

use super::energy::cursor;
use super::{NodeBackend, View, at, events, page, storage};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::paygo::CreditUnit;
use wattle_primitives::{Address, Amount, Hash, Height, TimeMs, WattHours};
use wattle_rpc_types::{
    Anchored, AuthorisationInfo, ContractInfo, CreditInfo, DeviceInfo, DeviceList, DeviceState,
    DevicesRequest, EventItem, Page, PageRequest, PaygoOperatorInfo, PaygoQueries, RpcError, RpcResult,
    TokenInfo, TokenStatus,
};
use wattle_runtime::modules::paygo::is_over;
use wattle_runtime::modules::paygo::records::{
    Authorisation, Contract, Device, DeviceStatus, Operator, PaidFrom, Sale, TokenRecord, TokenState,
};
use wattle_runtime::store::{StatementPage, Towards};
use wattle_runtime::{keys, query};

/// Most devices looked at for one page of a list: a page that stops here has a cursor and fewer items.
const DEVICES_MAX: u32 = 1000;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3600 * 1000;

impl PaygoQueries for NodeBackend {
    fn paygo_operator(&self, account: Address) -> RpcResult<Anchored<PaygoOperatorInfo>> {
        let view = self.shared.view();
        let Operator { asset, energy, daily_cap, devices } = operator(&view, &account)?;
        let value = PaygoOperatorInfo { operator: account, asset, energy, daily_cap, devices };
        Ok(Anchored { at: at(&view), value })
    }

    fn paygo_device(&self, id: Hash) -> RpcResult<Anchored<DeviceInfo>> {
        let view = self.shared.view();
        let device = device(&view, &id)?;
        let operator = operator(&view, &device.operator)?;
        Ok(Anchored { at: at(&view), value: device_info(&view, id, &device, &operator) })
    }

    fn paygo_devices(&self, request: DevicesRequest, page: PageRequest) -> RpcResult<Page<DeviceInfo>> {
        let view = self.shared.view();
        let operator = operator(&view, &request.operator)?;
        let (limit, mut next) = (page::limit(&page), page::one::<u32>(&page)?.unwrap_or(0));
        let last = next.saturating_add(DEVICES_MAX).min(operator.devices);
        let mut items = Vec::new();
        while next < last && items.len() < limit {
            let found = query::devices(&view.state, &request.operator, next, 1);
            let infos = found.iter().map(|(id, device)| device_info(&view, *id, device, &operator));
            items.extend(infos.filter(|info| is_listed(info, &request, view.header.time_ms)));
            next = next.saturating_add(1);
        }
        let next_cursor = (next < operator.devices).then(|| next.to_string());
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn paygo_token(&self, id: Hash, count: u32) -> RpcResult<Anchored<TokenInfo>> {
        let view = self.shared.view();
        let device = device(&view, &id)?;
        let token = view.state.read(keys::device_token(&id, count));
        let token = token.ok_or_else(|| RpcError::not_found("token", count))?;
        Ok(Anchored { at: at(&view), value: token_info(&device, count, &token) })
    }

    fn paygo_tokens(&self, id: Hash, page: PageRequest) -> RpcResult<Page<TokenInfo>> {
        let view = self.shared.view();
        let device = device(&view, &id)?;
        let from = page::one::<u32>(&page)?.unwrap_or(device.last_count).min(device.last_count);
        let (found, next) = query::device_tokens(&view.state, &id, from, page::limit(&page));
        let items = found.iter().map(|(count, token)| token_info(&device, *count, token)).collect();
        Ok(Page { at: at(&view), items, next_cursor: next.map(|next| next.to_string()) })
    }

    fn paygo_history(&self, id: Hash, page: PageRequest) -> RpcResult<Page<EventItem>> {
        let view = self.shared.view();
        device(&view, &id)?;
        let start = page::two::<Height, u32>(&page)?.unwrap_or((view.header.height, u32::MAX));
        let subject = Address::of_device(&id);
        let found = self.shared.store.statement(&subject, start, Towards::Older, page::limit(&page));
        let StatementPage { items, next } = found.map_err(storage)?;
        let items = events::dated(self, items)?;
        Ok(Page { at: at(&view), items, next_cursor: next.map(cursor) })
    }
}

fn operator(view: &View, account: &Address) -> RpcResult<Operator> {
    let found = view.state.read(keys::paygo_operator(account));
    found.ok_or_else(|| RpcError::not_found("pay-as-you-go operator", account))
}

fn device(view: &View, id: &Hash) -> RpcResult<Device> {
    view.state.read(keys::device(id)).ok_or_else(|| RpcError::not_found("device", id))
}

fn device_info(view: &View, id: Hash, device: &Device, operator: &Operator) -> DeviceInfo {
    let (credit, active_until_ms) = match device.unit {
        CreditUnit::WattHours { .. } => (Some(credit_info(view, &id, device)), None),
        CreditUnit::Time { .. } => (None, Some(device.active_until_ms)),
    };
    let today = view.header.time_ms.0.checked_div(DAY_MS).unwrap_or(0);
    let issued_today = if u64::from(device.day) == today { device.issued } else { 0 };
    let silence = device.meter.and_then(|meter| view.state.read(keys::settled_meter(&meter))?.silence);
    DeviceInfo {
        device: id,
        operator: device.operator,
        wallet: Address::of_device(&id),
        owner: device.owner,
        gateway: device.gateway,
        key: device.key,
        meter: device.meter,
        unit: device.unit,
        divider: device.divider,
        profile: device.profile,
        extended: device.extended,
        state: match device.status {
            DeviceStatus::Active => DeviceState::Active,
            DeviceStatus::Suspended => DeviceState::Suspended,
            DeviceStatus::Unlocked => DeviceState::Unlocked,
        },
        last_count: device.last_count,
        count: device.count,
        active_until_ms,
        credit,
        asset: operator.asset,
        debt: device.debt,
        contract: device.contract.as_ref().map(contract_info),
        issued_today,
        left_today: u64::from(operator.daily_cap).saturating_sub(issued_today),
        adds: device.adds,
        silent_since_ms: silence.map(|silence| silence.since_ms),
        authorisations: device.authorisations.iter().map(|of| authorisation_info(view, of)).collect(),
    }
}

fn credit_info(view: &View, id: &Hash, device: &Device) -> CreditInfo {
    let account = AccountId::Wallet { owner: Address::of_device(id) };
    let counters = query::balance(&view.state, &account, device.asset);
    CreditInfo {
        asset: device.asset,
        available_wh: watt_hours(counters.available()),
        held_wh: watt_hours(Amount(counters.debits_pending)),
        ahead_wh: device.ahead_wh,
    }
}

/// A unit of an operator's energy is a Wh.
fn watt_hours(amount: Amount) -> WattHours {
    WattHours(u64::try_from(amount.0).unwrap_or(u64::MAX))
}

fn contract_info(contract: &Contract) -> ContractInfo {
    let Contract { terms, begun, paid, rest } = *contract;
    let left = (terms.total > Amount::ZERO).then(|| terms.total.saturating_sub(paid));
    ContractInfo { terms, begun, paid, rest, left }
}

fn authorisation_info(view: &View, of: &Authorisation) -> AuthorisationInfo {
    let hold = view.state.read(keys::hold(&of.hold));
    let remaining_wh = hold.as_ref().map_or(WattHours::ZERO, |_| of.wh.saturating_sub(of.used_wh));
    let over = hold.as_ref().is_some_and(|hold| hold.expires_ms <= view.header.time_ms);
    AuthorisationInfo {
        authorisation: of.hold,
        gateway: of.gateway,
        wh: of.wh,
        seq: of.seq,
        used_wh: of.used_wh,
        remaining_wh,
        stop: over || remaining_wh == WattHours::ZERO,
        expires_ms: hold.map(|hold| hold.expires_ms),
    }
}

fn token_info(device: &Device, count: u32, token: &TokenRecord) -> TokenInfo {
    let (state, value, sale) = match token.state {
        TokenState::Reserved => (TokenStatus::Reserved, token.most, None),
        TokenState::Issued(sale) => (TokenStatus::Issued, sale.value, Some(sale)),
        TokenState::Voided(sale) => (TokenStatus::Voided, sale.map_or(token.most, |sale| sale.value), sale),
        TokenState::Taken(value) => (TokenStatus::Taken, value, None),
    };
    let payer = match sale {
        Some(Sale { from: PaidFrom::Account(account), .. }) => Some(account),
        Some(Sale { from: PaidFrom::Hand | PaidFrom::Debt, .. }) | None => None,
    };
    TokenInfo {
        count,
        kind: token.kind,
        value,
        commitment: token.commitment,
        state,
        price: sale.map(|sale| sale.price),
        payer,
        owed: sale.is_some_and(|sale| sale.from == PaidFrom::Debt),
        over: is_over(device, count, token.kind),
    }
}

/// Whether a device belongs in the list that is asked for.
fn is_listed(info: &DeviceInfo, request: &DevicesRequest, now: TimeMs) -> bool {
    match request.only {
        None => true,
        Some(DeviceList::Silent) => info.silent_since_ms.is_some(),
        Some(DeviceList::Low) => is_low(info, request.below_wh, now.saturating_add(request.within_ms)),
        Some(DeviceList::Overdue) => {
            let running = info.contract.is_some_and(|of| of.begun && of.left != Some(Amount::ZERO));
            info.debt > Amount::ZERO || running && is_low(info, WattHours::ZERO, now)
        }
    }
}

/// Whether a device that is not unlocked has no more energy than `wh`, or is active no longer than until `until`.
fn is_low(info: &DeviceInfo, wh: WattHours, until: TimeMs) -> bool {
    let little = info.credit.is_none_or(|credit| credit.available_wh <= wh);
    let soon = info.active_until_ms.is_none_or(|active| active <= until);
    info.state != DeviceState::Unlocked && little && soon
}
