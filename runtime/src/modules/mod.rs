//! The state machine's modules: what each call does.
//!
//! A call is an [`Action`]: a file of its own name in its module's folder, beside it the module's records, its keys in
//! state, its queries and what falls due in it. Only the ledger writes balances. Modules call each other's functions
//! directly. A call takes effect as a whole: [`Ctx`] journals every write, and whoever runs the call rolls back on
//! failure.
//!
//! ```text
//! ledger <-> identity    accounts, books and money; grants and sponsorships, and what was spent of them
//! token                  assets
//! energy                 microgrids, meters, readings, terms, settlement; tabs and positions for those above it
//! market, deals          trades, noted in energy's positions
//! disputes               claims against tabs
//! list                   what a microgrid or an account has open, by number
//! agenda                 what a microgrid does when, and who pays for it: the one place that calls energy and market
//! due                    what falls due in a block, before its transactions: a queue and a share for each kind
//! invariants             what must always hold, as each module tells it
//! audit                  runs all of that over a state, for tests and auditors
//! ```
//!
//! # Deposits
//! Each thing that leaves a key in state costs the fee payer `account_deposit` native base units, moved to
//! [`SystemAccount::Deposits`]: an account, the first balance in a further asset, an asset, a book, a book's account,
//! the book's due and its cash in an asset, a place to remember a journal in, a microgrid, a meter, a version of
//! terms, a member, a mandate, a sponsorship, a grant, a hold, an order, a deal's request, an acceptance, a dispute.
//! A thing that goes away again (from the member on) gives its deposit back to whoever paid it.
//!
//! [`SystemAccount::Deposits`]: wattle_primitives::call::ledger::SystemAccount::Deposits

/// Makes an enum of calls, or of modules' calls, an [`Action`] itself: whichever it holds.
macro_rules! actions {
    ($enum:ident { $($action:ident),* $(,)? }) => {
        impl $crate::modules::Action for $enum {
            fn check(&self) -> Result<(), wattle_primitives::Reason> {
                match self { $(Self::$action(action) => action.check(),)* }
            }

            fn signatures(&self, chain: &wattle_primitives::Hash, sink: &mut dyn $crate::modules::SigSink) {
                match self { $(Self::$action(action) => action.signatures(chain, sink),)* }
            }

            fn weight(&self) -> wattle_primitives::Weight {
                match self { $(Self::$action(action) => action.weight(),)* }
            }

            fn reach(&self) -> $crate::modules::Reach {
                match self { $(Self::$action(action) => action.reach(),)* }
            }

            fn execute(&self, ctx: &mut $crate::modules::Ctx<'_>) -> Result<(), wattle_primitives::Reason> {
                match self { $(Self::$action(action) => action.execute(ctx),)* }
            }
        }
    };
}

mod agenda;
mod audit;
pub mod ctx;
pub mod deals;
pub mod disputes;
mod due;
pub mod energy;
pub mod identity;
pub mod invariants;
pub mod ledger;
mod list;
pub mod market;
pub mod token;
pub mod weights;

pub use audit::invariants;
pub use ctx::Ctx;
pub use due::{has_due, on_block};
pub use invariants::Violation;
pub use list::PAGE_ITEMS_MAX;

use crate::State;
use invariants::{Entry, Rules as _, Sums};
use wattle_primitives::{Call, Hash, PublicKey, Reason, Signature, Weight};

/// Takes the signatures that are embedded in calls.
pub trait SigSink {
    /// One signature; its verdict is handed to the call in the order of these.
    fn push(&mut self, key: &PublicKey, message: &[u8], signature: &Signature);
}

/// The grants by which a call can be made on another's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A grant for all calls, or one that names it; none that is limited to certain books.
    Any,
    /// As [`Reach::Any`], and one that is limited to certain books: the call asks for permission for the book that it
    /// is for, by `require_owner`, `permit_book` or `permit_entry`, and fails where it has not.
    Book,
    /// A grant that names it, and is not limited to certain books: the call makes debts, says what they come to, or
    /// lets somebody collect them.
    Named,
    /// No grant: the call gives authority away. Nothing is granted by a grant.
    Never,
}

/// A call, through all its stages.
pub trait Action {
    /// Checks what needs no state.
    ///
    /// # Errors
    /// The [`Reason`] for which no state could make the call succeed.
    fn check(&self) -> Result<(), Reason>;

    /// Hands out the signatures inside the call, to be verified in the same batch as everything else.
    fn signatures(&self, _chain: &Hash, _sink: &mut dyn SigSink) {}

    /// Upper bound of what the call may cost, known before it runs.
    fn weight(&self) -> Weight;

    /// Which grants reach the call.
    fn reach(&self) -> Reach;

    /// Runs the call for `ctx.on_behalf_of()`.
    ///
    /// # Errors
    /// The [`Reason`]; the caller rolls the state back.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason>;
}

/// The one list of modules: makes every module's calls actions, and runs every module's rules.
macro_rules! modules {
    ($($module:ident: $calls:ident),* $(,)?) => {
        actions! { Call { $($calls),* } }

        /// Runs every module's rules over `state`, in one pass.
        fn check_rules(state: &State, sums: &mut Sums) -> Result<(), Violation> {
            $(let mut $module = $module::Rules::default();)*
            for (key, value) in state.entries() {
                let entry = Entry { state, key, value };
                audit::queued(&entry)?;
                audit::numbers_given_out(&entry, sums);
                $($module.take(&entry, sums)?;)*
            }
            $($module.check(state)?;)*
            Ok(())
        }
    };
}

modules! {
    ledger: Ledger,
    token: Token,
    identity: Identity,
    energy: Energy,
    market: Market,
    deals: Deals,
    disputes: Disputes,
}
