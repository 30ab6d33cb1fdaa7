use super::Concerns;
use crate::call::ledger::{AccountClass, AccountId};
use crate::units::BookId;
use crate::{Address, Amount, AssetId, Hash, TimeMs};

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
            /// Released at this block time unless captured; 2^64 - 1 when it ends with the order or deal of the same
            /// id.
            expires_ms: TimeMs,
        } = 4,
        /// A hold was posted; what exceeds `captured` was released.
        hold_captured: HoldCaptured {
            /// The hold.
            hold: Hash,
            /// Base units posted.
            captured: Amount,
            /// Base units released.
            released: Amount,
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
    }
}

impl LedgerEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::FeeCharged { payer, .. } => Concerns::party(*payer),
            Self::BookCreated { owner, .. } => Concerns::party(*owner),
            Self::LedgerAccountOpened { account, .. } => {
                Concerns { parties: [account.wallet_owner(), None], ..Concerns::NOBODY }
            }
            Self::Posted { debit, credit, .. } | Self::HoldCreated { debit, credit, .. } => {
                Concerns { parties: [debit.wallet_owner(), credit.wallet_owner()], ..Concerns::NOBODY }
            }
            Self::HoldCaptured { .. } | Self::HoldReleased { .. } => Concerns::NOBODY,
        }
    }
}
