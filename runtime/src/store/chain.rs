//! [`Store`] over any database.

use super::kv::{self, DatedEntry, HistoryRow, Kv, META_FORMAT, META_TIP, Order, Row, Table};
use super::{
    Commit, EventItem, EventPage, HistoryCursor, HistoryItem, HistoryPage, Proven, StatementPage, Store,
    StoreError, Tip, Towards, TxLocation,
};
use crate::modules::PAGE_ITEMS_MAX;
use crate::modules::ledger::records::Balance;
use crate::supply::History;
use borsh::BorshDeserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError, RwLock};
use wattle_primitives::block::{BLOCK_BYTES_MAX, PATH_HEADERS_MAX};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::codec::decode_bounded;
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::receipt::{BlockReceipts, RECEIPTS_BYTES_MAX};
use wattle_primitives::{
    Accusation, Address, Amount, AssetId, Block, BlockId, Certificate, Decode, Hash, Header, Height, TimeMs,
    Tx, encode,
};

/// Blocks whose events are read for one page at most: readers take turns by pages.
pub const EVENT_BLOCKS_MAX: u64 = 256;
/// Bytes of receipts after which a page of events ends. Those of one block are read in any case.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// A chain's history and state in a database.
#[derive(Debug)]
pub struct ChainStore<K> {
    kv: K,
    /// Held while writing, so that commits follow each other.
    writing: Mutex<()>,
    /// The last height written. Apart from the above, so that nobody waits for a disk to learn it.
    tip: RwLock<Option<Tip>>,
}

#[expect(private_bounds, reason = "databases are this module's own; the type is public, its engine is not")]
impl<K: Kv> ChainStore<K> {
    /// Opens what the database holds.
    pub(super) fn over(kv: K) -> Result<Self, StoreError> {
        let tip = match kv.get(Table::Meta, META_FORMAT)? {
            Some(raw) => {
                let got: u32 = parse("format", &raw, 4)?;
                if got != kv::FORMAT {
                    return Err(StoreError::Format { expected: kv::FORMAT, got });
                }
                kv.get(Table::Meta, META_TIP)?.map(|raw| parse_tip(&raw)).transpose()?
            }
            None => None,
        };
        Ok(Self { kv, writing: Mutex::new(()), tip: RwLock::new(tip) })
    }

    /// The database itself.
    #[cfg(feature = "rocks")]
    pub(super) const fn database(&self) -> &K {
        &self.kv
    }

    fn at<T: BorshDeserialize>(
        &self,
        table: Table,
        key: &[u8],
        bytes_max: usize,
    ) -> Result<Option<T>, StoreError> {
        self.kv.get(table, key)?.map(|raw| parse(table.name(), &raw, bytes_max)).transpose()
    }

    /// The events at these places; each height's receipts are read once where neighbours share it.
    fn events_at(&self, places: &[(Height, u32)]) -> Result<Vec<EventItem>, StoreError> {
        let mut read: Option<(Height, BlockReceipts)> = None;
        let mut items = Vec::with_capacity(places.len());
        for &(height, index) in places {
            if read.as_ref().is_none_or(|(at, _)| *at != height) {
                read = self.receipts(height)?.map(|receipts| (height, receipts));
            }
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            let found = read.as_ref().and_then(|(_, receipts)| receipts.events().nth(place));
            let (tx, event) = found.ok_or_else(|| corrupt("statements", "a line's event is missing"))?;
            items.push(EventItem { height, index, tx, event: event.clone() });
        }
        Ok(items)
    }

    fn height_of(&self, id: BlockId) -> Result<Option<Height>, StoreError> {
        match id {
            BlockId::Height(height) => Ok(Some(height)),
            BlockId::Hash(hash) => {
                let Some(raw) = self.kv.get(Table::Hashes, &hash.0)? else { return Ok(None) };
                let bytes: [u8; 8] = raw.try_into().map_err(|_| corrupt("hashes", "not a height"))?;
                Ok(Some(Height(u64::from_be_bytes(bytes))))
            }
        }
    }
}

