//! Why a call or a reading was refused.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($module:ident: $range:expr => { $($(#[$doc:meta])* $name:ident = $number:literal, $code:literal;)* })*) => {
        /// Why a call or a reading was refused. The code is stable and is what clients match on. Each module has a
        /// range of numbers of its own; those below 32 are any module's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[borsh(use_discriminant = true)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Reason { $($($(#[$doc])* $name = $number,)*)* }

        // A module's numbers lie in its range.
        const _: () = { $($(assert!($range.start <= $number && $number < $range.end);)*)* };

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$($(Self::$name),*),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $($(Self::$name => $code,)*)* }
            }
        }
    };
}

reasons! {
    common: (0u8..32) => {
        /// The sender may not do that.
        NotAllowed = 0, "not_allowed";
        /// It exists already.
        AlreadyExists = 1, "already_exists";
        /// A value outside its range.
        OutOfRange = 2, "out_of_range";
        /// A time in the past, or too far ahead.
        BadTime = 3, "bad_time";
        /// A sum would not fit 128 bits.
        Overflow = 4, "overflow";
        /// An amount of zero.
        ZeroAmount = 5, "zero_amount";
        /// The signature is not the meter's.
        BadSignature = 6, "bad_signature";
    }
    ledger: (32u8..48) => {
        /// The account has less than that available.
        InsufficientFunds = 32, "insufficient_funds";
        /// No such account.
        UnknownAccount = 33, "unknown_account";
        /// No such book.
        UnknownBook = 34, "unknown_book";
        /// No such hold: never made, or captured, voided or expired.
        UnknownHold = 35, "unknown_hold";
        /// The account holds another asset.
        AssetMismatch = 36, "asset_mismatch";
        /// Debit and credit are one account.
        SameAccount = 37, "same_account";
        /// More than what is held.
        ExceedsHold = 38, "exceeds_hold";
        /// An account limit forbids it.
        LimitExceeded = 39, "limit_exceeded";
        /// The fee payer cannot pay the deposit for a new key in state.
        DepositUnpaid = 40, "deposit_unpaid";
        /// A book pays out no more than was paid into it.
        CashExceeded = 41, "cash_exceeded";
        /// The date lies in a period that the book has closed.
        PeriodClosed = 42, "period_closed";
        /// Another journal has taken effect under this reference.
        ReferenceUsed = 43, "reference_used";
        /// No journal under this reference, or one too old to be remembered.
        UnknownJournal = 44, "unknown_journal";
        /// The journal was taken back before.
        AlreadyReversed = 45, "already_reversed";
        /// The entries are not the earlier ones with debit and credit exchanged.
        BadReversal = 46, "bad_reversal";
    }
    token: (48u8..56) => {
        /// No such asset.
        UnknownAsset = 48, "unknown_asset";
        /// There would be more of the asset than may be: 2^80 base units.
        SupplyExceeded = 49, "supply_exceeded";
    }
    identity: (56u8..64) => {
        /// Keys, weights or threshold that form no authority.
        BadAuthority = 56, "bad_authority";
        /// No such grant or sponsorship: never made, or revoked.
        UnknownGrant = 57, "unknown_grant";
        /// The grant or sponsorship is over.
        GrantExpired = 58, "grant_expired";
        /// The grant or sponsorship is not for this call.
        CallNotGranted = 59, "call_not_granted";
        /// The grant does not let this account be paid.
        CounterpartyNotGranted = 60, "counterparty_not_granted";
        /// More than the grant or sponsorship allows, or once too often.
        GrantExceeded = 61, "grant_exceeded";
        /// More transactions in the hour than the grant or sponsorship allows.
        GrantRateExceeded = 62, "grant_rate_exceeded";
        /// So much needs the grantor's signature too, as the fee payer's.
        CosignatureNeeded = 63, "cosignature_needed";
    }
    energy: (64u8..96) => {
        /// No such microgrid.
        UnknownMicrogrid = 64, "unknown_microgrid";
        /// No such meter.
        UnknownMeter = 65, "unknown_meter";
        /// This reading, or a later one, stands already.
        DuplicateReading = 66, "duplicate_reading";
        /// A counter is lower than before: a reset or another meter.
        RegisterDecreased = 67, "register_decreased";
        /// The words are no energy in the meter's encoding.
        BadRegisters = 68, "bad_registers";
        /// More energy than can have flowed through the meter since the last reading.
        ImplausibleReading = 69, "implausible_reading";
        /// Another meter has taken its place.
        MeterReplaced = 70, "meter_replaced";
        /// The microgrid has no terms, or they do not provide for this.
        NoTerms = 71, "no_terms";
        /// The account is no member of the microgrid.
        NotMember = 72, "not_member";
        /// The member would owe more than its credit limit.
        CreditExceeded = 73, "credit_exceeded";
        /// Nobody pays for the microgrid's work: it takes no orders and no deals until somebody does.
        MicrogridPaused = 74, "microgrid_paused";
        /// The microgrid is not paused.
        NotPaused = 75, "not_paused";
        /// Microgrids are registered by the chain's registrar, and by accounts that it sponsors.
        RegistrarRequired = 76, "registrar_required";
        /// The meter was retired.
        MeterRetired = 77, "meter_retired";
        /// The member still has a meter, or a part in an interval that is not final.
        MemberEngaged = 78, "member_engaged";
        /// The member's tab is not even.
        TabNotEven = 79, "tab_not_even";
        /// The meter's own reading is needed first: a signed one to close it, unless it has been silent for 30 days;
        /// any one before a person's.
        ReadingRequired = 80, "reading_required";
        /// A meter of the account was silent for 30 days, and nobody has read it since: it takes no readings of its
        /// light node, and its owner places no orders and makes no deals.
        MeterSuspended = 81, "meter_suspended";
        /// It takes the owner's own call, or its mandate in force.
        MandateRequired = 82, "mandate_required";
    }
    market: (96u8..112) => {
        /// The gate for the interval has closed, or it is too far ahead.
        GateClosed = 96, "gate_closed";
        /// No such order: never placed, or cancelled, expired or cleared.
        UnknownOrder = 97, "unknown_order";
        /// The interval has as many orders, or the request as many acceptances, as it takes.
        BookFull = 98, "book_full";
    }
    deals: (112u8..128) => {
        /// No such request, acceptance or deal.
        UnknownDeal = 112, "unknown_deal";
        /// The deal is not in a state that allows this.
        DealState = 113, "deal_state";
        /// Both sides together do not reach the least amount of the deal.
        BelowMinimum = 114, "below_minimum";
        /// More than the charging side's meter has shown since the deal was authorised.
        Unmetered = 115, "unmetered";
    }
    disputes: (128u8..144) => {
        /// No such dispute, or it is decided or withdrawn.
        UnknownDispute = 128, "unknown_dispute";
        /// The two readings are not of one meter, or not in order.
        BadEvidence = 129, "bad_evidence";
        /// Its time is over: the dispute can be withdrawn only.
        DisputeExpired = 130, "dispute_expired";
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
