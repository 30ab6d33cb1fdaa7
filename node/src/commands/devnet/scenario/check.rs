//! Checks at the end of the story, derived anew from the answers of the interface.
//!
//! - Every meter's readings stand on the chain once, by rising numbers, and its registers never fall.
//! - For every account: what intervals and adjustments billed is what its meters' registers show, to the watt-hour.
//! - For every interval: what was bought was sold.
//! - Nobody made money: where all of it is adds up to what the genesis gave out.
//! - Money: what members owe, are owed, and have paid in adds up to nothing.
//! - One house's bill, as `wattle energy bill --verify` gives it, is proven, whole, and the same.

use super::{CliError, Stage, wrong};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::event::{EnergyEvent, MarketEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, AssetId, Event, Hash, Height, TimeMs};
use wattle_rpc_types::{Anchored, EventItem, MemberInfo, MicrogridInfo, ReadingItem, SupplyInfo, TermsInfo};

/// Counters of several meters, Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Energy {
    import: i128,
    export: i128,
}

impl Energy {
    fn add(&mut self, import: i128, export: i128) {
        self.import = self.import.saturating_add(import);
        self.export = self.export.saturating_add(export);
    }
}

/// Checks everything, and returns figures for the last line.
///
/// # Errors
/// `scenario` with what does not hold.
pub(super) async fn all(stage: &Stage<'_>, grid: Hash) -> Result<Value, CliError> {
    let (readings, info, bills, settled_ms) = settled(stage, grid).await?;
    let first = first_interval(stage, grid).await?;
    let shown = shown(stage, &readings, first.0.saturating_mul(info.interval_ms.0), settled_ms)?;
    for (account, bill) in &bills {
        let billed = billed(account, bill);
        let expected = shown.get(account).copied().unwrap_or_default();
        if billed != expected {
            return Err(wrong(&format!(
                "the bill of {account} is what its registers show: billed {billed:?}, registers {expected:?}"
            )));
        }
    }
    let lines = trades(&bills)?;
    money(stage, grid).await?;
    supply(stage).await?;
    let wh: i128 = shown.values().map(|energy| energy.import).sum();
    let intervals = info.next_settle.unwrap_or_default().0.saturating_sub(first.0);
    let proven = proven_bill(stage, &bills).await?;
    Ok(json!({
        "intervals": intervals.to_string(),
        "importWh": wh.to_string(),
        "trades": lines.to_string(),
        "proven": proven.to_string(),
        "readings": readings.values().map(Vec::len).sum::<usize>().to_string(),
    }))
}

/// How often the light nodes are waited for, a second each time.
const WAITS_MAX: u32 = 120;

