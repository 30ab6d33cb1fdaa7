//! Why transactions and blocks are refused.

use wattle_primitives::key::SignatureError;
use wattle_primitives::{Address, Amount, Lane, Nonce, PublicKey, Reason, TimeMs, Weight};

/// Why a transaction cannot be charged, and so stands in no valid block.
///
/// [`TxError::is_stateless`] tells the peer that broke a rule everybody can check from the one whose transaction
/// has merely become impossible meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// More bytes than a transaction may have.
    #[error("{got} bytes exceed the limit of {max}")]
    TooLarge {
        /// Limit in bytes.
        max: usize,
        /// Encoded bytes.
        got: usize,
    },
    /// Asks for nothing.
    #[error("a transaction has at least one call")]
    NoCalls,
    /// No auth, not sorted by key, or a key twice.
    #[error("auths must be sorted by distinct keys, one at least")]
    Auths,
    /// No such lane.
    #[error("lane {lane} is out of range")]
    Lane {
        /// Lane named.
        lane: Lane,
    },
    /// Made for another chain.
    #[error("made for another chain")]
    WrongChain,
    /// A call that no state could make valid.
    #[error("call {index} is malformed: {reason}")]
    Call {
        /// Position of the call.
        index: u8,
        /// Why it is malformed.
        reason: Reason,
    },
    /// An auth that does not verify.
    #[error("signature of key {key}")]
    Signature {
        /// Key of the auth.
        key: PublicKey,
        /// Why it does not verify.
        #[source]
        source: SignatureError,
    },
    /// Heavier than a block or a bandwidth bucket can ever carry.
    #[error("weight {weight} exceeds {max}")]
    TooHeavy {
        /// Its weight.
        weight: Weight,
        /// The most there is room for.
        max: Weight,
    },
    /// Costs more than the sender allows.
    #[error("fee {fee} exceeds the maximum of {max_fee}")]
    FeeCap {
        /// Weight times price, plus tip.
        fee: Amount,
        /// Highest fee that the body allows, native base units.
        max_fee: Amount,
    },
    /// Its time is over.
    #[error("expired at {expires_ms}, block time is {time_ms}")]
    Expired {
        /// First time at which it may not be included.
        expires_ms: TimeMs,
        /// The block's.
        time_ms: TimeMs,
    },
    /// Not the next nonce of its lane.
    #[error("nonce {got} on lane {lane}, expected {expected}")]
    Nonce {
        /// Its lane.
        lane: Lane,
        /// The next one.
        expected: Nonce,
        /// The one it carries.
        got: Nonce,
    },
    /// The sender, who pays for himself, has no account.
    #[error("account {account} does not exist")]
    UnknownAccount {
        /// The sender.
        account: Address,
    },
    /// The signatures do not reach the threshold.
    #[error("signatures for {account} weigh {got}, {threshold} needed")]
    Authority {
        /// Whose authority is missing.
        account: Address,
        /// Weight reached.
        got: u32,
        /// Weight needed.
        threshold: u32,
    },
    /// A signature that is not needed.
    #[error("signature of key {key} is superfluous")]
    Superfluous {
        /// Its key.
        key: PublicKey,
    },
    /// Another is to pay who never agreed, no longer does, or not to so much or to this.
    #[error("{payer} does not pay for it: {reason}")]
    Sponsorship {
        /// Named fee payer.
        payer: Address,
        /// Why the sponsorship does not cover it.
        reason: Reason,
    },
    /// The payer cannot pay.
    #[error("{payer} has {available}, {needed} needed")]
    Funds {
        /// Fee payer.
        payer: Address,
        /// Spendable balance of the payer, native base units.
        available: Amount,
        /// Fee, and the deposit where an account is created.
        needed: Amount,
    },
    /// The sender's bandwidth bucket is empty.
    #[error("bandwidth is used up, retry in {retry_ms} ms")]
    Bandwidth {
        /// Time until it fits.
        retry_ms: TimeMs,
    },
}

impl TxError {
    /// The stable code that clients match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "tx_too_large",
            Self::NoCalls => "tx_no_calls",
            Self::Auths => "tx_bad_auths",
            Self::Lane { .. } => "tx_bad_lane",
            Self::WrongChain => "tx_wrong_chain",
            Self::Call { .. } => "tx_bad_call",
            Self::Signature { .. } => "tx_bad_signature",
            Self::TooHeavy { .. } => "tx_too_heavy",
            Self::FeeCap { .. } => "tx_fee_cap",
            Self::Expired { .. } => "tx_expired",
            Self::Nonce { .. } => "tx_bad_nonce",
            Self::UnknownAccount { .. } => "tx_unknown_account",
            Self::Authority { .. } => "tx_not_authorized",
            Self::Superfluous { .. } => "tx_superfluous_signature",
            Self::Sponsorship { .. } => "tx_not_sponsored",
            Self::Funds { .. } => "tx_insufficient_funds",
            Self::Bandwidth { .. } => "tx_bandwidth",
        }
    }

    /// Whether the bytes alone condemn it, so that the peer who sent it is at fault.
    ///
    /// Everything else depends on state or parameters and may change: ignore it, but do not punish.
    #[must_use]
    pub const fn is_stateless(&self) -> bool {
        match self {
            Self::TooLarge { .. }
            | Self::NoCalls
            | Self::Auths
            | Self::Lane { .. }
            | Self::WrongChain
            | Self::Call { .. }
            | Self::Signature { .. } => true,
            Self::TooHeavy { .. }
            | Self::FeeCap { .. }
            | Self::Expired { .. }
            | Self::Nonce { .. }
            | Self::UnknownAccount { .. }
            | Self::Authority { .. }
            | Self::Superfluous { .. }
            | Self::Sponsorship { .. }
            | Self::Funds { .. }
            | Self::Bandwidth { .. } => false,
        }
    }
}

/// Why a block's transactions make no valid block. Its proposer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// One cannot be charged.
    #[error("transaction {index} cannot be charged")]
    Tx {
        /// Position in the block.
        index: u32,
        /// Why it cannot be charged.
        #[source]
        source: TxError,
    },
    /// More weight than the parameters allow.
    #[error("weight {got} exceeds {max}")]
    Weight {
        /// Most weight of a block's transactions.
        max: Weight,
        /// Sum up to and including the first transaction too many.
        got: Weight,
    },
    /// More bytes than the parameters allow.
    #[error("{got} bytes of transactions exceed {max}")]
    Bytes {
        /// Room for transactions.
        max: usize,
        /// Sum up to and including the first transaction too many.
        got: usize,
    },
}

/// Why a genesis cannot be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenesisFailure {
    /// It breaks a rule of its format.
    #[error("genesis is malformed")]
    Format(#[from] wattle_primitives::genesis::GenesisError),
    /// A part of it cannot take effect.
    #[error("genesis {part} {index}: {reason}")]
    Part {
        /// `account`, `microgrid` or `meter`.
        part: &'static str,
        /// Position among its kind (a meter: within its microgrid).
        index: usize,
        /// Why it cannot take effect.
        reason: Reason,
    },
}
