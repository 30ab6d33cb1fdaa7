//! Energy prices by time of day.
//!
//! The price of a span of time is the average over its milliseconds, rounded down: energy is taken to flow evenly
//! within a span. An interval that a band's edge divides, or ten days of readings that come late, are priced in closed
//! form.

use super::DAY_MINUTES;
use super::terms::Terms;
use crate::{Amount, TimeMs};

/// Milliseconds of a minute, and of a day.
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = MINUTE_MS * DAY_MINUTES as u64;

/// Prices in base units per kWh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Price of energy from the grid.
    pub import: Amount,
    /// Price of energy to the grid.
    pub export: Amount,
}

impl Prices {
    /// Half-way between the two, rounded down.
    #[must_use]
    pub const fn middle(self) -> Amount {
        Amount(self.import.0.saturating_add(self.export.0) / 2)
    }
}

impl Terms {
    /// Average prices from `from` until `to`; those at `from` when that is no time at all.
    #[must_use]
    pub fn prices(&self, from: TimeMs, to: TimeMs) -> Prices {
        let to = to.max(from.next());
        let (from, to) = (local(self, from), local(self, to));
        let length = u128::from(to.saturating_sub(from));
        let (mut import, mut export) = (0u128, 0u128);
        for (start, end, import_price, export_price) in bands(self) {
            let ms = within(to, start, end).saturating_sub(within(from, start, end));
            import = import.saturating_add(u128::from(ms).saturating_mul(import_price.0));
            export = export.saturating_add(u128::from(ms).saturating_mul(export_price.0));
        }
        let average = |sum: u128| Amount(sum.checked_div(length).unwrap_or(0));
        Prices { import: average(import), export: average(export) }
    }
}

impl Terms {
    /// The highest import price and the lowest export price that hold at any time from `from` until `to`; those at
    /// `from` when that is no time at all.
    #[must_use]
    pub fn bounds(&self, from: TimeMs, to: TimeMs) -> Prices {
        let to = to.max(from.next());
        let (from, to) = (local(self, from), local(self, to));
        let touched =
            bands(self).filter(|(start, end, ..)| within(to, *start, *end) > within(from, *start, *end));
        let prices = touched.map(|(_, _, import, export)| Prices { import, export });
        let worst =
            |a: Prices, b: Prices| Prices { import: a.import.max(b.import), export: a.export.min(b.export) };
        prices.reduce(worst).unwrap_or_default()
    }
}

impl Terms {
    /// The calendar month of a time, in the microgrid's own time: months since March of the year 0.
    #[must_use]
    pub fn month(&self, at: TimeMs) -> u32 {
        month(local(self, at) / DAY_MS)
    }
}

/// The month of a day, counted from 31 December 1969, in the Gregorian calendar. Years are taken to begin in March, so
/// that the leap day is their last: Howard Hinnant's `civil_from_days`.
fn month(day: u64) -> u32 {
    const DAYS_BEFORE: u64 = 719_467; // from 1 March of the year 0
    const ERA_DAYS: u64 = 146_097; // 400 years
    let day = day.saturating_add(DAYS_BEFORE);
    let (era, day) = (day / ERA_DAYS, day % ERA_DAYS);
    let leaps = (day / 1_460).saturating_add(day / 146_096).saturating_sub(day / 36_524);
    let year = day.saturating_sub(leaps) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let of_year = day.saturating_sub(before);
    let month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let months = era.saturating_mul(400).saturating_add(year).saturating_mul(12).saturating_add(month);
    u32::try_from(months).unwrap_or(u32::MAX)
}

/// Local time; a day later than it is, so that it is positive.
fn local(terms: &Terms, at: TimeMs) -> u64 {
    let minutes = u64::from(DAY_MINUTES).saturating_add_signed(i64::from(terms.utc_offset_minutes));
    at.0.saturating_add(minutes.saturating_mul(MINUTE_MS))
}

/// A day in stretches of one price, in ms from midnight; the time before the first band belongs to the last.
fn bands(terms: &Terms) -> impl Iterator<Item = (u64, u64, Amount, Amount)> + '_ {
    let from = |minute: u16| u64::from(minute).saturating_mul(MINUTE_MS);
    let ends = terms.tariff.iter().skip(1).map(move |band| from(band.from_minute));
    let ends = ends.chain(std::iter::once(DAY_MS));
    let day = terms.tariff.iter().zip(ends);
    let day = day.map(move |(band, end)| (from(band.from_minute), end, band.import_price, band.export_price));
    let night = terms.tariff.first().zip(terms.tariff.last());
    let night =
        night.map(move |(first, last)| (0, from(first.from_minute), last.import_price, last.export_price));
    night.into_iter().chain(day)
}

/// Milliseconds of `[start, end)` of every day, from the beginning of time until `at`.
fn within(at: u64, start: u64, end: u64) -> u64 {
    let (days, time) = (at / DAY_MS, at % DAY_MS);
    let length = end.saturating_sub(start);
    days.saturating_mul(length).saturating_add(time.saturating_sub(start).min(length))
}

#[cfg(test)]
#[path = "tariff_tests.rs"]
mod tests;