impl<K: Kv> Store for ChainStore<K> {
    fn commit(&self, commits: &[Commit<'_>]) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.tip()?;
        let format = encode(&kv::FORMAT);
        let mut rows =
            vec![Row { table: Table::Meta, key: META_FORMAT.into(), value: Some(format.as_slice().into()) }];
        let mut supply: BTreeMap<AssetId, [Amount; 2]> = BTreeMap::new();
        for commit in commits {
            check_order(next.as_ref(), commit)?;
            rows.extend(kv::rows(commit));
            let mut counted = History::default();
            counted.take(&commit.block.txs, &commit.receipts);
            for (asset, [issued, burned]) in counted.assets() {
                let [minted, gone] = match supply.get(&asset) {
                    Some(before) => *before,
                    None => self.supply(asset, Height::MAX)?,
                };
                let after = [minted.saturating_add(issued), gone.saturating_add(burned)];
                let key = kv::supply_key(asset, commit.height()).into();
                rows.push(Row { table: Table::Supply, key, value: Some(encode(&after).into()) });
                supply.insert(asset, after);
            }
            next = Some(Tip { hash: commit.block.hash(), header: commit.block.header.clone() });
        }
        self.kv.write(rows)?;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn tip(&self) -> Result<Option<Tip>, StoreError> {
        Ok(self.tip.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn header(&self, id: BlockId) -> Result<Option<Header>, StoreError> {
        let Some(height) = self.height_of(id)? else { return Ok(None) };
        self.at(Table::Headers, &kv::height_key(height), Header::MAX_BYTES)
    }

    fn block(&self, id: BlockId) -> Result<Option<Block>, StoreError> {
        let Some(header) = self.header(id)? else { return Ok(None) };
        let key = kv::height_key(header.height);
        let txs: Vec<Tx> = self
            .at(Table::Bodies, &key, BLOCK_BYTES_MAX)?
            .ok_or_else(|| corrupt("bodies", "a body is missing"))?;
        Ok(Some(Block { header, txs }))
    }

    fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError> {
        self.at(Table::Certificates, &kv::height_key(height), Certificate::MAX_BYTES)
    }

    fn proof(&self, height: Height) -> Result<Option<Proven>, StoreError> {
        let start = kv::height_key(height);
        let mut found = None;
        self.kv.scan(Table::Certificates, &start, Order::Up, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            false
        })?;
        let (last, certificate) = match found {
            Some((key, raw)) => (key, Some(parse("certificates", &raw, Certificate::MAX_BYTES)?)),
            None if height == Height::ZERO => (start.to_vec(), None),
            None => return Ok(None),
        };
        let (last, certificate) =
            if height == Height::ZERO { (start.to_vec(), None) } else { (last, certificate) };
        let (mut raw, mut whole) = (Vec::new(), false);
        self.kv.scan(Table::Headers, &start, Order::Up, &mut |key, value| {
            raw.push(value.to_vec());
            whole = key == last.as_slice();
            !whole && raw.len() <= PATH_HEADERS_MAX
        })?;
        let path: Vec<Header> =
            raw.iter().map(|raw| parse("headers", raw, Header::MAX_BYTES)).collect::<Result<_, _>>()?;
        let starts = path.first().is_some_and(|first| first.height == height);
        Ok((starts && whole).then_some(Proven { path, certificate }))
    }

    fn receipts(&self, height: Height) -> Result<Option<BlockReceipts>, StoreError> {
        self.at(Table::Receipts, &kv::height_key(height), RECEIPTS_BYTES_MAX)
    }

    fn tx(&self, id: &Hash) -> Result<Option<TxLocation>, StoreError> {
        let found: Option<(Height, u32)> = self.at(Table::Txs, &id.0, 12)?;
        Ok(found.map(|(height, index)| TxLocation { height, index }))
    }

    fn history(
        &self,
        account: &Address,
        before: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let start = match before {
            Some(at) => kv::history_key(account, at.height, at.index),
            None => kv::history_key(account, Height::MAX, u32::MAX),
        };
        let mut raw = Vec::new();
        self.kv.scan(Table::History, &start, Order::Down, &mut |key, value| {
            let Some((height, index)) = kv::history_place(account, key) else { return false };
            let at = HistoryCursor { height, index };
            if before != Some(at) {
                raw.push((at, value.to_vec()));
            }
            raw.len() <= limit // one more than asked, to know whether there is a next page
        })?;
        let more = raw.len() > limit;
        raw.truncate(limit);
        let items = raw.into_iter().map(|(at, raw)| history_item(at, &raw)).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().map(|item| item.at).filter(|_| more);
        Ok(HistoryPage { items, next })
    }

    fn statement(
        &self,
        subject: &Address,
        start: (Height, u32),
        towards: Towards,
        limit: usize,
    ) -> Result<StatementPage, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let order = Order::from(towards);
        let mut places = Vec::new();
        self.kv.scan(
            Table::Statements,
            &kv::history_key(subject, start.0, start.1),
            order,
            &mut |key, _| {
                let Some(place) = kv::history_place(subject, key) else { return false };
                places.push(place);
                places.len() <= limit // one more than asked, to know where the next page starts
            },
        )?;
        let next = places.get(limit).copied();
        places.truncate(limit);
        Ok(StatementPage { items: self.events_at(&places)?, next })
    }

    fn balances(
        &self,
        account: &AccountId,
        asset: AssetId,
        from: Height,
        towards: Towards,
        limit: usize,
    ) -> Result<Vec<(Height, Balance)>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let prefix = kv::account_key(account, asset);
        let start = [prefix.as_slice(), &kv::height_key(from)].concat();
        let mut raw: Vec<(Height, Vec<u8>)> = Vec::new();
        self.kv.scan(Table::Balances, &start, Order::from(towards), &mut |key, value| {
            let height = key.strip_prefix(prefix.as_slice()).and_then(|rest| rest.first_chunk::<8>());
            let Some(height) = height else { return false };
            raw.push((Height(u64::from_be_bytes(*height)), value.to_vec()));
            raw.len() < limit
        })?;
        raw.into_iter().map(|(height, raw)| Ok((height, parse("balances", &raw, 64)?))).collect()
    }

    fn dated(
        &self,
        account: &AccountId,
        asset: AssetId,
        heights: RangeInclusive<Height>,
        before: TimeMs,
        looks: &mut u64,
    ) -> Result<Option<Balance>, StoreError> {
        let prefix = kv::account_key(account, asset);
        let start = [prefix.as_slice(), &kv::height_key(*heights.start())].concat();
        let mut found: Result<Option<Balance>, StoreError> = Ok(Some(Balance::default()));
        self.kv.scan(Table::Dated, &start, Order::Up, &mut |key, value| {
            let height = key.strip_prefix(prefix.as_slice()).and_then(|rest| rest.first_chunk::<8>());
            let height = height.map(|height| Height(u64::from_be_bytes(*height)));
            let (Some(_), Ok(Some(sums))) = (height.filter(|at| heights.contains(at)), &mut found) else {
                return false;
            };
            let Some(left) = looks.checked_sub(1) else {
                found = Ok(None);
                return false;
            };
            *looks = left;
            match parse::<DatedEntry>("dated", value, 32) {
                Ok(entry) if entry.effective_ms < before => {
                    let sum = if entry.debit { &mut sums.debits_posted } else { &mut sums.credits_posted };
                    *sum = sum.saturating_add(entry.amount.0);
                }
                Ok(_) => {}
                Err(error) => found = Err(error),
            }
            found.is_ok()
        })?;
        found
    }

    fn supply(&self, asset: AssetId, height: Height) -> Result<[Amount; 2], StoreError> {
        let mut found = None;
        let start = kv::supply_key(asset, height);
        self.kv.scan(Table::Supply, &start, Order::Down, &mut |key, value| {
            found = (key.get(..4) == start.get(..4)).then(|| value.to_vec());
            false
        })?;
        found.map_or(Ok([Amount::ZERO; 2]), |raw| parse(Table::Supply.name(), &raw, 32))
    }

    fn height_at(&self, time: TimeMs) -> Result<Height, StoreError> {
        let end = self.tip()?.map_or(0, |tip| tip.header.height.0.saturating_add(1));
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low.midpoint(high);
            let header = self.header(BlockId::Height(Height(middle)))?;
            match header.ok_or_else(|| corrupt("headers", "a header is missing"))?.time_ms < time {
                true => low = middle.saturating_add(1),
                false => high = middle,
            }
        }
        Ok(Height(low))
    }

