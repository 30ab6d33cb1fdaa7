//! Which taxes the tax on a line is made of, by codes and rates of the microgrid's terms.
//!
//! An event has the sum of all taxes on its line. A fee, a connection or power was taxed by the newest terms under
//! which such an amount has such a tax; the energy of a month by the terms of that month. Where these changed within
//! it, the tax on energy is not told apart.

use super::CliError;
use super::lines::{Grids, TaxPart, Taxes};
use crate::client::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use wattle_primitives::call::energy::{Fees, LineKind};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, Event, Hash, TimeMs};
use wattle_rpc_types::{Anchored, EventItem, TermsInfo};

/// Versions of terms that are looked at for a line, newest first.
const VERSIONS_MAX: usize = 8;
/// The longest month.
const MONTH_MS: u64 = 31 * 24 * 3_600_000;

/// Tells the taxes on these lines apart.
pub(super) async fn of(client: &Client, items: &[EventItem], grids: &Grids) -> Result<Taxes, CliError> {
    let (mut taxes, mut known) = (Taxes::new(), BTreeMap::<(Hash, u64), Vec<TermsInfo>>::new());
    for item in items {
        let Event::Energy(EnergyEvent::LineCharged { microgrid, interval, line, amount, tax, .. }) =
            &item.event
        else {
            continue;
        };
        let Some(grid) = grids.get(microgrid).filter(|_| *tax > Amount::ZERO) else { continue };
        let found = match known.entry((*microgrid, interval.0)) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(room) => room.insert(versions(client, microgrid, *interval).await?),
        };
        let fees = choose(found, (*interval, grid.interval_ms), *line, (*amount, *tax));
        taxes.insert(item.position, fees.map_or_else(Vec::new, |fees| split(fees, *line, *tax)));
    }
    Ok(taxes)
}

/// The terms that hold for an interval and those before them, newest first.
async fn versions(
    client: &Client,
    microgrid: &Hash,
    interval: IntervalId,
) -> Result<Vec<TermsInfo>, CliError> {
    let (mut found, mut at) = (Vec::new(), Some(interval));
    while let Some(interval) = at.filter(|_| found.len() < VERSIONS_MAX) {
        let params = json!({ "microgrid": microgrid, "interval": interval });
        let terms: Anchored<TermsInfo> = client.call("energy_getTerms", params).await?;
        let TermsInfo { version, from, .. } = terms.value;
        at = from.0.checked_sub(1).filter(|_| version > 0).map(IntervalId);
        found.push(terms.value);
    }
    Ok(found)
}

/// By whose fees a line of an interval was taxed.
fn choose(
    versions: &[TermsInfo],
    (interval, interval_ms): (IntervalId, TimeMs),
    line: LineKind,
    (amount, tax): (Amount, Amount),
) -> Option<&Fees> {
    match line {
        LineKind::Monthly | LineKind::Demand | LineKind::Connection => {
            let mut fees = versions.iter().map(|of| &of.terms.fees);
            // Taxes carry what they are rounded down by to the next line, which then has a unit more.
            fees.find(|fees| {
                let least = fees.tax(line, amount);
                tax == least || tax == least.saturating_add(Amount(1))
            })
        }
        LineKind::Energy => {
            let intervals = MONTH_MS.checked_div(interval_ms.0).unwrap_or(0);
            let begins = interval.0.saturating_sub(intervals);
            // Terms that hold from this interval on taxed none of the energy before it.
            let mut held = versions.iter().filter(|of| of.from < interval || versions.len() == 1);
            let newest = held.next()?;
            let mut later = newest;
            for of in held {
                if later.from.0 <= begins {
                    break;
                }
                if rates(&of.terms.fees, line) != rates(&newest.terms.fees, line) {
                    return None;
                }
                later = of;
            }
            Some(&newest.terms.fees)
        }
        LineKind::Credit | LineKind::WriteOff | LineKind::Refund | LineKind::TaxPaid => None,
    }
}

/// Rates by code, in thousandths.
fn rates(fees: &Fees, on: LineKind) -> BTreeMap<u16, u128> {
    let mut rates = BTreeMap::new();
    for tax in fees.taxes.iter().filter(|tax| tax.permille > 0 && tax.on.contains(&on)) {
        let rate: &mut u128 = rates.entry(tax.code).or_default();
        *rate = rate.saturating_add(tax.permille.into());
    }
    rates
}

/// Splits a tax by the rates of its codes. What does not divide goes to the first codes, a unit each.
fn split(fees: &Fees, on: LineKind, tax: Amount) -> Vec<TaxPart> {
    let rates = rates(fees, on);
    let sum = rates.values().fold(0u128, |sum, rate| sum.saturating_add(*rate));
    let part = |rate: &u128| tax.0.saturating_mul(*rate).checked_div(sum).unwrap_or(0);
    let told = rates.values().fold(0u128, |told, rate| told.saturating_add(part(rate)));
    let units = usize::try_from(tax.0.saturating_sub(told)).unwrap_or(usize::MAX);
    let parts = rates.iter().enumerate().map(|(n, (code, rate))| {
        let amount = Amount(part(rate).saturating_add(u128::from(n < units)));
        TaxPart { code: *code, amount }
    });
    parts.collect()
}

#[cfg(test)]
#[path = "taxes_tests.rs"]
mod tests;
