//! Holds and counters.

use super::{NodeBackend, at};
use crate::run::shared::View;
use wattle_primitives::call::ledger::{AccountClass, AccountId, SystemAccount};
use wattle_primitives::{Amount, AssetId, Hash};
use wattle_rpc_types::{Anchored, HoldInfo, LedgerAccountInfo, LedgerQueries, RpcError, RpcResult};
use wattle_runtime::{keys, query};

impl LedgerQueries for NodeBackend {
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>> {
        let view = self.shared.view();
        let hold = view.state.read(keys::hold(&id)).ok_or_else(|| RpcError::not_found("hold", id))?;
        let value = HoldInfo {
            id,
            debit: hold.entry.debit,
            credit: hold.entry.credit,
            asset: hold.entry.asset,
            amount: hold.entry.amount,
            captor: hold.captor,
            expires_ms: hold.expires_ms,
        };
        Ok(Anchored { at: at(&view), value })
    }

    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>> {
        let view = self.shared.view();
        if view.state.read(keys::asset(asset)).is_none() {
            return Err(RpcError::not_found("asset", asset));
        }
        let (class, limited) = rules(&view, &account, asset)
            .ok_or_else(|| RpcError::not_found("ledger account", format!("{account:?}")))?;
        let counters = query::balance(&view.state, &account, asset);
        let value = LedgerAccountInfo {
            account,
            asset,
            class,
            limited,
            debits_pending: Amount(counters.debits_pending),
            debits_posted: Amount(counters.debits_posted),
            credits_pending: Amount(counters.credits_pending),
            credits_posted: Amount(counters.credits_posted),
        };
        Ok(Anchored { at: at(&view), value })
    }
}

/// The class of an account, and whether its balance is limited; `None` when there is no such account in the asset.
fn rules(view: &View, account: &AccountId, asset: AssetId) -> Option<(AccountClass, bool)> {
    let state = &view.state;
    match account {
        // A wallet is a liability that never goes below zero.
        AccountId::Wallet { owner } => {
            state.read(keys::account(owner)).map(|_| (AccountClass::Liability, true))
        }
        AccountId::System { account: SystemAccount::Issuance } => Some((AccountClass::Asset, false)),
        AccountId::System { account: SystemAccount::Fees | SystemAccount::Deposits } => {
            Some((AccountClass::Liability, true))
        }
        AccountId::Due { book } => state.read(keys::book(*book)).map(|_| (AccountClass::Liability, true)),
        AccountId::Cash { book } => state.read(keys::book(*book)).map(|_| (AccountClass::Asset, true)),
        AccountId::Book { book, code } => {
            let record = state.read(keys::book_account(*book, *code))?;
            (record.asset == asset).then_some((record.class, record.limited))
        }
    }
}
