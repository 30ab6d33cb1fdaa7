use super::posting::balanced;
use super::{allow_entry, check_entry, entry_keys, post, remember};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, identity, weights};
use wattle_primitives::call::ledger::{AccountId, Entry, Journal};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Amount, BookId, Hash, Reason, TimeMs, Weight, domain, planted};

impl Action for Journal {
    fn check(&self) -> Result<(), Reason> {
        if self.entries.is_empty() {
            return Err(Reason::OutOfRange);
        }
        if self.effective_ms.is_some() && only_book(&self.entries).is_none() {
            return Err(Reason::BadTime);
        }
        self.entries.iter().try_for_each(check_entry)
    }

    fn weight(&self) -> Weight {
        let entries = self.entries.iter().fold(0, |keys: u64, entry| keys.saturating_add(entry_keys(entry)));
        let remembered = if self.reference.is_some() { remember::KEYS } else { 0 };
        let reversed = u64::from(self.reverses.is_some());
        weights::keys(entries.saturating_add(remembered).saturating_add(reversed))
    }

    fn reach(&self) -> Reach {
        Reach::Book
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let account = ctx.on_behalf_of();
        self.entries.iter().try_for_each(|entry| identity::permit_entry(ctx, entry))?;
        let input = Hash::of_encoded(domain::JOURNAL, self);
        if let Some(reference) = self.reference
            && let Some(posted) = remember::repeated(ctx, &account, &reference, &input)?
        {
            ctx.emit(LedgerEvent::JournalRepeated { account, reference, posted });
            return Ok(());
        }
        if let Some(date) = self.effective_ms {
            check_date(ctx, &self.entries, date)?;
        }
        let date = self.effective_ms.unwrap_or(ctx.time_ms());
        let reverses = match &self.reverses {
            Some(earlier) => Some(remember::take_back(ctx, &account, earlier, &self.entries, date)?),
            None => None,
        };
        if let Some(reference) = &self.reference {
            remember::add(ctx, &account, reference, input, &self.entries, date)?;
        }
        let journal = Some(ctx.next_event());
        let Self { reference, memo, effective_ms, .. } = *self;
        ctx.emit(LedgerEvent::JournalPosted { account, reference, memo, effective_ms, reverses });
        let mut done = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            allow_entry(ctx, entry)?;
            let entry = balanced(ctx, entry)?;
            if entry.amount == Amount::ZERO {
                continue; // nothing is there: it is left out
            }
            let Entry { debit, credit, asset, amount, .. } = entry;
            post(ctx, debit, credit, asset, amount)?;
            ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal });
            done.push(entry);
        }
        // Else it uses up its reference, and is not done when something is there; and no grant's limit has judged it.
        if done.is_empty() && !planted!("journal-of-nothing") {
            return Err(Reason::ZeroAmount);
        }
        match &self.reference {
            Some(reference) if done != *self.entries => remember::amend(ctx, &account, reference, &done),
            Some(_) | None => Ok(()),
        }
    }
}

/// The book whose own accounts all of the entries are between.
fn only_book(entries: &[Entry]) -> Option<BookId> {
    let book = |account: &AccountId| match account {
        AccountId::Book { book, .. } => Some(*book),
        AccountId::Wallet { .. }
        | AccountId::System { .. }
        | AccountId::Due { .. }
        | AccountId::Cash { .. } => None,
    };
    let first = book(&entries.first()?.debit);
    let all = entries.iter().flat_map(|entry| [&entry.debit, &entry.credit]);
    first.filter(|_| all.map(book).all(|other| other == first))
}

/// Whether entries may be dated so: not in the future, and not in what the book has closed.
fn check_date(ctx: &mut Ctx<'_>, entries: &[Entry], date: TimeMs) -> Result<(), Reason> {
    let book = only_book(entries).filter(|_| date <= ctx.time_ms()).ok_or(Reason::BadTime)?;
    let record = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    if date < record.closed_ms { Err(Reason::PeriodClosed) } else { Ok(()) }
}
