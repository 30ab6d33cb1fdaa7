use super::Concerns;
use crate::call::ledger::{AccountClass, AccountId, JournalId};
use crate::{Address, Amount, AssetId, BookId, Hash, TimeMs};

events! {
    /// Events of the ledger, and of what transactions cost.
    Ledger(LedgerEvent) {
        /// A fee was taken.
        fee_charged: FeeCharged {
            /// Who paid.
            payer: Address,
            /// Native base units, tip included.
            amount: Amount,
        } = 0,
        /// An organisation's book was opened.
        book_created: BookCreated {
            /// Its id.
            book: BookId,
            /// Who owns it.
            owner: Address,
        } = 1,
        /// An account was opened in a book.
        ledger_account_opened: LedgerAccountOpened {
            /// The account.
            account: AccountId,
            /// Its asset.
            asset: AssetId,
            /// Its class.
            class: AccountClass,
        } = 2,
        /// Money moved.
        posted: Posted {
            /// Account debited.
            debit: AccountId,
            /// Account credited.
            credit: AccountId,
            /// Asset of the amount.
            asset: AssetId,
            /// Base units.
            amount: Amount,
            /// Position among the block's events of the journal that this is an entry of; absent when it is of none.
            journal: Option<u32>,
        } = 3,
        /// Money was reserved.
        hold_created: HoldCreated {
            /// The hold.
            hold: Hash,
            /// Account to be debited.
            debit: AccountId,
            /// Account to be credited.
            credit: AccountId,
            /// Asset of the amount.
            asset: AssetId,
            /// Base units.
            amount: Amount,
            /// Released at this block time unless captured; 2^64 - 1 when its captor ends it, or the order or deal of
            /// the same id.
            expires_ms: TimeMs,
        } = 4,
        /// A hold was posted, or a part of it.
        hold_captured: HoldCaptured {
            /// The hold.
            hold: Hash,
            /// Base units posted.
            captured: Amount,
            /// Base units released.
            released: Amount,
            /// Base units that stay held; the hold is over when there are none.
            left: Amount,
        } = 5,
        /// A hold ended without a posting.
        hold_released: HoldReleased {
            /// The hold.
            hold: Hash,
            /// Base units released.
            amount: Amount,
            /// Whether its time ran out; else it was voided.
            expired: bool,
        } = 6,
        /// A journal was posted. Its entries are the postings that name this event.
        journal_posted: JournalPosted {
            /// Who posted it.
            account: Address,
            /// Its reference.
            reference: Option<Hash>,
            /// Hash of the document behind it.
            memo: Option<Hash>,
            /// The date that it belongs to, when that is not the block's, ms UTC.
            effective_ms: Option<TimeMs>,
            /// The earlier journal that it takes back.
            reverses: Option<JournalId>,
        } = 7,
        /// A journal was sent again, and nothing posted.
        journal_repeated: JournalRepeated {
            /// Who sent it.
            account: Address,
            /// Its reference.
            reference: Hash,
            /// Where it was posted.
            posted: JournalId,
        } = 8,
        /// A book was closed up to a time, or reopened.
        period_set: PeriodSet {
            /// The book.
            book: BookId,
            /// Up to here it is closed, ms UTC.
            closed_ms: TimeMs,
            /// Up to here it was closed before.
            before_ms: TimeMs,
        } = 9,
    }
}

impl LedgerEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::FeeCharged { payer: account, .. }
            | Self::JournalPosted { account, .. }
            | Self::JournalRepeated { account, .. } => Concerns::party(*account),
            Self::BookCreated { owner, .. } => Concerns::party(*owner),
            Self::LedgerAccountOpened { account, .. } => {
                Concerns { parties: [account.wallet_owner(), None], ..Concerns::NOBODY }
            }
            Self::Posted { debit, credit, .. } | Self::HoldCreated { debit, credit, .. } => {
                Concerns { parties: [debit.wallet_owner(), credit.wallet_owner()], ..Concerns::NOBODY }
            }
            Self::HoldCaptured { .. } | Self::HoldReleased { .. } | Self::PeriodSet { .. } => {
                Concerns::NOBODY
            }
        }
    }
}
