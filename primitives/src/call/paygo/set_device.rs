use crate::{Address, Amount, Hash, PublicKey};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The terms on which a device is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contract {
    /// Due with the first sale before anything else, base units.
    pub deposit: Amount,
    /// Raw units that the first sale has for that.
    pub included: u32,
    /// Base units for a raw unit.
    pub price: Amount,
    /// Base units with which the device is paid off; 0 when it is rented for ever.
    pub total: Amount,
    /// Whether tokens may be issued on account.
    pub postpaid: bool,
}

/// Sets everything that an operator can change of its device, all at once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetDevice {
    /// The device.
    pub device: Hash,
    /// Whose it is.
    pub owner: Option<Address>,
    /// Who redeems, authorises and reports for it.
    pub gateway: Option<Address>,
    /// The key with which it signs its redemptions.
    pub key: Option<PublicKey>,
    /// The meter in front of what it supplies: of its owner, in a microgrid of its operator.
    pub meter: Option<Address>,
    /// Whether nothing is issued for it.
    pub suspended: bool,
    /// Its contract. Money that was paid so far still counts under another one.
    pub contract: Option<Box<Contract>>,
}
