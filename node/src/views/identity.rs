//! Grants and sponsorships.

use super::{NodeBackend, at, page};
use wattle_primitives::{Address, Amount, Hash, TimeMs};
use wattle_rpc_types::{
    AllowanceInfo, Anchored, GrantInfo, IdentityQueries, Page, PageRequest, RpcError, RpcResult, SpentInfo,
    SponsorshipInfo,
};
use wattle_runtime::keys::ListSide;
use wattle_runtime::modules::identity::records::{Allowance, Grant, Sponsorship};
use wattle_runtime::{keys, query};

impl IdentityQueries for NodeBackend {
    fn identity_grant(&self, grant: Hash) -> RpcResult<Anchored<GrantInfo>> {
        let view = self.shared.view();
        let found =
            view.state.read(keys::grant(&grant)).ok_or_else(|| RpcError::not_found("grant", grant))?;
        Ok(Anchored { at: at(&view), value: grant_info(self.next_time(&view), grant, found) })
    }

    fn identity_grants_by(&self, grantor: Address, page: PageRequest) -> RpcResult<Page<GrantInfo>> {
        list(self, ListSide::Grantor, &grantor, &page)
    }

    fn identity_grants_to(&self, grantee: Address, page: PageRequest) -> RpcResult<Page<GrantInfo>> {
        list(self, ListSide::Grantee, &grantee, &page)
    }

    fn identity_sponsorship(
        &self,
        sponsor: Address,
        grantee: Address,
    ) -> RpcResult<Anchored<SponsorshipInfo>> {
        let view = self.shared.view();
        let found = view.state.read(keys::sponsorship(&sponsor, &grantee));
        let found = found.ok_or_else(|| RpcError::not_found("sponsorship", grantee))?;
        let allowance = allowance_info(self.next_time(&view), found.allowance);
        Ok(Anchored { at: at(&view), value: SponsorshipInfo { sponsor, grantee, allowance } })
    }

    fn identity_sponsorships_by(
        &self,
        sponsor: Address,
        page: PageRequest,
    ) -> RpcResult<Page<SponsorshipInfo>> {
        list_sponsorships(self, ListSide::Grantor, &sponsor, &page)
    }

    fn identity_sponsorships_for(
        &self,
        grantee: Address,
        page: PageRequest,
    ) -> RpcResult<Page<SponsorshipInfo>> {
        list_sponsorships(self, ListSide::Grantee, &grantee, &page)
    }
}

fn list(
    node: &NodeBackend,
    side: ListSide,
    account: &Address,
    page: &PageRequest,
) -> RpcResult<Page<GrantInfo>> {
    let view = node.shared.view();
    let (found, next_cursor) =
        page::numbered(page, |from, limit| query::grants(&view.state, side, account, from, limit))?;
    let now = node.next_time(&view);
    let items = found.into_iter().map(|(id, grant)| grant_info(now, id, grant)).collect();
    Ok(Page { at: at(&view), items, next_cursor })
}

fn list_sponsorships(
    node: &NodeBackend,
    side: ListSide,
    account: &Address,
    page: &PageRequest,
) -> RpcResult<Page<SponsorshipInfo>> {
    let view = node.shared.view();
    let (found, next_cursor) =
        page::numbered(page, |from, limit| query::sponsorships(&view.state, side, account, from, limit))?;
    let now = node.next_time(&view);
    let info = |(other, record): (Address, Sponsorship)| {
        let (sponsor, grantee) = match side {
            ListSide::Grantor => (*account, other),
            ListSide::Grantee => (other, *account),
        };
        SponsorshipInfo { sponsor, grantee, allowance: allowance_info(now, record.allowance) }
    };
    Ok(Page { at: at(&view), items: found.into_iter().map(info).collect(), next_cursor })
}

fn grant_info(now: TimeMs, grant: Hash, record: Grant) -> GrantInfo {
    let Grant { grantor, grantee, allowance, .. } = record;
    GrantInfo { grant, grantor, grantee, allowance: allowance_info(now, allowance) }
}

fn allowance_info(now: TimeMs, allowance: Allowance) -> AllowanceInfo {
    let rows = allowance.limits.spending.iter().zip(&allowance.spent);
    let spent = rows.map(|(limit, spent)| SpentInfo {
        asset: limit.asset,
        total: spent.total,
        period: spent.period,
        period_from_ms: spent.period_from_ms,
        left: Some(allowance.left(now, limit.asset)).filter(|left| *left < Amount::MAX),
    });
    AllowanceInfo { spent: spent.collect(), uses: allowance.uses, limits: allowance.limits }
}
