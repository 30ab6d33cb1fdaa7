//! What happened in a block, in the order it happened. Bound by `receipts_root`.
//!
//! An event is named by (height, index), the index counting through the whole block: the block's own events first,
//! then each transaction's.

use crate::call::ledger::{AccountClass, AccountId};
use crate::call::token::Symbol;
use crate::receipt::Reason;
use crate::units::BookId;
use crate::{Address, Amount, AssetId, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[repr(u8)]
pub enum Event {
    /// A fee was taken.
    FeeCharged {
        /// Who paid.
        payer: Address,
        /// Native base units, tip included.
        amount: Amount,
    } = 0,
    /// An organisation's book was opened.
    BookCreated {
        /// Its id.
        book: BookId,
        /// Who owns it.
        owner: Address,
    } = 1,
    /// An account was opened in a book.
    LedgerAccountOpened {
        /// The account.
        account: AccountId,
        /// Its asset.
        asset: AssetId,
        /// Its class.
        class: AccountClass,
    } = 2,
    /// Money moved.
    Posted {
        /// Account debited.
        debit: AccountId,
        /// Account credited.
        credit: AccountId,
        /// Asset.
        asset: AssetId,
        /// Base units.
        amount: Amount,
    } = 3,
    /// Money was reserved.
    HoldCreated {
        /// The hold.
        hold: Hash,
        /// Account to be debited.
        debit: AccountId,
        /// Account to be credited.
        credit: AccountId,
        /// Asset.
        asset: AssetId,
        /// Base units.
        amount: Amount,
        /// Released at this block time unless captured.
        expires_ms: TimeMs,
    } = 4,
    /// A hold was posted; what exceeds `captured` was released.
    HoldCaptured {
        /// The hold.
        hold: Hash,
        /// Base units posted.
        captured: Amount,
        /// Base units released.
        released: Amount,
    } = 5,
    /// A hold ended without a posting.
    HoldReleased {
        /// The hold.
        hold: Hash,
        /// Base units released.
        amount: Amount,
        /// Whether its time ran out; else it was voided.
        expired: bool,
    } = 6,
    /// An asset was created.
    AssetIssued {
        /// Its id.
        asset: AssetId,
        /// Its symbol.
        symbol: Symbol,
        /// Its decimal places.
        scale: u8,
        /// Who may mint it.
        issuer: Address,
    } = 7,
    /// An account came into being.
    AccountCreated {
        /// Its address.
        account: Address,
    } = 8,
    /// An account's keys were replaced.
    AuthorityChanged {
        /// The account.
        account: Address,
    } = 9,
    /// A sponsorship began or was replaced.
    SponsorshipGranted {
        /// Who pays.
        sponsor: Address,
        /// For whom.
        grantee: Address,
        /// Native base units in all.
        allowance: Amount,
        /// When it ends.
        expires_ms: TimeMs,
    } = 10,
    /// A sponsorship ended.
    SponsorshipEnded {
        /// Who paid.
        sponsor: Address,
        /// For whom.
        grantee: Address,
    } = 11,
    /// A microgrid was registered.
    MicrogridRegistered {
        /// Its id.
        microgrid: Hash,
        /// Its operator.
        operator: Address,
    } = 12,
    /// A meter was registered.
    MeterRegistered {
        /// Address of its key.
        meter: Address,
        /// Its microgrid.
        microgrid: Hash,
        /// Its owner.
        owner: Address,
    } = 13,
    /// A reading was accepted.
    ReadingAccepted {
        /// The meter.
        meter: Address,
        /// Its sequence number.
        #[serde(with = "crate::units::decimal")]
        seq: u64,
        /// Import counter.
        import_wh: WattHours,
        /// Export counter.
        export_wh: WattHours,
        /// The light node's clock; not trusted.
        time_ms: TimeMs,
    } = 14,
    /// A reading was not accepted. `duplicate_reading` means that it, or a later one, stands already.
    ReadingRefused {
        /// The meter it claims.
        meter: Address,
        /// Its sequence number.
        #[serde(with = "crate::units::decimal")]
        seq: u64,
        /// Why.
        reason: Reason,
    } = 15,
}
