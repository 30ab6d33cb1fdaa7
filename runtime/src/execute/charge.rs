//! Whether a transaction may run, and what that costs whom.
//!
//! Everything here happens before a call runs and stays when the calls fail: nonce, fee, bandwidth, and the account of
//! a sender who is seen for the first time.

use super::{TxError, fee_of};
use crate::keys;
use crate::modules::ctx::{BlockEnv, Payment};
use crate::modules::identity::records::{Account, Sponsorship};
use crate::modules::ledger::posting::{FEES, available};
use crate::modules::ledger::{post, wallet};
use crate::modules::{Ctx, identity};
use crate::overlay::Overlay;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Address, Amount, AssetId, Auth, Lane, PublicKey, Reason, TxBody, Weight, planted};

/// A transaction to be charged, with its signers and its weight.
pub(super) struct Ask<'t> {
    pub(super) body: &'t TxBody,
    pub(super) signed: Signed<'t>,
    pub(super) weight: Weight,
    /// Whether a nonce above the next is all right.
    pub(super) gap_allowed: bool,
}

/// Who has signed.
#[derive(Clone, Copy)]
pub(super) enum Signed<'t> {
    By(&'t [Auth]),
    /// Whoever must: authority is taken for granted, and a fee payer other than the sender signs along if this is true.
    Presumed {
        payer: bool,
    },
}

/// Everything charging will write.
pub(super) struct Plan {
    /// Fee, tip included.
    pub(super) fee: Amount,
    /// Nonces missing before this one.
    pub(super) gap: u64,
    /// By what right the payer pays.
    pub(super) payment: Payment,
    sender: Account,
    sender_is_new: bool,
    sponsorship: Option<Sponsorship>,
}

/// Checks a transaction against the state, without changing it.
pub(super) fn assess(state: &mut Overlay<'_>, env: &BlockEnv, ask: &Ask<'_>) -> Result<Plan, TxError> {
    let Ask { body, weight, .. } = *ask;
    if env.time_ms >= body.expires_ms {
        return Err(TxError::Expired { expires_ms: body.expires_ms, time_ms: env.time_ms });
    }
    let fee = fee_of(&env.params, weight, body.tip);
    if fee > body.max_fee {
        return Err(TxError::FeeCap { fee, max_fee: body.max_fee });
    }
    let foreign = body.fee_payer != body.sender;
    let known: Option<Account> = state.read(keys::account(&body.sender));
    let sender_is_new = known.is_none();
    if sender_is_new && !foreign {
        return Err(TxError::UnknownAccount { account: body.sender });
    }
    let mut sender = known.unwrap_or_default();
    let gap = nonce_gap(&sender, ask)?;
    let payer = match foreign {
        true => Some(
            state
                .read::<Account>(keys::account(&body.fee_payer))
                .ok_or(TxError::UnknownAccount { account: body.fee_payer })?,
        ),
        false => None,
    };
    let payer_signed = authorize(ask, &sender, payer.as_ref())?;
    let deposit = if sender_is_new { env.params.account_deposit } else { Amount::ZERO };
    let needed = fee.saturating_add(deposit);
    let payment = match (foreign, payer_signed) {
        (false, _) => Payment::Own,
        (true, true) => Payment::Signed,
        (true, false) => Payment::Sponsored,
    };
    let sponsorship = match payment {
        Payment::Sponsored => Some(draw_allowance(state, env, body, fee, deposit)?),
        Payment::Own | Payment::Signed => None,
    };
    sender
        .bucket
        .draw(env.params.bandwidth(), env.time_ms, weight)
        .map_err(|retry_ms| TxError::Bandwidth { retry_ms })?;
    let funds = available(state, body.fee_payer, AssetId::NATIVE);
    if funds < needed {
        return Err(TxError::Funds { payer: body.fee_payer, available: funds, needed });
    }
    sender.use_nonce(body.lane);
    Ok(Plan { fee, gap, payment, sender, sender_is_new, sponsorship })
}

