//! Books, their accounts, trial balances and statements; holds and counters.

mod statement;

use super::{NodeBackend, at, page};
use crate::run::shared::View;
use statement::Totals;
use wattle_primitives::call::ledger::{AccountClass, AccountId, Entry, SUPPLY_MAX, SystemAccount};
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, TimeMs};
use wattle_rpc_types::{
    Anchored, BookInfo, ChartItem, DueInfo, HoldInfo, LedgerAccountInfo, LedgerQueries, Page, PageRequest,
    RpcError, RpcResult, StatementLine, StatementRequest, TrialBalanceItem, Until,
};
use wattle_runtime::modules::ledger::records::{Book, BookAccount, Hold};
use wattle_runtime::{keys, query};

/// Most entries with dates of their own that are looked at for one page of a trial balance.
const DATED_LOOKS_MAX: u64 = 1_000_000;
/// Most assets that are named of a book.
const BOOK_ASSETS_SHOWN: usize = 1_000;

/// The part of a trial balance with the book's cash.
const CASH: u8 = 0;
/// The part of a trial balance with the book's chart.
const CHART: u8 = 1;

impl LedgerQueries for NodeBackend {
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>> {
        let view = self.shared.view();
        let hold = view.state.read(keys::hold(&id)).ok_or_else(|| RpcError::not_found("hold", id))?;
        Ok(Anchored { at: at(&view), value: hold_info(id, hold) })
    }

    fn ledger_holds(&self, account: AccountId, page: PageRequest) -> RpcResult<Page<HoldInfo>> {
        let (from, limit) = (page::one(&page)?.unwrap_or(Hash::ZERO), page::limit(&page));
        let (view, mut ids) = self.shared.holds(&account, from, limit.saturating_add(1));
        let next_cursor = ids.get(limit).map(Hash::to_string);
        ids.truncate(limit);
        let open = |id: Hash| Some(hold_info(id, view.state.read(keys::hold(&id))?));
        Ok(Page { at: at(&view), items: ids.into_iter().filter_map(open).collect(), next_cursor })
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
            let BookAccount { asset, class, name, parent, debit_max, credit_max, .. } = record;
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
        let (limit, from) = (page::limit(&page), page::two(&page)?.unwrap_or((CASH, 0)));
        let mut reply = Page { at: at(&view), items: Vec::new(), next_cursor: None };
        let mut looks = DATED_LOOKS_MAX;
        for Place { part, number, account, asset, class, parent } in
            places(&view, book, from, limit.saturating_add(1))
        {
            let totals = match reply.items.len() < limit {
                true => moment.totals(self, &view, &account, asset, &mut looks)?,
                false => None,
            };
            let Some(Totals { debits, credits }) = totals else {
                reply.next_cursor = Some(format!("{part}-{number}"));
                break;
            };
            reply.items.push(TrialBalanceItem { account, asset, class, parent, debits, credits });
        }
        if reply.items.is_empty() && reply.next_cursor.is_some() {
            let what = "entries of one account with dates of their own, posted since that time";
            return Err(RpcError::LimitExceeded { what, max: DATED_LOOKS_MAX });
        }
        Ok(reply)
    }

    fn ledger_dues(&self, asset: AssetId, until: Until, page: PageRequest) -> RpcResult<Page<DueInfo>> {
        let view = self.shared.view();
        let moment = statement::Moment::of(self, &view, until)?;
        let (books, next_cursor) =
            page::numbered(&page, |from, limit| query::books(&view.state, None, from, limit))?;
        let mut items = Vec::new();
        for (book, Book { owner, .. }) in books {
            // Cash carries the time of its block: no entry of it is dated otherwise.
            let counters = moment.counters(self, &view, &AccountId::Due { book }, asset)?;
            let owed = Amount(counters.credits_posted.saturating_sub(counters.debits_posted));
            if owed > Amount::ZERO {
                items.push(DueInfo { book, owner, asset, owed, reserved: Amount(counters.debits_pending) });
            }
        }
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn ledger_statement(
        &self,
        request: StatementRequest,
        page: PageRequest,
    ) -> RpcResult<Page<StatementLine>> {
        statement::page(self, &request, &page)
    }
}

fn hold_info(id: Hash, hold: Hold) -> HoldInfo {
    let Hold { entry: Entry { debit, credit, asset, amount, .. }, captor, expires_ms, .. } = hold;
    let expires_ms = (expires_ms < TimeMs::MAX).then_some(expires_ms);
    HoldInfo { id, debit, credit, asset, amount, captor, expires_ms }
}

/// A book's record, or `not_found`.
fn known(view: &View, book: BookId) -> RpcResult<Book> {
    view.state.read(keys::book(book)).ok_or_else(|| RpcError::not_found("book", book))
}

fn book_info(view: &View, id: BookId, record: &Book) -> BookInfo {
    let Book { owner, accounts, closed_ms, .. } = *record;
    let assets = query::book_assets(&view.state, id, 0, BOOK_ASSETS_SHOWN);
    BookInfo { id, owner, accounts, assets, closed_ms }
}

/// A line of a trial balance. New ones come at the end of their part, so that no line changes its place.
struct Place {
    part: u8,
    number: u32,
    account: AccountId,
    asset: AssetId,
    class: AccountClass,
    parent: Option<u32>,
}

/// The lines of a trial balance from a part and a place in it on: the book's cash, then its chart.
fn places(view: &View, book: BookId, (part, from): (u8, u32), limit: usize) -> Vec<Place> {
    let mut places = Vec::new();
    if part == CASH {
        let cash = (from..).zip(query::book_assets(&view.state, book, from, limit));
        let (account, class) = (AccountId::Cash { book }, AccountClass::Asset);
        places.extend(cash.map(|(number, asset)| Place {
            part: CASH,
            number,
            account,
            asset,
            class,
            parent: None,
        }));
    }
    let from = if part == CASH { 0 } else { from };
    let chart = query::book_accounts(&view.state, book, from, limit.saturating_sub(places.len()));
    places.extend((from..).zip(chart).map(|(number, (code, record))| {
        let BookAccount { asset, class, parent, .. } = record;
        Place { part: CHART, number, account: AccountId::Book { book, code }, asset, class, parent }
    }));
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
