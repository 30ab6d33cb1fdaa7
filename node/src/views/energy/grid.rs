//! Terms and members.

use super::super::{NodeBackend, at, page};
use super::market::{current, grid};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash};
use wattle_rpc::types::{Anchored, MemberInfo, Page, PageRequest, TermsInfo};
use wattle_rpc::{RpcError, RpcResult};
use wattle_runtime::query::{self, MemberView};

pub(in crate::views) fn terms(
    node: &NodeBackend,
    microgrid: Hash,
    interval: Option<IntervalId>,
) -> RpcResult<Anchored<TermsInfo>> {
    let view = node.shared.view();
    let grid = grid(&view, &microgrid)?;
    let found = match interval {
        Some(interval) => query::terms_at(&view.state, &microgrid, interval),
        None => {
            let running = current(grid.interval_ms, view.header.time_ms);
            // Terms that are set hold from a later interval on: those to come are better than none.
            query::terms_at(&view.state, &microgrid, running).or_else(|| {
                let first = grid.agenda.map(|agenda| agenda.clear).filter(|first| *first > running)?;
                query::terms_at(&view.state, &microgrid, first)
            })
        }
    };
    let found = found.ok_or_else(|| RpcError::not_found("terms", microgrid))?;
    let value = TermsInfo { microgrid, version: found.version, from: found.from, terms: found.terms };
    Ok(Anchored { at: at(&view), value })
}

pub(in crate::views) fn members(
    node: &NodeBackend,
    microgrid: Hash,
    account: Option<Address>,
    page: &PageRequest,
) -> RpcResult<Page<MemberInfo>> {
    let view = node.shared.view();
    grid(&view, &microgrid)?;
    if let Some(account) = account {
        let found = query::member(&view.state, &microgrid, &account);
        let items = found.into_iter().map(member_info).collect();
        return Ok(Page { at: at(&view), items, next_cursor: None });
    }
    let (from, limit) = (page::one::<u32>(page)?.unwrap_or(0), page::limit(page));
    let mut found = query::members(&view.state, &microgrid, from, limit.saturating_add(1));
    let next_cursor = (found.len() > limit).then(|| from.saturating_add(page.limit).to_string());
    found.truncate(limit);
    Ok(Page { at: at(&view), items: found.into_iter().map(member_info).collect(), next_cursor })
}

fn member_info(view: MemberView) -> MemberInfo {
    let MemberView { account, code, owed, due, estimated, reserved, credit_limit, collect, exposed } = view;
    MemberInfo { account, code, owes: owed, due, credit_limit, reserved, estimated, collect, exposed }
}
