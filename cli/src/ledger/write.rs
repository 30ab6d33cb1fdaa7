//! An exported book in the languages of other programs.
//!
//! hledger: <https://hledger.org/hledger.html#journal>. beancount:
//! <https://beancount.github.io/docs/beancount_language_syntax.html>. Both have the book's accounts as a tree of their
//! codes, and its balances as assertions on the day after the last entry.

use super::export::{Export, Place, Posting};
use super::{report, text_of};
use crate::{amount, output};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::call::ledger::{AccountClass, AccountId, CHART_LEVELS_MAX};
use wattle_primitives::{Amount, AssetId, TimeMs};

const DAY_MS: u64 = 24 * 3_600_000;

/// A program's names for the five classes and a book's cash.
struct Words {
    roots: [&'static str; 5],
    cash: &'static str,
}

const HLEDGER: Words =
    Words { roots: ["assets", "liabilities", "equity", "revenues", "expenses"], cash: "cash" };
const BEANCOUNT: Words =
    Words { roots: ["Assets", "Liabilities", "Equity", "Income", "Expenses"], cash: "Cash" };

impl Export {
    /// For hledger.
    pub(super) fn hledger(&self) -> String {
        let names = self.names(&HLEDGER);
        let name = |place: &Place| names.get(place).map_or("", String::as_str);
        let commodity = |asset: AssetId| {
            let name = self.commodity(asset);
            if name.bytes().all(|b| b.is_ascii_alphabetic()) { name } else { format!("\"{name}\"") }
        };
        let mut text = format!("; book {}, up to height {}\n\n", self.book, self.height);
        for asset in self.assets.keys() {
            let one = self.figure(*asset, self.unit(*asset).saturating_mul(1000));
            let point = if one.contains('.') { "" } else { "." };
            text.push_str(&format!("commodity {one}{point} {}\n", commodity(*asset)));
        }
        for name in names.values().collect::<BTreeSet<_>>() {
            text.push_str(&format!("account {name}\n"));
        }
        for entry in &self.entries {
            let tags: Vec<String> = tags(entry).map(|(name, value)| format!("{name}: {value}")).collect();
            let comment = if tags.is_empty() { String::new() } else { format!("  ; {}", tags.join(", ")) };
            text.push_str(&format!("\n{} * {}{comment}\n", day(entry.date_ms), entry.what));
            for (place, units) in &entry.lines {
                let figure = self.figure(place.1, *units);
                text.push_str(&format!("    {}  {figure} {}\n", name(place), commodity(place.1)));
            }
        }
        if !self.balances.is_empty() {
            text.push_str(&format!("\n{} * balances\n", self.end()));
        }
        for (place, units) in &self.balances {
            let (zero, figure) = (self.figure(place.1, 0), self.figure(place.1, *units));
            let commodity = commodity(place.1);
            text.push_str(&format!("    {}  {zero} {commodity} = {figure} {commodity}\n", name(place)));
        }
        text
    }

    /// For beancount.
    pub(super) fn beancount(&self) -> String {
        let names = self.names(&BEANCOUNT);
        let name = |place: &Place| names.get(place).map_or("", String::as_str);
        let mut text = format!("; book {}, up to height {}\n\n", self.book, self.height);
        text.push_str(&format!("option \"title\" \"{}\"\n\n", self.book));
        for asset in self.assets.keys() {
            text.push_str(&format!("1970-01-01 commodity {}\n", self.commodity(*asset)));
        }
        let mut opened: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for place in self.accounts.keys() {
            opened.entry(name(place)).or_default().push(self.commodity(place.1));
        }
        for (name, commodities) in opened {
            text.push_str(&format!("1970-01-01 open {name} {}\n", commodities.join(",")));
        }
        for entry in &self.entries {
            text.push_str(&format!("\n{} * \"{}\"\n", day(entry.date_ms), entry.what));
            for (name, value) in tags(entry) {
                text.push_str(&format!("  {name}: \"{value}\"\n"));
            }
            for (place, units) in &entry.lines {
                let figure = self.figure(place.1, *units);
                text.push_str(&format!("  {}  {figure} {}\n", name(place), self.commodity(place.1)));
            }
        }
        text.push('\n');
        let own: BTreeMap<(AssetId, &str), i128> =
            self.balances.iter().map(|(place, units)| ((place.1, name(place)), *units)).collect();
        for ((asset, name), units) in &own {
            // The balance of an account is there that of its parts as well; ';' comes after ':'.
            let (first, end) = (format!("{name}:"), format!("{name};"));
            let parts = own.range((*asset, first.as_str())..(*asset, end.as_str()));
            let sum = parts.fold(*units, |sum, (_, units)| sum.saturating_add(*units));
            let (figure, commodity) = (self.figure(*asset, sum), self.commodity(*asset));
            text.push_str(&format!("{} balance {name}  {figure} ~ 0 {commodity}\n", self.end()));
        }
        text
    }

