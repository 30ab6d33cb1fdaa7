//! Which counts a device takes: those a little above its own, and unused add tokens a little below.
//!
//! The record is what the chain knows of the device's own count. A device that is offline may be ahead of it, never
//! behind: every count here was reported by it or for it. So what is refused here, the device refuses too, or has taken
//! before.

use super::records::Device;
use wattle_primitives::call::paygo::{
    C_FIRMWARE_COUNT_MAX, FirmwareProfile, JUMP_MAX, SYNC_JUMP_MAX, Token, TokenKind, VALUE_MAX, WINDOW,
};
use wattle_primitives::{Reason, planted};

/// Highest of the values of nine digits that mean something else; an extended token has none of them either.
const RESERVED_VALUE_MAX: u32 = 999;

const fn jump_max(kind: TokenKind) -> u32 {
    match kind {
        TokenKind::Add | TokenKind::Set | TokenKind::Disable => JUMP_MAX,
        TokenKind::Sync => SYNC_JUMP_MAX,
    }
}

/// Whether the device takes a count that is `back` below its own.
const fn is_open(device: &Device, back: u32, kind: TokenKind) -> bool {
    back > 0 && back < WINDOW && matches!(kind, TokenKind::Add) && device.used >> (back - 1) & 1 == 0
}

/// Whether a device has taken a count, or never takes it any more.
#[must_use]
pub const fn is_over(device: &Device, count: u32, kind: TokenKind) -> bool {
    match device.count.checked_sub(count) {
        Some(back) => !is_open(device, back, kind),
        None => false,
    }
}

/// Notes that the device has taken a token, if it takes it.
pub(super) fn take(device: &mut Device, token: &Token) -> Result<(), Reason> {
    let Token { count, kind, .. } = *token;
    let Some(back) = device.count.checked_sub(count) else {
        let jump = count.saturating_sub(device.count);
        if jump > jump_max(kind) {
            return Err(Reason::CountOutOfWindow);
        }
        let shifted = device.used.checked_shl(jump).unwrap_or(0);
        let before = 1u16.checked_shl(jump.saturating_sub(1)).unwrap_or(0);
        device.used = if kind == TokenKind::Add { shifted | before } else { u16::MAX };
        device.count = count;
        device.last_count = device.last_count.max(count);
        return Ok(());
    };
    if !is_open(device, back, kind) {
        let seen = back == 0 || back < WINDOW && kind == TokenKind::Add;
        if !(seen && planted!("token-redeemed-twice")) {
            return Err(if seen { Reason::TokenUsed } else { Reason::CountOutOfWindow });
        }
    }
    device.used |= 1u16.checked_shl(back.saturating_sub(1)).unwrap_or(0);
    Ok(())
}

/// Refuses a new token that the device would not take, or that its firmware takes for something else.
pub(super) fn admit(device: &Device, token: &Token) -> Result<(), Reason> {
    let Token { count, kind, value } = *token;
    if !token.fits_parity() {
        return Err(Reason::BadParity);
    }
    let c_firmware = device.profile == FirmwareProfile::CFirmware;
    if c_firmware && (count > C_FIRMWARE_COUNT_MAX || device.extended && kind == TokenKind::Set) {
        return Err(Reason::ProfileLimit);
    }
    let plain = value <= VALUE_MAX || device.extended && value > RESERVED_VALUE_MAX;
    if !plain && !planted!("value-of-another-kind") {
        return Err(Reason::ValueOutOfRange);
    }
    if count <= device.last_count {
        return Err(Reason::TokenUsed);
    }
    if count.saturating_sub(device.count) > jump_max(kind) {
        return Err(Reason::CountOutOfWindow);
    }
    Ok(())
}

/// Refuses a kind at a parity at which the device does not take it: the C firmware looks at the value alone.
pub(super) fn check_parity(device: &Device, token: &Token) -> Result<(), Reason> {
    let by_value = match token.kind {
        TokenKind::Disable | TokenKind::Sync => device.profile == FirmwareProfile::CFirmware,
        TokenKind::Add | TokenKind::Set => false,
    };
    if by_value || token.fits_parity() { Ok(()) } else { Err(Reason::BadParity) }
}
