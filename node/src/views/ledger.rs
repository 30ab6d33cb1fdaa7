//! Holds and counters.

use super::{NodeBackend, at};
use crate::run::shared::View;
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::codec::decode_bounded;
use wattle_primitives::state_key::BalanceRecord;
use wattle_primitives::{Amount, AssetId, Hash};
use wattle_rpc_types::{Anchored, HoldInfo, LedgerAccountInfo, LedgerQueries, RpcError, RpcResult};
use wattle_runtime::keys;
use wattle_runtime::modules::ledger::records::BookAccount;
use wattle_runtime::query::{self, LedgerAccountView};

/// Most bytes of a book account's record.
const RECORD_BYTES_MAX: usize = 64;
/// Most bytes of four counters.
const COUNTERS_BYTES: usize = 64;

impl LedgerQueries for NodeBackend {
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>> {
        let view = self.shared.view();
        let hold = query::hold(&view.state, &id).ok_or_else(|| RpcError::not_found("hold", id))?;
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

    fn ledger_account(&self, id: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>> {
        let view = self.shared.view();
        if query::asset(&view.state, asset).is_none() {
            return Err(RpcError::not_found("asset", asset));
        }
        let found = match id {
            AccountId::Wallet { owner } => {
                let exists = query::account(&view.state, &owner).is_some();
                // A wallet is a liability that never goes below zero.
                exists.then(|| counters(&view, id, asset, AccountClass::Liability, true)).transpose()?
            }
            AccountId::System { account } => Some(query::system(&view.state, account, asset)),
            AccountId::Due { book, to } => {
                let both = query::book(&view.state, book).is_some() && query::book(&view.state, to).is_some();
                both.then(|| query::due(&view.state, book, to, asset))
            }
            AccountId::Book { book, code } => match view.state.get(&keys::book_account(book, code)) {
                Some(raw) => {
                    let record: BookAccount =
                        decode_bounded(raw, RECORD_BYTES_MAX).map_err(RpcError::internal)?;
                    let held = (record.asset == asset)
                        .then(|| counters(&view, id, asset, record.class, record.limited));
                    held.transpose()?
                }
                None => None,
            },
        };
        let found = found.ok_or_else(|| RpcError::not_found("ledger account", format!("{id:?}")))?;
        Ok(Anchored { at: at(&view), value: info(found) })
    }
}

fn counters(
    view: &View,
    account: AccountId,
    asset: AssetId,
    class: AccountClass,
    limited: bool,
) -> RpcResult<LedgerAccountView> {
    let counters = match view.state.get(&query::balance_key(&account, asset)) {
        Some(raw) => decode_bounded(raw, COUNTERS_BYTES).map_err(RpcError::internal)?,
        None => BalanceRecord::default(),
    };
    Ok(LedgerAccountView {
        account,
        asset,
        class,
        limited,
        debits_pending: Amount(counters.debits_pending),
        debits_posted: Amount(counters.debits_posted),
        credits_pending: Amount(counters.credits_pending),
        credits_posted: Amount(counters.credits_posted),
    })
}

fn info(view: LedgerAccountView) -> LedgerAccountInfo {
    LedgerAccountInfo {
        account: view.account,
        asset: view.asset,
        class: view.class,
        limited: view.limited,
        debits_pending: view.debits_pending,
        debits_posted: view.debits_posted,
        credits_pending: view.credits_pending,
        credits_posted: view.credits_posted,
    }
}
