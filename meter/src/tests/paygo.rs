//! A pay-as-you-go device as tests need it: its secret, its tokens, and what the chain makes of redemptions.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::chain::State;
use openpaygo::{Command, Count, Format, Profile, Secret, encode};
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::paygo::{
    CreditUnit, FirmwareProfile, JUMP_MAX, RedeemToken, Token, TokenKind, WINDOW, derived_nonce,
};
use wattle_primitives::state_key::{self, BalanceRecord, DeviceRecord, DeviceStatus};
use wattle_primitives::{Address, Amount, AssetId, BoundedVec, Hash, PublicKey, TimeMs, WattHours};

pub(crate) const KEY: &str = "a29ab82edc5fbbc41ec9530f6dac86b1";
pub(crate) const STARTING_CODE: u32 = 123_456_789;
pub(crate) const DEVICE: Hash = Hash([0xDE; 32]);
/// Size of a raw unit, Wh.
pub(crate) const RAW_WH: u64 = 100;
const ENERGY: AssetId = AssetId(7);

pub(crate) fn secret() -> Secret {
    Secret::from_hex(KEY, Some(STARTING_CODE)).unwrap()
}

/// The digits of the token after count `last`, and its own count.
pub(crate) fn token(command: Command, last: u32) -> (String, u32) {
    let issued = encode(&secret(), Profile::Own, command, Count(last), Format::STANDARD).unwrap();
    (issued.token.to_string(), issued.count.0)
}

pub(crate) fn add(value: u32, last: u32) -> (String, u32) {
    token(Command::Add { value }, last)
}

/// State with the device, registered with this redemption key at count 1, without credit.
pub(crate) fn with_device(mut state: State, key: PublicKey) -> State {
    let record = DeviceRecord {
        operator: Address([9; 32]),
        index: 0,
        owner: None,
        gateway: None,
        key: Some(key),
        meter: None,
        asset: ENERGY,
        unit: CreditUnit::WattHours { per_unit: WattHours(RAW_WH) },
        divider: 1,
        profile: FirmwareProfile::Own,
        extended: false,
        status: DeviceStatus::Active,
        last_count: 1,
        count: 1,
        used: u16::MAX,
        active_until_ms: TimeMs::ZERO,
        ahead_wh: WattHours::ZERO,
        debt: Amount::ZERO,
        contract: None,
        day: 0,
        issued: 0,
        adds: 0,
        authorisations: BoundedVec::default(),
    };
    put(&mut state, &record, &BalanceRecord::default());
    state
}

pub(crate) fn device(state: &State) -> (DeviceRecord, BalanceRecord) {
    let record = wattle_primitives::decode(&state[&*state_key::device(&DEVICE)]).unwrap();
    (record, wattle_primitives::decode(&state[&balance_key()]).unwrap())
}

fn put(state: &mut State, record: &DeviceRecord, balance: &BalanceRecord) {
    state.insert(state_key::device(&DEVICE).to_vec(), wattle_primitives::encode(record));
    state.insert(balance_key(), wattle_primitives::encode(balance));
}

fn balance_key() -> Vec<u8> {
    let owner = Address::of_device(&DEVICE);
    state_key::balance(&AccountId::Wallet { owner }, ENERGY).to_vec()
}

/// Credits the device for a token that it takes, whoever says so. Returns whether it does.
pub(crate) fn redeem(state: &mut State, token: &Token) -> bool {
    let (mut record, mut balance) = device(state);
    if !take(&mut record, token) {
        return false;
    }
    let wh = u128::from(u64::from(token.value) * RAW_WH);
    match token.kind {
        TokenKind::Add => balance.credits_posted += wh,
        TokenKind::Set => {
            balance.debits_posted = balance.credits_posted;
            balance.credits_posted += wh;
        }
        TokenKind::Disable => record.status = DeviceStatus::Unlocked,
        TokenKind::Sync => {}
    }
    put(state, &record, &balance);
    true
}

fn take(record: &mut DeviceRecord, token: &Token) -> bool {
    let Some(back) = record.count.checked_sub(token.count) else {
        let jump = token.count - record.count;
        let before = 1u16.checked_shl(jump - 1).unwrap_or(0);
        let shifted = record.used.checked_shl(jump).unwrap_or(0);
        record.used = if token.kind == TokenKind::Add { shifted | before } else { u16::MAX };
        record.count = token.count;
        return jump <= JUMP_MAX;
    };
    let open = back > 0 && back < WINDOW && record.used >> (back - 1) & 1 == 0;
    record.used |= 1u16.checked_shl(back.saturating_sub(1)).unwrap_or(0);
    open && token.kind == TokenKind::Add
}

/// Commitments on the chain, by count: a redemption of another count raises an alarm and gives nothing.
pub(crate) type Commitments = BTreeMap<u32, Hash>;

/// The commitment of an issuer that derives nonces as the device does.
pub(crate) fn commitment(token: &Token) -> Hash {
    let secret = secret();
    token.commitment(&DEVICE, &derived_nonce(|message| secret.hash(message), &DEVICE, token.count))
}

/// Executes a redemption with the device's proof. Returns whether it has an effect.
pub(crate) fn execute(
    state: &mut State,
    chain: &Hash,
    commitments: &Commitments,
    call: &RedeemToken,
) -> bool {
    let RedeemToken { redemption, proof } = call;
    let proof = proof.unwrap();
    proof.key.verify(&redemption.signing_bytes(chain), &proof.signature).unwrap();
    let committed = commitments.get(&redemption.token.count);
    let known =
        committed.is_none_or(|of| *of == redemption.token.commitment(&redemption.device, &redemption.nonce));
    device(state).0.key == Some(proof.key) && known && redeem(state, &redemption.token)
}