    /// A posting a line.
    pub(super) fn csv(&self) -> String {
        let scale = |asset: AssetId| self.assets.get(&asset).map_or(0, |info| info.scale);
        let shown = |holds: bool, asset: AssetId, units: i128| match holds {
            true => amount::format(Amount(units.unsigned_abs()), scale(asset)),
            false => String::new(),
        };
        let mut rows = Vec::new();
        for entry in &self.entries {
            let known: BTreeMap<&str, String> = tags(entry).collect();
            let tag = |name: &str| known.get(name).cloned().unwrap_or_default();
            for ((account, asset), units) in &entry.lines {
                rows.push(vec![
                    output::time(entry.date_ms),
                    entry.height.to_string(),
                    entry.index.map_or_else(String::new, |index| index.to_string()),
                    entry.what.clone(),
                    text_of(account),
                    self.commodity(*asset),
                    shown(*units > 0, *asset, *units),
                    shown(*units < 0, *asset, *units),
                    tag("reference"),
                    tag("memo"),
                    tag("reverses"),
                    tag("tx"),
                ]);
            }
        }
        let columns = [
            "date",
            "height",
            "index",
            "what",
            "account",
            "asset",
            "debit",
            "credit",
            "reference",
            "memo",
            "reverses",
            "tx",
        ];
        report::csv(&columns, &rows)
    }

    /// Entries with their lines, in base units.
    pub(super) fn json(&self) -> Value {
        let line = |place: &Place, units: i128| json!({ "account": place.0, "asset": place.1, "net": units.to_string() });
        let entry = |entry: &Posting| {
            json!({
                "dateMs": entry.date_ms,
                "height": entry.height,
                "index": entry.index,
                "what": entry.what,
                "tx": entry.tx,
                "reference": entry.reference,
                "memo": entry.memo,
                "reverses": entry.reverses,
                "lines": entry.lines.iter().map(|(place, units)| line(place, *units)).collect::<Vec<_>>(),
            })
        };
        json!({
            "book": self.book,
            "height": self.height,
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
            "balances": self.balances.iter().map(|(place, units)| line(place, *units)).collect::<Vec<_>>(),
        })
    }

    /// Every account's name: its class, the codes that it is a part of, its own.
    fn names(&self, words: &Words) -> BTreeMap<Place, String> {
        let parents: BTreeMap<u32, Option<u32>> = self
            .accounts
            .iter()
            .filter_map(|((account, _), (_, parent))| match account {
                AccountId::Book { code, .. } => Some((*code, *parent)),
                AccountId::Wallet { .. }
                | AccountId::System { .. }
                | AccountId::Due { .. }
                | AccountId::Cash { .. } => None,
            })
            .collect();
        let name = |place: &Place, class: AccountClass| {
            let [asset, liability, equity, revenue, expense] = words.roots;
            let root = match class {
                AccountClass::Asset => asset,
                AccountClass::Liability => liability,
                AccountClass::Equity => equity,
                AccountClass::Revenue => revenue,
                AccountClass::Expense => expense,
            };
            let AccountId::Book { code, .. } = place.0 else { return format!("{root}:{}", words.cash) };
            let mut codes = vec![code.to_string()];
            let mut next = parents.get(&code).copied().flatten();
            while let Some(code) = next {
                codes.push(code.to_string());
                // A node that says otherwise is not followed for ever.
                let levels = usize::from(CHART_LEVELS_MAX);
                next = parents.get(&code).copied().flatten().filter(|_| codes.len() < levels);
            }
            codes.reverse();
            format!("{root}:{}", codes.join(":"))
        };
        self.accounts.iter().map(|(place, (class, _))| (*place, name(place, *class))).collect()
    }

    /// An asset's name, with its number as well where the symbol has but one letter, which beancount takes for none.
    fn commodity(&self, asset: AssetId) -> String {
        let Some(info) = self.assets.get(&asset) else { return format!("ASSET-{asset}") };
        let name = amount::asset_name(&info.symbol, asset);
        if name.len() < 2 { format!("{name}-{asset}") } else { name }
    }

    /// Base units of one unit of an asset.
    fn unit(&self, asset: AssetId) -> i128 {
        let scale = self.assets.get(&asset).map_or(0, |info| u32::from(info.scale));
        10i128.checked_pow(scale).unwrap_or(1)
    }

    /// Base units with the asset's decimals, all of them.
    fn figure(&self, asset: AssetId, units: i128) -> String {
        let scale = self.assets.get(&asset).map_or(0, |info| usize::from(info.scale));
        let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(scale));
        let sign = if units < 0 { "-" } else { "" };
        if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// The day after the last entry.
    fn end(&self) -> String {
        let last = self.entries.iter().map(|entry| entry.date_ms).max().unwrap_or(TimeMs::ZERO);
        day(last.saturating_add(TimeMs(DAY_MS)))
    }
}

/// Further facts of an entry, as names and values.
fn tags(entry: &Posting) -> impl Iterator<Item = (&'static str, String)> {
    let tags = [
        ("tx", entry.tx.map(|tx| tx.to_string())),
        ("reference", entry.reference.map(|reference| reference.to_string())),
        ("memo", entry.memo.map(|memo| memo.to_string())),
        ("reverses", entry.reverses.map(|id| format!("{}-{}", id.height, id.index))),
    ];
    tags.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// The day of a time, UTC.
fn day(at: TimeMs) -> String {
    output::time(at).chars().take(10).collect()
}
