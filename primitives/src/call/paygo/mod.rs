//! Calls about pay-as-you-go: operators and their devices, the tokens that they sell, and the credit that tokens give.
//!
//! No key, starting code or token of a device is in any of them, hashed or not: nine digits hold too little to be
//! hidden by a hash. A token is known by its count, and by a commitment to it that a nonce of 32 bytes hides.

mod authorise_credit;
mod close_credit;
mod draw_credit;
mod issue_token;
mod nonce;
mod pay_device;
mod redeem_token;
mod register_device;
mod reserve_tokens;
mod set_device;
mod set_paygo_operator;
mod void_token;

pub use authorise_credit::AuthoriseCredit;
pub use close_credit::CloseCredit;
pub use draw_credit::DrawCredit;
pub use issue_token::{IssueToken, Payment};
pub use nonce::derived_nonce;
pub use pay_device::PayDevice;
pub use redeem_token::{RedeemToken, RedeemedBy, Redemption, RedemptionProof};
pub use register_device::{CreditUnit, FirmwareProfile, RegisterDevice};
pub use reserve_tokens::{ReserveTokens, ReservedToken};
pub use set_device::{Contract, SetDevice};
pub use set_paygo_operator::SetPaygoOperator;
pub use void_token::VoidToken;

use crate::{Address, Hash, Reason, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Highest value of a token of nine digits, in raw units: those above it mean something else.
pub const VALUE_MAX: u32 = 995;
/// Highest value of an extended token, of twelve digits.
pub const EXTENDED_VALUE_MAX: u32 = 999_999;
/// How far above its count a device takes a token.
pub const JUMP_MAX: u32 = 64;
/// How far above its count a device takes a token that sets the count.
pub const SYNC_JUMP_MAX: u32 = 100;
/// A device takes an unused add token that is less than so many counts old.
pub const WINDOW: u32 = 16;
/// Last count of a device with the C firmware.
pub const C_FIRMWARE_COUNT_MAX: u32 = u16::MAX as u32;
/// Most tokens reserved in one call.
pub const RESERVED_MAX: usize = 32;
/// Most authorisations of a device at a time.
pub const AUTHORISATIONS_MAX: usize = 4;

/// The effect of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TokenKind {
    /// Adds its value to the device's credit. Its count is even; of all others it is odd.
    Add = 0,
    /// Sets the credit to its value; 0 cuts the supply off.
    Set = 1,
    /// Ends payment control: the device is paid for.
    Disable = 2,
    /// Moves the device's count.
    Sync = 3,
}

/// A token without its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// Its place in the device's sequence, from 1 on.
    pub count: u32,
    /// Its effect.
    pub kind: TokenKind,
    /// Raw units that it adds or sets; 0 where it does something else.
    pub value: u32,
}

impl Token {
    /// Whether the count's parity is that of the kind.
    #[must_use]
    pub const fn fits_parity(&self) -> bool {
        self.count.is_multiple_of(2) == matches!(self.kind, TokenKind::Add)
    }

    /// Checks what no device's record is needed for, but for the parity.
    ///
    /// # Errors
    /// The [`Reason`] for which no device takes such a token.
    pub const fn check(&self) -> Result<(), Reason> {
        let most = match self.kind {
            TokenKind::Add | TokenKind::Set => EXTENDED_VALUE_MAX,
            TokenKind::Disable | TokenKind::Sync => 0,
        };
        if self.count == 0 {
            return Err(Reason::CountOutOfWindow);
        }
        if self.value > most { Err(Reason::ValueOutOfRange) } else { Ok(()) }
    }

    /// The commitment that stands on the chain before the token is redeemed. Without the nonce nobody learns from it
    /// the token, or the device's secret.
    #[must_use]
    pub fn commitment(&self, device: &Hash, nonce: &Hash) -> Hash {
        let (count, value) = (self.count.to_le_bytes(), self.value.to_le_bytes());
        let parts = [device.as_bytes(), &count[..], &[self.kind as u8], &value, nonce.as_bytes()];
        Hash::of(domain::PAYGO_COMMITMENT, &parts)
    }
}

calls! {
    /// Calls about pay-as-you-go.
    Paygo(PaygoCall) {
        set_paygo_operator: SetPaygoOperator = 0,
        register_device: RegisterDevice = 1,
        set_device: SetDevice = 2,
        reserve_tokens: ReserveTokens = 3,
        issue_token: IssueToken = 4,
        void_token: VoidToken = 5,
        redeem_token: RedeemToken = 6,
        pay_device: PayDevice = 7,
        authorise_credit: AuthoriseCredit = 8,
        draw_credit: DrawCredit = 9,
        close_credit: CloseCredit = 10,
    }
}

/// The id of the device that `operator` registers with `reference`. Its credit is in the wallet of the address with
/// these bytes, which no key has.
#[must_use]
pub fn device_id(operator: &Address, reference: &Hash) -> Hash {
    Hash::of(domain::PAYGO_DEVICE, &[operator.as_bytes(), reference.as_bytes()])
}

/// The nonce of the commitment to a device's token, from a secret that its issuer alone has. Where nobody else has the
/// device's key, the device can derive nonces itself: [`derived_nonce`].
#[must_use]
pub fn token_nonce(secret: &[u8; 32], device: &Hash, count: u32) -> Hash {
    Hash::of(domain::PAYGO_NONCE, &[secret, device.as_bytes(), &count.to_le_bytes()])
}

/// The issuer of the asset in which an operator's devices hold energy: an address that no key has.
#[must_use]
pub fn energy_issuer(operator: &Address) -> Address {
    Address(Hash::of(domain::PAYGO_ISSUER, &[operator.as_bytes()]).0)
}