/// Carries a plan out. Whatever fails here was checked above; the caller rolls back.
pub(super) fn charge(ctx: &mut Ctx<'_>, body: &TxBody, plan: Plan) -> Result<Amount, TxError> {
    let unpaid = |_| TxError::Funds { payer: body.fee_payer, available: Amount::ZERO, needed: plan.fee };
    if let Some(sponsorship) = &plan.sponsorship
        && !planted!("sponsorship-not-drawn")
    {
        ctx.state.write(keys::sponsorship(&body.fee_payer, &body.sender), sponsorship);
    }
    if plan.sender_is_new {
        identity::create(ctx, body.sender).map_err(unpaid)?;
    }
    ctx.state.write(keys::account(&body.sender), &plan.sender);
    if plan.fee > Amount::ZERO {
        post(ctx, wallet(body.fee_payer), FEES, AssetId::NATIVE, plan.fee).map_err(unpaid)?;
        ctx.emit(LedgerEvent::FeeCharged { payer: body.fee_payer, amount: plan.fee });
    }
    Ok(plan.fee)
}

fn nonce_gap(sender: &Account, ask: &Ask<'_>) -> Result<u64, TxError> {
    let (lane, got) = (ask.body.lane, ask.body.nonce);
    let counted = if planted!("nonce-lane-mix-up", lane.0 > 0) { Lane(0) } else { lane };
    let expected = sender.nonce(counted);
    match got.0.checked_sub(expected.0) {
        Some(gap) if gap == 0 || ask.gap_allowed => Ok(gap),
        _ => Err(TxError::Nonce { lane, expected, got }),
    }
}

/// Checks that the signatures suffice and that each is needed. Returns whether the payer signed too.
///
/// The payer signs when a key appears that is not the sender's; then the payer's threshold must be reached and no
/// sponsorship is drawn on. A signature is superfluous when the others suffice without it: a wallet sends no more
/// than it needs, and nobody can make a transaction heavier under way.
fn authorize(ask: &Ask<'_>, sender: &Account, payer: Option<&Account>) -> Result<bool, TxError> {
    let auths = match ask.signed {
        Signed::By(auths) => auths,
        Signed::Presumed { payer } => return Ok(payer),
    };
    let reached = |address: &Address, account: &Account, without: Option<&PublicKey>| {
        let signed = auths.iter().map(|auth| &auth.key).filter(|key| without != Some(*key));
        identity::weigh_keys(address, account.authority.as_ref(), signed)
    };
    let enough = |address: &Address, account: &Account, without: Option<&PublicKey>| {
        let (got, threshold) = reached(address, account, without);
        if got >= threshold { Ok(()) } else { Err(TxError::Authority { account: *address, got, threshold }) }
    };
    let (from, by) = (&ask.body.sender, &ask.body.fee_payer);
    enough(from, sender, None)?;
    let of_sender =
        |key: &PublicKey| identity::weigh_keys(from, sender.authority.as_ref(), std::iter::once(key)).0 > 0;
    let payer_signs = payer.filter(|_| auths.iter().any(|auth| !of_sender(&auth.key)));
    if let Some(payer) = payer_signs {
        enough(by, payer, None)?;
    }
    if auths.len() > 1 || payer_signs.is_some() {
        let needed = |key: &PublicKey| {
            enough(from, sender, Some(key)).is_err()
                || payer_signs.is_some_and(|payer| enough(by, payer, Some(key)).is_err())
        };
        if let Some(auth) = auths.iter().find(|auth| !needed(&auth.key)) {
            return Err(TxError::Superfluous { key: auth.key });
        }
    }
    Ok(payer_signs.is_some())
}

/// The sponsorship after `fee` was drawn from it. The deposit of an account that comes into being is drawn when it
/// does.
fn draw_allowance(
    state: &mut Overlay<'_>,
    env: &BlockEnv,
    body: &TxBody,
    fee: Amount,
    deposit: Amount,
) -> Result<Sponsorship, TxError> {
    let now = env.time_ms;
    let known: Option<Sponsorship> = state.read(keys::sponsorship(&body.fee_payer, &body.sender));
    let drawn = known.ok_or(Reason::UnknownGrant).and_then(|mut sponsorship| {
        let allowance = &mut sponsorship.allowance;
        allowance.begin(now)?;
        body.calls.iter().try_for_each(|call| allowance.allow(call.kind()))?;
        allowance.spend(now, AssetId::NATIVE, fee, false)?;
        allowance.clone().spend(now, AssetId::NATIVE, deposit, false)?;
        Ok(sponsorship)
    });
    drawn.map_err(|reason| TxError::Sponsorship { payer: body.fee_payer, reason })
}