    fn events(&self, height: Height, index: u32, limit: usize) -> Result<EventPage, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let mut page = EventPage { items: Vec::new(), next: (height, index) };
        let mut bytes = 0usize;
        for _ in 0..EVENT_BLOCKS_MAX {
            let (height, from) = page.next;
            let Some(raw) = self.kv.get(Table::Receipts, &kv::height_key(height))? else { return Ok(page) };
            bytes = bytes.saturating_add(raw.len());
            let receipts: BlockReceipts = parse(Table::Receipts.name(), &raw, RECEIPTS_BYTES_MAX)?;
            let events = (0u32..).zip(receipts.events()).skip_while(|(index, _)| *index < from);
            for (index, (tx, event)) in events {
                if page.items.len() >= limit {
                    page.next = (height, index);
                    return Ok(page);
                }
                page.items.push(EventItem { height, index, tx, event: event.clone() });
            }
            page.next = (height.next(), 0);
            if bytes >= EVENT_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    fn accuse(&self, found: &Accusation, forgotten: Option<&AccusationId>) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::with_capacity(2);
        let mut put = |id: &AccusationId, value: Option<Vec<u8>>| {
            let key = kv::evidence_key(id).into();
            rows.push(Row { table: Table::Evidence, key, value: value.map(Into::into) });
        };
        if let Some(forgotten) = forgotten {
            put(forgotten, None);
        }
        put(&found.id(), Some(encode(found)));
        self.kv.write(rows)
    }

