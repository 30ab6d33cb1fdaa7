//! Which taxes the tax on a line is made of, by codes and rates of the microgrid's terms.
//!
//! An event has the sum of all taxes on its line. A fee, a connection or power was taxed by the newest terms under
//! which such an amount has such a tax; the energy of a month by the terms of that month. Where these changed within
//! it, the tax on energy is not told apart.

use super::lines::{Grids, TaxPart, Taxes};
use crate::client::{Client, ClientError};
use crate::output::note;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::call::energy::{Fees, LineKind};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Amount, Event, Hash, TimeMs};
use wattle_rpc_types::{Anchored, EventItem, TermsInfo};

/// Versions of terms that are looked at for a line, newest first.
const VERSIONS_MAX: usize = 8;
/// The longest month.
const MONTH_MS: u64 = 31 * 24 * 3_600_000;

/// Tells the taxes on these lines apart. Where the node does not answer they are not told apart, and a note says so.
pub(super) async fn of(client: &Client, items: &[EventItem], grids: &Grids) -> Taxes {
    let (mut taxes, mut known) = (Taxes::new(), Known { client, terms: BTreeMap::new() });
    let mut untold = BTreeSet::new();
    // The newest first: its terms hold for most of the others.
    for item in items.iter().rev() {
        let Event::Energy(EnergyEvent::LineCharged { microgrid, interval, line, amount, tax, .. }) =
            &item.event
        else {
            continue;
        };
        let grid = grids.get(microgrid).filter(|_| *tax > Amount::ZERO && !untold.contains(microgrid));
        let Some(grid) = grid else { continue };
        let taxed =
            Taxed { interval: *interval, interval_ms: grid.interval_ms, line: *line, sums: (*amount, *tax) };
        match known.versions(microgrid, &taxed).await {
            Ok(found) => {
                let fees = taxed.choose(&found);
                taxes.insert(item.position, fees.map_or_else(Vec::new, |fees| split(fees, *line, *tax)));
            }
            Err(error) => {
                untold.insert(*microgrid);
                note(&format!(
                    "taxes on older lines of microgrid {} are not told apart: {error}",
                    microgrid.short()
                ));
            }
        }
    }
    taxes
}

/// Terms as a node tells them.
struct Known<'a> {
    client: &'a Client,
    /// By microgrid and version, with the last interval that they are known to hold for.
    terms: BTreeMap<(Hash, u32), (TermsInfo, IntervalId)>,
}

impl Known<'_> {
    /// The terms that hold for a line's interval and those before them, newest first, as far as its taxes need them.
    async fn versions(&mut self, microgrid: &Hash, taxed: &Taxed) -> Result<Vec<TermsInfo>, ClientError> {
        let (mut found, mut at) = (Vec::<TermsInfo>::new(), Some(taxed.interval));
        while let Some(interval) = at.filter(|_| found.len() < VERSIONS_MAX && !taxed.is_told(&found)) {
            let terms = self.at(microgrid, interval).await?;
            at = terms.from.0.checked_sub(1).filter(|_| terms.version > 0).map(IntervalId);
            found.push(terms);
        }
        Ok(found)
    }

    /// The terms that hold for an interval; those of now, or to come, for one before there were any.
    async fn at(&mut self, microgrid: &Hash, interval: IntervalId) -> Result<TermsInfo, ClientError> {
        let mut of_grid = self.terms.range((*microgrid, 0)..=(*microgrid, u32::MAX)).map(|(_, known)| known);
        let known = of_grid.find(|(terms, last)| terms.from <= interval && interval <= *last);
        if let Some((terms, _)) = known {
            return Ok(terms.clone());
        }
        let params = json!({ "microgrid": microgrid, "interval": interval });
        let terms: Anchored<TermsInfo> = match self.client.find("energy_getTerms", params).await? {
            Some(terms) => terms,
            None => self.client.call("energy_getTerms", json!({ "microgrid": microgrid })).await?,
        };
        let terms = terms.value;
        let (_, last) =
            self.terms.entry((*microgrid, terms.version)).or_insert_with(|| (terms.clone(), interval));
        *last = interval.max(*last);
        Ok(terms)
    }
}

/// A line with a tax.
struct Taxed {
    interval: IntervalId,
    interval_ms: TimeMs,
    line: LineKind,
    /// Its fee, and the tax on it.
    sums: (Amount, Amount),
}

impl Taxed {
    /// The first interval of a month that ends with this one, at its longest.
    fn begins(&self) -> u64 {
        self.interval.0.saturating_sub(MONTH_MS.checked_div(self.interval_ms.0).unwrap_or(0))
    }

    /// Whether older terms would tell nothing more.
    fn is_told(&self, versions: &[TermsInfo]) -> bool {
        match self.line {
            LineKind::Monthly | LineKind::Demand | LineKind::Connection => self.choose(versions).is_some(),
            LineKind::Energy => versions.last().is_some_and(|oldest| oldest.from.0 <= self.begins()),
            LineKind::Credit | LineKind::WriteOff | LineKind::Refund | LineKind::TaxPaid => true,
        }
    }

    /// By whose fees it was taxed.
    fn choose<'a>(&self, versions: &'a [TermsInfo]) -> Option<&'a Fees> {
        let (amount, tax) = self.sums;
        match self.line {
            LineKind::Monthly | LineKind::Demand | LineKind::Connection => {
                let mut fees = versions.iter().map(|of| &of.terms.fees);
                // Taxes carry what they are rounded down by to the next line, which then has a unit more.
                fees.find(|fees| {
                    let least = fees.tax(self.line, amount);
                    tax == least || tax == least.saturating_add(Amount(1))
                })
            }
            LineKind::Energy => {
                // Terms that hold from this interval on taxed none of the energy before it.
                let mut held = versions.iter().filter(|of| of.from < self.interval || versions.len() == 1);
                let newest = held.next()?;
                let mut later = newest;
                for of in held {
                    if later.from.0 <= self.begins() {
                        break;
                    }
                    if rates(&of.terms.fees, self.line) != rates(&newest.terms.fees, self.line) {
                        return None;
                    }
                    later = of;
                }
                Some(&newest.terms.fees)
            }
            LineKind::Credit | LineKind::WriteOff | LineKind::Refund | LineKind::TaxPaid => None,
        }
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
