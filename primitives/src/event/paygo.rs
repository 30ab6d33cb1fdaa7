use super::Concerns;
use crate::call::paygo::{RedeemedBy, Token};
use crate::{Address, Amount, AssetId, Hash, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Reason for which energy left a device's credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum BurnCause {
    /// Import of its meter.
    Import = 0,
    /// Use that its gateway reported under an authorisation.
    Use = 1,
    /// A set token.
    Set = 2,
}

events! {
    /// Events of the paygo module.
    Paygo(PaygoEvent) {
        /// An account became an operator of pay-as-you-go, or its cap changed.
        paygo_operator_set: PaygoOperatorSet {
            /// The operator.
            operator: Address,
            /// The asset in which it is paid.
            asset: AssetId,
            /// The asset in which its devices hold energy: a unit is a Wh.
            energy: AssetId,
            /// Most raw units issued for a device in a day.
            daily_cap: u32,
        } = 0,
        /// A device was registered.
        device_registered: DeviceRegistered {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
        } = 1,
        /// A device's owner, gateway, key, meter, contract or suspension was set.
        device_set: DeviceSet {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Whose it is.
            owner: Option<Address>,
            /// Its gateway.
            gateway: Option<Address>,
            /// Its meter.
            meter: Option<Address>,
            /// Whether nothing is issued for it.
            suspended: bool,
        } = 2,
        /// A token was reserved.
        token_reserved: TokenReserved {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// The token, with the most that it may be worth.
            token: Token,
            /// Commitment to it.
            commitment: Hash,
        } = 3,
        /// A token was sold or given.
        token_issued: TokenIssued {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Who signed for it: an issuer of the operator's, or who bought a reserved one.
            by: Address,
            /// The token.
            token: Token,
            /// Commitment to it.
            commitment: Hash,
            /// Base units that were paid for it, or are owed.
            paid: Amount,
        } = 4,
        /// The sale of a token was taken back, or a token forgotten that its device does not take any more.
        token_voided: TokenVoided {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Count of the token.
            count: u32,
            /// Base units that were paid back, or are owed no more.
            refunded: Amount,
        } = 5,
        /// A token was redeemed.
        token_redeemed: TokenRedeemed {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// The token.
            token: Token,
            /// Whose word that is.
            by: RedeemedBy,
            /// When, by the device's clock, but not after the block.
            time_ms: TimeMs,
            /// Until when the device is active, if it counts time.
            active_until_ms: Option<TimeMs>,
        } = 6,
        /// A device took a token that nobody committed to: somebody else has its secret. It counts nothing here.
        unknown_redemption: UnknownRedemption {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// The token.
            token: Token,
            /// Whose word that is.
            by: RedeemedBy,
        } = 7,
        /// A device was credited with energy, which came into being.
        credit_minted: CreditMinted {
            /// The device.
            device: Hash,
            /// Its operator's energy.
            asset: AssetId,
            /// Energy.
            wh: WattHours,
        } = 8,
        /// Energy of a device's credit is used up.
        credit_burned: CreditBurned {
            /// The device.
            device: Hash,
            /// Its operator's energy.
            asset: AssetId,
            /// Energy.
            wh: WattHours,
            /// Why it left.
            cause: BurnCause,
        } = 9,
        /// A device owes more: for a token on account, or for one that was redeemed though its sale was taken back.
        device_owes: DeviceOwes {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Its owner.
            owner: Option<Address>,
            /// Count of the token.
            count: u32,
            /// Base units.
            amount: Amount,
        } = 10,
        /// A debt of a device was paid.
        device_paid: DevicePaid {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Base units.
            amount: Amount,
        } = 11,
        /// A device is paid off: its operator may issue the token that ends payment control.
        contract_paid: ContractPaid {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// Base units paid in all.
            paid: Amount,
        } = 12,
        /// A token that was issued or reserved will make others worthless, or the credit that there is.
        credit_at_risk: CreditAtRisk {
            /// The device.
            device: Hash,
            /// Its operator.
            operator: Address,
            /// The token.
            token: Token,
            /// Add tokens that are issued or reserved, and not redeemed.
            adds: u32,
            /// Energy of the device that is free, if the token sets it.
            wh: WattHours,
        } = 13,
        /// Credit was set aside for reported use.
        credit_authorised: CreditAuthorised {
            /// The device.
            device: Hash,
            /// Its gateway.
            gateway: Address,
            /// The authorisation: id of its hold.
            authorisation: Hash,
            /// Energy.
            wh: WattHours,
            /// Block time at which it ends.
            expires_ms: TimeMs,
        } = 14,
        /// A gateway reported use.
        credit_used: CreditUsed {
            /// The device.
            device: Hash,
            /// The authorisation.
            authorisation: Hash,
            /// Number of the newest report.
            #[serde(with = "crate::units::decimal")]
            #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
            seq: u64,
            /// Drawn since the authorisation, Wh.
            cumulative_wh: WattHours,
            /// Left of it, Wh.
            remaining_wh: WattHours,
            /// Whether nothing is left: use must stop.
            stop: bool,
        } = 15,
        /// An authorisation was closed.
        credit_closed: CreditClosed {
            /// The device.
            device: Hash,
            /// The authorisation.
            authorisation: Hash,
            /// Drawn in all, Wh.
            used_wh: WattHours,
            /// Free again, Wh.
            released_wh: WattHours,
        } = 16,
    }
}

impl PaygoEvent {
    /// Whom the event concerns: of a device always the address that its credit stands under, whose history it is a line
    /// of.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::PaygoOperatorSet { operator, .. } => Concerns::party(*operator),
            Self::DeviceRegistered { device, operator }
            | Self::DeviceSet { device, operator, .. }
            | Self::TokenReserved { device, operator, .. }
            | Self::TokenIssued { device, operator, .. }
            | Self::TokenVoided { device, operator, .. }
            | Self::TokenRedeemed { device, operator, .. }
            | Self::UnknownRedemption { device, operator, .. }
            | Self::DeviceOwes { device, operator, .. }
            | Self::DevicePaid { device, operator, .. }
            | Self::ContractPaid { device, operator, .. }
            | Self::CreditAtRisk { device, operator, .. } => {
                Concerns::parties(*operator, Address::of_device(device)).of_device(device)
            }
            Self::CreditAuthorised { device, gateway, .. } => {
                Concerns::parties(*gateway, Address::of_device(device)).of_device(device)
            }
            Self::CreditMinted { device, .. }
            | Self::CreditBurned { device, .. }
            | Self::CreditUsed { device, .. }
            | Self::CreditClosed { device, .. } => {
                Concerns::party(Address::of_device(device)).of_device(device)
            }
        }
    }
}