    fn accusations(&self) -> Result<Vec<Accusation>, StoreError> {
        let mut found = Vec::new();
        self.kv.scan(Table::Evidence, &[], Order::Up, &mut |_, value| {
            found.push(parse(Table::Evidence.name(), value, Accusation::MAX_BYTES));
            true
        })?;
        found.into_iter().collect()
    }

    fn state_entries(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Tip>, StoreError> {
        let tip = self.kv.cut(&mut |key, value| {
            visit(key, value);
            true
        })?;
        tip.map(|raw| parse_tip(&raw)).transpose()
    }
}

fn check_order(tip: Option<&Tip>, commit: &Commit<'_>) -> Result<(), StoreError> {
    let got = commit.height();
    let follows = match tip {
        Some(tip) => got == tip.header.height.next() && commit.block.header.parent == tip.hash,
        None => got == Height::ZERO,
    };
    if follows { Ok(()) } else { Err(StoreError::Order { tip: tip.map(|t| t.header.height), got }) }
}

fn history_item(at: HistoryCursor, raw: &[u8]) -> Result<HistoryItem, StoreError> {
    let row: HistoryRow = parse("history", raw, 256)?;
    let HistoryRow { tx, time_ms, outcome, module, call } = row;
    Ok(HistoryItem { at, tx, time_ms, outcome, kind: (module, call) })
}

fn parse_tip(raw: &[u8]) -> Result<Tip, StoreError> {
    let header: Header = parse("tip", raw, Header::MAX_BYTES)?;
    Ok(Tip { hash: header.hash(), header })
}

fn parse<T: BorshDeserialize>(what: &'static str, raw: &[u8], bytes_max: usize) -> Result<T, StoreError> {
    decode_bounded(raw, bytes_max).map_err(|error| StoreError::Corrupt { what, detail: error.to_string() })
}

fn corrupt(what: &'static str, detail: &str) -> StoreError {
    StoreError::Corrupt { what, detail: detail.to_owned() }
}
