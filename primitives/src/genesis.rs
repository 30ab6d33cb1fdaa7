//! The start of a chain: parameters, validator sets and the first accounts.
//!
//! The header of height 0 binds all of it: its `chain` field is [`Genesis::hash`], its state root the state made
//! from it. The hash of that header is the chain's identity.

use crate::bucket::BucketSize;
use crate::call::energy::Terms;
use crate::call::ledger::SUPPLY_MAX;
use crate::call::token::Symbol;
use crate::reading::{MeterRole, RegisterEncoding};
use crate::{Address, Amount, AssetId, Epoch, Hash, Height, PublicKey, TimeMs, ValidatorSet, Weight, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest chain name.
pub const CHAIN_ID_BYTES_MAX: usize = 32;

/// Makes of one list of parameters what the chain keeps, and what is shown of it in JSON.
macro_rules! params {
    ($($(#[$doc:meta])* $name:ident: $type:ident,)*) => {
        /// Protocol parameters. They change only at epoch boundaries.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Params {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl From<&Params> for ChainParams {
            fn from(params: &Params) -> Self {
                Self { $($name: params.$name,)* }
            }
        }

        params_in_json! { [] $($name: $type,)* }
    };
}

/// Takes one parameter after the other, since a plain integer of 64 bits has to be told to be a decimal string.
macro_rules! params_in_json {
    ([$($done:tt)*] $name:ident: u64, $($rest:tt)*) => {
        params_in_json! {
            [
                $($done)*
                #[serde(with = "crate::units::decimal")]
                #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
                pub $name: u64,
            ]
            $($rest)*
        }
    };
    ([$($done:tt)*] $name:ident: $type:ident, $($rest:tt)*) => {
        params_in_json! { [$($done)* pub $name: $type,] $($rest)* }
    };
    ([$($fields:tt)*]) => {
        /// The protocol parameters as JSON; see [`Params`] for their meaning.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the fields are documented where they are defined, in `Params`")]
        pub struct ChainParams {
            $($fields)*
        }
    };
}

params! {
    /// Heights in an epoch.
    epoch_length: u64,
    /// Least time between a block and its parent.
    block_interval_ms: u64,
    /// Time after which a block is proposed without work.
    idle_interval_ms: u64,
    /// How long a leader has to propose, before any growth.
    leader_timeout_ms: u64,
    /// How long a view has from the proposal's arrival, before any growth.
    advance_timeout_ms: u64,
    /// Upper bound of grown timeouts, ms.
    timeout_ms_max: u64,
    /// Silence after which a leader's view is skipped at once.
    skip_timeout_ms: u64,
    /// How far a block's time may be ahead of a validator's clock before it waits.
    clock_skew_ms_max: u64,
    /// Most bytes of an encoded block.
    block_bytes_max: u32,
    /// Most weight of a block.
    block_weight_max: Weight,
    /// Fee for one unit of weight, native base units.
    weight_price: Amount,
    /// Deposit for each thing that leaves a key in state, an account among them, native base units.
    account_deposit: Amount,
    /// Weight units that a bandwidth bucket regains in a second.
    bandwidth_rate: Weight,
    /// Weight units that a bandwidth bucket holds.
    bandwidth_capacity: Weight,
    /// Without whom no microgrid is registered: by itself, or by an account that it sponsors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registrar: Registrar,
}

/// An account by whose leave alone something is registered; none: anybody may.
pub type Registrar = Option<Address>;

/// A set of validators and the epoch from which on it decides.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledSet {
    /// First epoch of the set.
    pub from_epoch: Epoch,
    /// The set.
    pub validators: ValidatorSet,
}

/// An account that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Its first key.
    pub key: PublicKey,
    /// Its native balance.
    pub balance: Amount,
}

/// A microgrid that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisMicrogrid {
    /// Its operator: a genesis account.
    pub operator: Address,
    /// Makes the id, with the operator.
    pub reference: Hash,
    /// Settlement asset.
    pub asset: AssetId,
    /// Settlement interval.
    pub interval_ms: TimeMs,
    /// Its terms, from the first interval on; none: it only keeps readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// Its meters.
    pub meters: Vec<GenesisMeter>,
}

/// A meter that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisMeter {
    /// Key that signs its readings; has an account too.
    pub key: PublicKey,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// Where it stands.
    #[serde(default)]
    pub role: MeterRole,
    /// Most power that can flow through it, W.
    pub power_max_w: u32,
    /// Allowance that the operator sponsors it with, native base units; no expiry.
    pub allowance: Amount,
}

/// Everything a chain starts from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Name of the chain, for people; the genesis hash is its identity.
    pub chain_id: String,
    /// Time of height 0.
    pub time_ms: TimeMs,
    /// Symbol of the native asset.
    pub native_symbol: Symbol,
    /// Decimal places of the native asset.
    pub native_scale: u8,
    /// Protocol parameters.
    pub params: Params,
    /// Validator sets, by rising first epoch; the first is 0.
    pub validator_sets: Vec<ScheduledSet>,
    /// Accounts, sorted by key.
    pub accounts: Vec<GenesisAccount>,
    /// Microgrids that exist from the start.
    pub microgrids: Vec<GenesisMicrogrid>,
}