/// Readings and bills as of a moment at which every meter has been read since the end of the last settled interval. On
/// a busy machine a light node may come later than the grace allows: it was estimated then, and its next reading puts
/// that right.
async fn settled(
    stage: &Stage<'_>,
    grid: Hash,
) -> Result<(BTreeMap<Address, Vec<ReadingItem>>, MicrogridInfo, Bills, u64), CliError> {
    for waited in 0.. {
        let readings = readings(stage).await?;
        let (info, bills) = snapshot(stage, grid, &readings).await?;
        let settled_ms = info.next_settle.unwrap_or_default().0.saturating_mul(info.interval_ms.0);
        let members = stage.meters.members.iter().filter(|member| !member.is_feeder);
        let late = members.filter(|member| {
            let last = readings.get(&member.address).and_then(|items| items.last());
            last.is_none_or(|item| item.time_ms.0 <= settled_ms)
        });
        if waited == WAITS_MAX || late.count() == 0 {
            return Ok((readings, info, bills, settled_ms));
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    Err(wrong("every meter was read after the last settled interval"))
}

/// Every meter's accepted readings, oldest first, checked to rise.
async fn readings(stage: &Stage<'_>) -> Result<BTreeMap<Address, Vec<ReadingItem>>, CliError> {
    let mut all = BTreeMap::new();
    for member in &stage.meters.members {
        let mut items: Vec<ReadingItem> = stage
            .client
            .list("energy_listReadings", json!({ "meter": member.address, "limit": 100 }))
            .await?;
        items.reverse();
        let numbers: BTreeSet<u64> = items.iter().map(|item| item.seq).collect();
        let rises = items.windows(2).all(|pair| {
            pair[0].seq < pair[1].seq
                && pair[0].import_wh <= pair[1].import_wh
                && pair[0].export_wh <= pair[1].export_wh
        });
        if items.is_empty() || numbers.len() != items.len() || !rises {
            return Err(wrong(&format!("each reading of {} stands on the chain once", member.name)));
        }
        all.insert(member.address, items);
    }
    Ok(all)
}

type Bills = BTreeMap<Address, Vec<EventItem>>;

/// All bills as of one moment at which every meter has been read since the last settled interval's end.
async fn snapshot(
    stage: &Stage<'_>,
    grid: Hash,
    readings: &BTreeMap<Address, Vec<ReadingItem>>,
) -> Result<(MicrogridInfo, Bills), CliError> {
    // The readings were fetched first: what was settled by the height of the last of them is covered by them.
    let height = readings.values().flatten().map(|item| item.position.height).max().unwrap_or(Height::ZERO);
    let heights = |item: &EventItem| item.position.height <= height;
    let mut bills = BTreeMap::new();
    for member in &stage.meters.members {
        if member.is_feeder || bills.contains_key(&member.owner) {
            continue;
        }
        let params = json!({ "account": member.owner, "microgrid": grid, "limit": 100 });
        let items: Vec<EventItem> = stage.client.list("energy_bill", params).await?;
        bills.insert(member.owner, items.into_iter().filter(heights).collect());
    }
    let intervals: Vec<EventItem> =
        stage.client.list("energy_listIntervals", json!({ "microgrid": grid, "limit": 100 })).await?;
    let last = intervals.iter().filter(|item| heights(item)).find_map(|item| match item.event {
        Event::Energy(EnergyEvent::IntervalSettled { interval, .. }) => Some(interval),
        _ => None,
    });
    let mut info: MicrogridInfo = stage.client.call("energy_getMicrogrid", json!({ "id": grid })).await?;
    info.next_settle = Some(last.ok_or_else(|| wrong("intervals were settled"))?.next());
    Ok((info, bills))
}

/// The first interval that is settled: the first that the terms hold for, which never change in this story.
async fn first_interval(stage: &Stage<'_>, grid: Hash) -> Result<IntervalId, CliError> {
    let terms: Anchored<TermsInfo> =
        stage.client.call("energy_getTerms", json!({ "microgrid": grid })).await?;
    match terms.value.version {
        0 => Ok(terms.value.from),
        version => Err(wrong(&format!("the first terms are in force (version {version} is)"))),
    }
}

/// Has one house's bill proven by `wattle energy bill --verify`, in a process of its own as a member would, and
/// compares it with what was looked at here. Returns how many lines were proven.
async fn proven_bill(stage: &Stage<'_>, bills: &Bills) -> Result<usize, CliError> {
    let operator = stage.net.spec.genesis.microgrids.first().map(|grid| grid.operator);
    let (account, known) = bills
        .iter()
        .find(|(account, items)| Some(**account) != operator && !items.is_empty())
        .ok_or_else(|| wrong("a house has a bill"))?;
    let program = std::env::current_exe().map_err(|e| CliError::failed("spawn", &e))?;
    let output = tokio::process::Command::new(program)
        .args(["energy", "bill", &account.to_string(), "--readings", "--verify", "--json", "--rpc"])
        .arg(stage.client.endpoint())
        .output();
    let output = output.await.map_err(|e| CliError::failed("spawn", &e))?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let document: Value = serde_json::from_str(&told).unwrap_or_default();
    if !output.status.success() || document["verified"]["complete"][0]["complete"] != true {
        return Err(wrong(&format!("the bill of {account} is proven whole: {told}")));
    }
    let lines = document["lines"].as_array().map_or(&[][..], Vec::as_slice);
    let last = known.iter().map(|item| item.position.height).max().unwrap_or_default();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i128>().ok()).unwrap_or(0);
    let until = |line: &&Value| number(&line["height"]) <= i128::from(last.0);
    let mut sum = Energy::default();
    for line in lines.iter().filter(until) {
        sum.add(number(&line["importWh"]), number(&line["exportWh"]));
    }
    let expected = billed(account, known);
    if sum != expected || lines.iter().filter(until).count() != known.len() {
        return Err(wrong(&format!("the proven bill of {account} is the same: {sum:?}, here {expected:?}")));
    }
    Ok(lines.len())
}

/// Energy by each account's registers between two times.
fn shown(
    stage: &Stage<'_>,
    readings: &BTreeMap<Address, Vec<ReadingItem>>,
    from_ms: u64,
    to_ms: u64,
) -> Result<BTreeMap<Address, Energy>, CliError> {
    let mut sums: BTreeMap<Address, Energy> = BTreeMap::new();
    for member in stage.meters.members.iter().filter(|member| !member.is_feeder) {
        let items = readings.get(&member.address).map_or(&[][..], Vec::as_slice);
        let missing = || wrong(&format!("{} was read after the last settled interval", member.name));
        let (first, last) = (at(items, from_ms), at(items, to_ms).ok_or_else(missing)?);
        // Before its first reading a meter shows nothing that could be billed.
        let first = first.or_else(|| items.first().map(counters)).ok_or_else(missing)?;
        let sum = sums.entry(member.owner).or_default();
        sum.add(last.0.saturating_sub(first.0), last.1.saturating_sub(first.1));
    }
    Ok(sums)
}

fn counters(item: &ReadingItem) -> (i128, i128) {
    (i128::from(item.import_wh.0), i128::from(item.export_wh.0))
}

/// Both counters at a time between two readings: linear, rounded down. `None` outside of them.
fn at(items: &[ReadingItem], time_ms: u64) -> Option<(i128, i128)> {
    let after = items.partition_point(|item| item.time_ms <= TimeMs(time_ms));
    let (before, next) = (items.get(after.checked_sub(1)?)?, items.get(after)?);
    let (low, high) = (counters(before), counters(next));
    let span = i128::from(next.time_ms.0.saturating_sub(before.time_ms.0));
    let part = i128::from(time_ms.saturating_sub(before.time_ms.0));
    let between = |a: i128, b: i128| {
        a.saturating_add(b.saturating_sub(a).saturating_mul(part).checked_div(span).unwrap_or(0))
    };
    Some((between(low.0, high.0), between(low.1, high.1)))
}

/// Energy by an account's bill, adjustments included.
fn billed(account: &Address, items: &[EventItem]) -> Energy {
    let mut sum = Energy::default();
    for item in items {
        match &item.event {
            Event::Energy(EnergyEvent::EnergySettled { account: of, import_wh, export_wh, .. })
                if of == account =>
            {
                sum.add(i128::from(import_wh.0), i128::from(export_wh.0));
            }
            Event::Energy(EnergyEvent::EnergyAdjusted {
                account: of,
                import_wh,
                export_wh,
                settled_import_wh,
                settled_export_wh,
                ..
            }) if of == account => {
                let difference = |new: u64, old: u64| i128::from(new).saturating_sub(i128::from(old));
                sum.add(
                    difference(import_wh.0, settled_import_wh.0),
                    difference(export_wh.0, settled_export_wh.0),
                );
            }
            _ => {}
        }
    }
    sum
}

/// Checks that what was bought was sold, and what each line was charged or credited for. Returns the number of trades.
fn trades(bills: &Bills) -> Result<usize, CliError> {
    let mut balance: BTreeMap<u64, i128> = BTreeMap::new();
    let mut trades = 0usize;
    for (account, items) in bills {
        for item in items {
            match &item.event {
                Event::Market(MarketEvent::Traded { buyer, .. }) if buyer == account => {
                    trades = trades.saturating_add(1)
                }
                Event::Energy(EnergyEvent::EnergySettled {
                    interval,
                    import_wh,
                    export_wh,
                    bought_wh,
                    sold_wh,
                    debit,
                    credit,
                    ..
                }) => {
                    let wide = i128::from;
                    let traded = wide(bought_wh.0).saturating_sub(wide(sold_wh.0));
                    let measured = wide(import_wh.0).saturating_sub(wide(export_wh.0));
                    let imbalance = measured.saturating_sub(traded);
                    let fits = match imbalance.signum() {
                        1 => credit.0 == 0,
                        -1 => debit.0 == 0,
                        _ => debit.0 == 0 && credit.0 == 0,
                    };
                    if !fits {
                        return Err(wrong(&format!(
                            "interval {interval} of {account} is charged for its imbalance"
                        )));
                    }
                    let sum = balance.entry(interval.0).or_default();
                    *sum = sum.saturating_add(traded);
                }
                _ => {}
            }
        }
    }
    match balance.iter().find(|(_, sum)| **sum != 0) {
        Some((interval, sum)) => {
            Err(wrong(&format!("interval {interval}: bought is sold ({sum} Wh are not)")))
        }
        None if trades == 0 => Err(wrong("somebody traded")),
        None => Ok(trades),
    }
}

/// Checks that all money is what the genesis gave out: nobody mints in this story.
async fn supply(stage: &Stage<'_>) -> Result<(), CliError> {
    let given = stage
        .net
        .spec
        .genesis
        .accounts
        .iter()
        .fold(0u128, |sum, account| sum.saturating_add(account.balance.0));
    let supply: SupplyInfo =
        stage.client.call("token_getSupply", json!({ "asset": AssetId::NATIVE })).await?;
    let SupplyInfo { asset: _, issued, burned, wallets, held, fees, deposits, books } = supply;
    let found =
        [wallets, held, fees, deposits, books].iter().fold(0u128, |sum, part| sum.saturating_add(part.0));
    if (issued.0, burned.0, found) == (given, 0, given) {
        Ok(())
    } else {
        Err(wrong(&format!("nobody made money: {supply:?} of {given}")))
    }
}

/// Checks that tabs and cash add up.
async fn money(stage: &Stage<'_>, grid: Hash) -> Result<(), CliError> {
    // Both are read until they are of one state: lines may be posted between two answers.
    for _ in 0..100 {
        let before: MicrogridInfo = stage.client.call("energy_getMicrogrid", json!({ "id": grid })).await?;
        let members: Vec<MemberInfo> =
            stage.client.list("energy_listMembers", json!({ "microgrid": grid, "limit": 100 })).await?;
        let after: MicrogridInfo = stage.client.call("energy_getMicrogrid", json!({ "id": grid })).await?;
        if before.next_settle != after.next_settle || before.cash != after.cash {
            continue;
        }
        let owes = members.iter().fold(0u128, |sum, member| sum.saturating_add(member.owes.0));
        let due = members.iter().fold(0u128, |sum, member| sum.saturating_add(member.due.0));
        if due == owes.saturating_add(after.cash.0) {
            return Ok(());
        }
    }
    Err(wrong("what is owed, due and paid in adds up"))
}
