//! Nullifications above the last finalization: what proves that views may be passed over (rule 2).
//!
//! A stall may last for thousands of views. A view that came to nothing costs its certificate and no more, and whether
//! all views between two are nullified is found without walking them.
//!
//! # Invariants
//! - A view is in a run exactly if its nullification is held; runs neither touch nor overlap.

use std::collections::BTreeMap;
use wattle_primitives::{Certificate, View};

/// The nullifications held.
#[derive(Debug, Default)]
pub(crate) struct Nullified {
    certificates: BTreeMap<View, Certificate>,
    /// First and last view of each run without a gap.
    runs: BTreeMap<View, View>,
}

impl Nullified {
    pub(crate) fn len(&self) -> usize {
        self.certificates.len()
    }

    pub(crate) fn contains(&self, view: View) -> bool {
        self.certificates.contains_key(&view)
    }

    /// The highest view.
    pub(crate) fn last(&self) -> Option<View> {
        self.certificates.last_key_value().map(|(view, _)| *view)
    }

    /// The certificates of `from..=to`, highest view first. `from` must not be above `to`.
    pub(crate) fn newest(&self, from: View, to: View) -> impl Iterator<Item = &Certificate> {
        self.certificates.range(from..=to).rev().map(|(_, certificate)| certificate)
    }

    /// The highest view from `view` down that is not nullified: as far as a walk down from `view` gets.
    pub(crate) fn gap_from(&self, view: View) -> View {
        match self.runs.range(..=view).next_back() {
            Some((first, last)) if *last >= view => first.saturating_sub(View(1)),
            _ => view,
        }
    }

    /// Takes a nullification up; false if its view's is held.
    pub(crate) fn insert(&mut self, certificate: &Certificate) -> bool {
        let view = certificate.round().view;
        if self.contains(view) {
            return false;
        }
        self.certificates.insert(view, certificate.clone());
        let below = self.runs.range(..view).next_back().filter(|(_, last)| last.next() == view);
        let first = below.map_or(view, |(first, _)| *first);
        let last = self.runs.remove(&view.next()).unwrap_or(view);
        self.runs.insert(first, last);
        true
    }

    /// Forgets what lies at and below `view`.
    pub(crate) fn forget_up_to(&mut self, view: View) {
        self.certificates = self.certificates.split_off(&view.next());
        let cut = self.runs.range(..=view).next_back().map(|(_, last)| *last).filter(|last| *last > view);
        self.runs = self.runs.split_off(&view.next());
        if let Some(last) = cut {
            self.runs.insert(view.next(), last);
        }
    }

    /// Forgets the lowest views until at most `most` are held.
    pub(crate) fn bound(&mut self, most: usize) {
        while self.len() > most
            && let Some(lowest) = self.certificates.first_key_value().map(|(view, _)| *view)
        {
            self.forget_up_to(lowest);
        }
    }
}

#[cfg(test)]
#[path = "nullified_tests.rs"]
mod tests;