/// Why a genesis is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Empty or too long.
    #[error("chain id must have 1 to {CHAIN_ID_BYTES_MAX} bytes")]
    ChainId,
    /// No set for epoch 0, or epochs do not rise.
    #[error("validator sets must start at epoch 0 and rise")]
    Schedule,
    /// A parameter is zero or beyond what the code allows.
    #[error("parameter {name} is out of range")]
    Param {
        /// Name of the parameter.
        name: &'static str,
    },
    /// A key twice, not sorted, or of small order.
    #[error("genesis accounts must have distinct, sorted keys")]
    Accounts,
    /// Together they are more than there may be of an asset.
    #[error("genesis balances come to more than 2^80 base units")]
    Balances,
}

impl Params {
    /// The size of every account's bandwidth bucket.
    #[must_use]
    pub const fn bandwidth(&self) -> BucketSize {
        BucketSize { rate: self.bandwidth_rate, capacity: self.bandwidth_capacity }
    }

    /// The epoch that decides on `height`; genesis (0) counts to the first.
    #[must_use]
    pub fn epoch_of(&self, height: Height) -> Epoch {
        Epoch(height.0.saturating_sub(1).checked_div(self.epoch_length).unwrap_or(0))
    }

    /// The last height of `epoch`, whose block is proposed again until it is finalized.
    #[must_use]
    pub fn terminal_height(&self, epoch: Epoch) -> Height {
        Height(epoch.0.saturating_add(1).saturating_mul(self.epoch_length))
    }

    /// The height that `epoch` builds on: 0, or the last of the epoch before.
    #[must_use]
    pub fn floor_height(&self, epoch: Epoch) -> Height {
        Height(epoch.0.saturating_mul(self.epoch_length))
    }

    /// Every parameter has its bounds here.
    fn check(&self) -> Result<(), GenesisError> {
        let Self {
            epoch_length,
            block_interval_ms,
            idle_interval_ms,
            leader_timeout_ms,
            advance_timeout_ms,
            timeout_ms_max,
            skip_timeout_ms,
            clock_skew_ms_max,
            block_bytes_max,
            block_weight_max: Weight(block_weight_max),
            weight_price: Amount(weight_price),
            account_deposit: Amount(account_deposit),
            bandwidth_rate: Weight(bandwidth_rate),
            bandwidth_capacity: Weight(bandwidth_capacity),
            registrar: _, // any account or none
        } = *self;
        let positive = [
            ("epoch_length", epoch_length),
            ("idle_interval_ms", idle_interval_ms),
            ("leader_timeout_ms", leader_timeout_ms),
            ("advance_timeout_ms", advance_timeout_ms),
            ("timeout_ms_max", timeout_ms_max),
            ("skip_timeout_ms", skip_timeout_ms),
            ("clock_skew_ms_max", clock_skew_ms_max),
            ("block_weight_max", block_weight_max),
            ("bandwidth_rate", bandwidth_rate),
            ("bandwidth_capacity", bandwidth_capacity),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0 || *value > 1 << 48) {
            return Err(GenesisError::Param { name });
        }
        let bounded = [
            ("block_interval_ms", u128::from(block_interval_ms)),
            ("weight_price", weight_price),
            ("account_deposit", account_deposit),
        ];
        if let Some((name, _)) = bounded.iter().find(|(_, value)| *value > 1 << 48) {
            return Err(GenesisError::Param { name });
        }
        let bytes = usize::try_from(block_bytes_max).unwrap_or(usize::MAX);
        if bytes > crate::block::BLOCK_BYTES_MAX || bytes < crate::tx::TX_BYTES_MAX.saturating_mul(2) {
            return Err(GenesisError::Param { name: "block_bytes_max" });
        }
        Ok(())
    }
}

impl Genesis {
    /// Checks every rule above.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn check(&self) -> Result<(), GenesisError> {
        if self.chain_id.is_empty() || self.chain_id.len() > CHAIN_ID_BYTES_MAX {
            return Err(GenesisError::ChainId);
        }
        let epochs: Vec<u64> = self.validator_sets.iter().map(|s| s.from_epoch.0).collect();
        if epochs.first() != Some(&0) || epochs.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(GenesisError::Schedule);
        }
        if self.accounts.windows(2).any(|pair| pair[0].key >= pair[1].key)
            || self.accounts.iter().any(|a| a.key.is_small_order())
        {
            return Err(GenesisError::Accounts);
        }
        let total = self.accounts.iter().try_fold(0u128, |sum, a| sum.checked_add(a.balance.0));
        if total.is_none_or(|sum| sum > SUPPLY_MAX.0) {
            return Err(GenesisError::Balances);
        }
        if self.native_scale > crate::call::token::SCALE_MAX {
            return Err(GenesisError::Param { name: "native_scale" });
        }
        self.params.check()
    }

    /// The specification's hash: the `chain` field of the genesis header.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_encoded(domain::GENESIS, self)
    }

    /// The set that decides in `epoch`.
    #[must_use]
    pub fn validators(&self, epoch: Epoch) -> Option<&ValidatorSet> {
        self.validator_sets.iter().rev().find(|s| s.from_epoch <= epoch).map(|s| &s.validators)
    }
}
