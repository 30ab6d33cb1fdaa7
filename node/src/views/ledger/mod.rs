//! Books, their accounts, trial balances and statements; holds and counters.

mod statement;

use super::{NodeBackend, at, page};
use crate::run::shared::View;
use statement::Totals;
use wattle_primitives::call::ledger::{AccountClass, AccountId, SUPPLY_MAX, SystemAccount};
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, TimeMs};
use wattle_rpc_types::{
    Anchored, BookInfo, ChartItem, DueInfo, HoldInfo, LedgerAccountInfo, LedgerQueries, Page, PageRequest,
    RpcError, RpcResult, StatementLine, StatementRequest, TrialBalanceItem, Until,
};
use wattle_runtime::modules::ledger::records::{Book, BookAccount};
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
            expires_ms: (hold.expires_ms < TimeMs::MAX).then_some(hold.expires_ms),
        };
        Ok(Anchored { at: at(&view), value })
    }

    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>> {
        let view = self.shared.view();
        if view.state.read(keys::asset(asset)).is_none() {
            return Err(RpcError::not_found("asset", asset));
        }
        let Rules { class, debit_max, credit_max } = rules(&view, &account, asset)
            .ok_or_else(|| RpcError::not_found("ledger account", format!("{account:?}")))?;
        let counters = query::balance(&view.state, &account, asset);
        let value = LedgerAccountInfo {
            account,
            asset,
            class,
            debit_max,
            credit_max,
            debits_pending: Amount(counters.debits_pending),
            debits_posted: Amount(counters.debits_posted),
            credits_pending: Amount(counters.credits_pending),
            credits_posted: Amount(counters.credits_posted),
        };
        Ok(Anchored { at: at(&view), value })
    }

    fn ledger_book(&self, book: BookId) -> RpcResult<Anchored<BookInfo>> {
        let view = self.shared.view();
        let record = known(&view, book)?;
        Ok(Anchored { at: at(&view), value: book_info(&view, book, &record) })
    }

    fn ledger_books(&self, owner: Option<Address>, page: PageRequest) -> RpcResult<Page<BookInfo>> {
        let view = self.shared.view();
        let (books, next_cursor) =
            page::numbered(&page, |from, limit| query::books(&view.state, owner.as_ref(), from, limit))?;
        let items = books.iter().map(|(id, record)| book_info(&view, *id, record)).collect();
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn ledger_chart(&self, book: BookId, page: PageRequest) -> RpcResult<Page<ChartItem>> {
        let view = self.shared.view();
        known(&view, book)?;
        let (accounts, next_cursor) =
            page::numbered(&page, |from, limit| query::book_accounts(&view.state, book, from, limit))?;
        let item = |(code, record)| {
            let BookAccount { asset, class, name, parent, debit_max, credit_max } = record;
            ChartItem { code, name, asset, class, parent, debit_max, credit_max }
        };
        Ok(Page { at: at(&view), items: accounts.into_iter().map(item).collect(), next_cursor })
    }

    fn ledger_trial_balance(
        &self,
        book: BookId,
        until: Until,
        page: PageRequest,
    ) -> RpcResult<Page<TrialBalanceItem>> {
        let view = self.shared.view();
        known(&view, book)?;
        let moment = statement::Moment::of(self, &view, until)?;
        let cash: Vec<AssetId> = query::book_assets(&view.state, book).collect();
        let (places, next_cursor) =
            page::numbered(&page, |from, limit| places(&view, book, &cash, from, limit))?;
        let items: RpcResult<Vec<_>> = places
            .into_iter()
            .map(|(account, asset, class, parent)| {
                let Totals { debits, credits } = moment.totals(self, &view, &account, asset)?;
                Ok(TrialBalanceItem { account, asset, class, parent, debits, credits })
            })
            .collect();
        Ok(Page { at: at(&view), items: items?, next_cursor })
    }

    fn ledger_dues(&self, asset: AssetId, page: PageRequest) -> RpcResult<Page<DueInfo>> {
        let view = self.shared.view();
        let (books, next_cursor) =
            page::numbered(&page, |from, limit| query::books(&view.state, None, from, limit))?;
        let due = |(book, record): (BookId, Book)| {
            let counters = query::balance(&view.state, &AccountId::Due { book }, asset);
            let owed = Amount(counters.credits_posted.saturating_sub(counters.debits_posted));
            let reserved = Amount(counters.debits_pending);
            (owed > Amount::ZERO).then_some(DueInfo { book, owner: record.owner, asset, owed, reserved })
        };
        Ok(Page { at: at(&view), items: books.into_iter().filter_map(due).collect(), next_cursor })
    }

    fn ledger_statement(
        &self,
        request: StatementRequest,
        page: PageRequest,
    ) -> RpcResult<Page<StatementLine>> {
        statement::page(self, &request, &page)
    }
}

/// A book's record, or `not_found`.
fn known(view: &View, book: BookId) -> RpcResult<Book> {
    view.state.read(keys::book(book)).ok_or_else(|| RpcError::not_found("book", book))
}

fn book_info(view: &View, id: BookId, record: &Book) -> BookInfo {
    let Book { owner, accounts, closed_ms, .. } = *record;
    BookInfo { id, owner, accounts, assets: query::book_assets(&view.state, id).collect(), closed_ms }
}

/// The accounts of a trial balance from a place on: the book's cash, then its chart.
fn places(
    view: &View,
    book: BookId,
    cash: &[AssetId],
    from: u32,
    limit: usize,
) -> Vec<(AccountId, AssetId, AccountClass, Option<u32>)> {
    let skipped = usize::try_from(from).unwrap_or(usize::MAX);
    let assets = cash.iter().skip(skipped).take(limit);
    let mut places: Vec<_> =
        assets.map(|asset| (AccountId::Cash { book }, *asset, AccountClass::Asset, None)).collect();
    let first = from.saturating_sub(u32::try_from(cash.len()).unwrap_or(u32::MAX));
    let chart = query::book_accounts(&view.state, book, first, limit.saturating_sub(places.len()));
    places.extend(
        chart.into_iter().map(|(code, record)| {
            (AccountId::Book { book, code }, record.asset, record.class, record.parent)
        }),
    );
    places
}

/// The class of an account and its limits.
struct Rules {
    class: AccountClass,
    debit_max: Option<Amount>,
    credit_max: Option<Amount>,
}

/// The rules of an account; `None` when there is no such account in the asset.
fn rules(view: &View, account: &AccountId, asset: AssetId) -> Option<Rules> {
    let state = &view.state;
    let zero = Some(Amount::ZERO);
    // A liability that never goes below zero.
    let owed = Rules { class: AccountClass::Liability, debit_max: zero, credit_max: None };
    match account {
        AccountId::Wallet { owner } => state.read(keys::account(owner)).map(|_| owed),
        AccountId::System { account: SystemAccount::Issuance } => {
            Some(Rules { class: AccountClass::Asset, debit_max: Some(SUPPLY_MAX), credit_max: None })
        }
        AccountId::System { account: SystemAccount::Fees | SystemAccount::Deposits } => Some(owed),
        AccountId::Due { book } => state.read(keys::book(*book)).map(|_| owed),
        AccountId::Cash { book } => {
            let cash = Rules { class: AccountClass::Asset, debit_max: None, credit_max: zero };
            state.read(keys::book(*book)).map(|_| cash)
        }
        AccountId::Book { book, code } => {
            let record = state.read(keys::book_account(*book, *code))?;
            let BookAccount { class, debit_max, credit_max, .. } = record;
            (record.asset == asset).then_some(Rules { class, debit_max, credit_max })
        }
    }
}
