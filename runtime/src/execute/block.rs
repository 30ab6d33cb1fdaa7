//! Running and building blocks.

use super::charge::{Ask, Signed, assess, charge};
use super::tx::{check_body, check_weight, embedded_verdicts};
use super::{BlockError, Signers, TxError, VerifiedTx, fee_of, txs_root, weigh};
use crate::State;
use crate::modules::ctx::{BlockEnv, Parties, Payment};
use crate::modules::{self, Action, Ctx, Violation, identity};
use crate::overlay::{Overlay, RawWrite};
use crate::supply::Moved;
use wattle_primitives::block::HEADER_BYTES_MAX;
use wattle_primitives::genesis::Params;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Amount, Auth, Hash, Outcome, Receipt, TxBody, Weight, planted};

/// Expiries may use up to this part of a block's weight, beside its transactions.
const ON_BLOCK_SHARE: u64 = 8;
/// Candidates in a row that do not fit, after which a block is taken for full.
const MISFITS_MAX: usize = 64;
/// Bytes of a block that are not transactions: its header and the length of the list.
const FRAME_BYTES: usize = HEADER_BYTES_MAX + 4;

/// The result of executing a block on its parent's state.
#[derive(Clone, Debug)]
pub struct Executed {
    /// State after the block.
    pub state: State,
    /// Its root.
    pub state_root: Hash,
    /// Events and receipts.
    pub receipts: BlockReceipts,
    /// Their root.
    pub receipts_root: Hash,
    /// Root over the transactions.
    pub txs_root: Hash,
    /// Every key that changed, sorted, with its new value: what the store writes.
    pub writes: Vec<RawWrite>,
    /// Where money went, as [`crate::supply::Tally`] counts it; an error when an account is below zero.
    pub moved: Result<Moved, Violation>,
    /// Weight of the transactions.
    pub weight: Weight,
}

/// How much a leader puts into a block, at most. The parameters bound it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildLimits {
    /// Bytes of encoded transactions.
    pub bytes_max: usize,
    /// Weight of the transactions.
    pub weight_max: Weight,
}

/// A block's content, picked from candidates.
#[derive(Clone, Debug)]
pub struct Built {
    /// Transactions picked, in order.
    pub txs: Vec<VerifiedTx>,
    /// The result of executing them.
    pub executed: Executed,
    /// Candidates that could not be charged, and why. Those that merely did not fit are not named.
    pub skipped: Vec<(Hash, TxError)>,
}

/// The standing of a transaction's nonce, by which a mempool keeps or drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its nonce is the next.
    Ready,
    /// `gap` nonces of its lane are missing before it; at least 1.
    Future {
        /// How many.
        gap: u64,
    },
    /// Its nonce is used: it was included before, or never will be.
    Stale,
}

/// The effect of a transaction, were it the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// The receipt it would have.
    pub receipt: Receipt,
    /// Why it could not be charged as it stands, if so; the receipt then shows what the calls would do.
    pub uncharged: Option<TxError>,
}

/// A block while its transactions run, one after the other.
struct Runner<'a> {
    ctx: Ctx<'a>,
    receipts: BlockReceipts,
    weight: Weight,
    bytes: usize,
}

impl<'a> Runner<'a> {
    fn start(parent: &'a State, env: &'a BlockEnv) -> Self {
        let mut ctx = Ctx::new(Overlay::new(parent), env);
        let budget = env.params.block_weight_max.0.checked_div(ON_BLOCK_SHARE).unwrap_or(0);
        modules::on_block(&mut ctx, Weight(budget));
        ctx.state.keep();
        let receipts = BlockReceipts { block: ctx.take_events(), txs: Vec::new() };
        Self { ctx, receipts, weight: Weight::ZERO, bytes: 0 }
    }

    /// Charges and runs one transaction; leaves no trace when it cannot be charged.
    fn run(&mut self, tx: &VerifiedTx) -> Result<(), TxError> {
        let body = tx.tx().body();
        let ask = Ask { body, signed: Signed::By(tx.tx().auths()), weight: tx.weight(), gap_allowed: false };
        let env = self.ctx.env();
        let plan = assess(&mut self.ctx.state, env, &ask)?;
        self.ctx.begin(parties(body, plan.payment), tx.verdicts());
        let before = self.ctx.savepoint();
        let fee = match charge(&mut self.ctx, body, plan) {
            Ok(fee) => fee,
            Err(error) => {
                if !planted!("fee-not-rolled-back") {
                    self.ctx.rollback(before);
                }
                return Err(error);
            }
        };
        let outcome = run_calls(&mut self.ctx, body);
        self.ctx.state.keep();
        let events = self.ctx.take_events();
        self.receipts.txs.push(Receipt { tx: tx.id(), outcome, weight: tx.weight(), fee, events });
        self.weight = self.weight.saturating_add(tx.weight());
        self.bytes = self.bytes.saturating_add(tx.encoded_len());
        Ok(())
    }

    fn finish(self, txs: &[VerifiedTx]) -> Executed {
        let moved = Moved::of(&self.ctx.state);
        let (state, writes) = self.ctx.state.finish();
        Executed {
            moved,
            state_root: state.root(),
            receipts_root: self.receipts.root(),
            txs_root: txs_root(txs),
            state,
            receipts: self.receipts,
            writes,
            weight: self.weight,
        }
    }
}

/// The parties of a body, before a grant is used.
const fn parties(body: &TxBody, payment: Payment) -> Parties {
    Parties { payer: body.fee_payer, payment, ..Parties::alone(body.sender) }
}

/// Runs a body's calls: all of them, or none. A grant that does not hold fails the first.
fn run_calls(ctx: &mut Ctx<'_>, body: &TxBody) -> Outcome {
    let before = ctx.savepoint();
    let mut grant = body.grant.as_ref();
    for (call, asked) in (0u8..).zip(body.calls.iter()) {
        let granted = match grant.take() {
            Some(grant) => identity::act(ctx, grant),
            None => Ok(()), // none is named, or the first call has begun with it
        };
        let permitted = granted.and_then(|()| identity::permit(ctx, asked));
        let done = permitted.and_then(|()| asked.execute(ctx)).and_then(|()| identity::named_book(ctx));
        if let Err(reason) = done {
            if !planted!("failed-calls-kept") {
                ctx.rollback(before);
            }
            return Outcome::Failed { call, reason };
        }
    }
    Outcome::Success
}

/// Room for transactions in a block.
fn bytes_max(params: &Params) -> usize {
    usize::try_from(params.block_bytes_max).unwrap_or(usize::MAX).saturating_sub(FRAME_BYTES)
}

/// Runs a block.
///
/// # Errors
/// [`BlockError`] when it is no valid block.
pub fn execute_block(parent: &State, env: &BlockEnv, txs: &[VerifiedTx]) -> Result<Executed, BlockError> {
    let mut runner = Runner::start(parent, env);
    let bytes_max = bytes_max(&env.params);
    for (index, tx) in (0u32..).zip(txs) {
        runner.run(tx).map_err(|source| BlockError::Tx { index, source })?;
        if runner.bytes > bytes_max {
            return Err(BlockError::Bytes { max: bytes_max, got: runner.bytes });
        }
        if runner.weight > env.params.block_weight_max && !planted!("block-weight-unchecked") {
            return Err(BlockError::Weight { max: env.params.block_weight_max, got: runner.weight });
        }
    }
    Ok(runner.finish(txs))
}

/// Picks transactions for a block, in the order given, and runs them.
#[must_use]
pub fn build_block(
    parent: &State,
    env: &BlockEnv,
    candidates: impl Iterator<Item = VerifiedTx>,
    limits: BuildLimits,
) -> Built {
    let mut runner = Runner::start(parent, env);
    let bytes_max = limits.bytes_max.min(bytes_max(&env.params));
    let weight_max = limits.weight_max.min(env.params.block_weight_max);
    let (mut txs, mut skipped, mut misfits) = (Vec::new(), Vec::new(), 0usize);
    for tx in candidates {
        let bytes = runner.bytes.saturating_add(tx.encoded_len());
        let weight = runner.weight.saturating_add(tx.weight());
        if bytes > bytes_max || weight > weight_max {
            misfits = misfits.saturating_add(1);
            if misfits > MISFITS_MAX {
                break;
            }
            continue;
        }
        misfits = 0;
        match runner.run(&tx) {
            Ok(()) => txs.push(tx),
            Err(error) => skipped.push((tx.id(), error)),
        }
    }
    Built { executed: runner.finish(&txs), txs, skipped }
}

/// Whether a transaction could be charged at `env`'s time, now or when missing nonces have come.
///
/// # Errors
/// The [`TxError`] that stands against it.
pub fn admit(state: &State, env: &BlockEnv, tx: &VerifiedTx) -> Result<Admission, TxError> {
    let (body, auths) = (tx.tx().body(), tx.tx().auths());
    let ask = Ask { body, signed: Signed::By(auths), weight: tx.weight(), gap_allowed: true };
    match assess(&mut Overlay::new(state), env, &ask) {
        Ok(plan) if plan.gap == 0 => Ok(Admission::Ready),
        Ok(plan) => Ok(Admission::Future { gap: plan.gap }),
        Err(TxError::Nonce { .. }) => Ok(Admission::Stale),
        Err(error) => Err(error),
    }
}

/// Runs a body on top of `state`, with these signatures so far: they are not verified, and those that it lacks are
/// taken for granted, see [`Signers::expected`].
///
/// # Errors
/// A stateless [`TxError`].
pub fn simulate(state: &State, env: &BlockEnv, body: &TxBody, auths: &[Auth]) -> Result<Simulated, TxError> {
    check_body(body, &env.chain)?;
    let Signers { count, payer } = Signers::expected(state, env, body, auths);
    let weight = weigh(body, count);
    check_weight(weight, &env.params)?;
    let mut ctx = Ctx::new(Overlay::new(state), env);
    let ask = Ask { body, signed: Signed::Presumed { payer }, weight, gap_allowed: false };
    let before = ctx.savepoint();
    let plan = assess(&mut ctx.state, env, &ask);
    let payment = plan.as_ref().map_or(Payment::Signed, |plan| plan.payment);
    ctx.begin(parties(body, payment), &embedded_verdicts(body));
    let charged = plan.and_then(|plan| charge(&mut ctx, body, plan));
    let (fee, uncharged): (Amount, Option<TxError>) = match charged {
        Ok(fee) => (fee, None),
        Err(error) => {
            ctx.rollback(before);
            (fee_of(&env.params, weight, body.tip), Some(error))
        }
    };
    let outcome = run_calls(&mut ctx, body);
    let receipt = Receipt { tx: body.id(), outcome, weight, fee, events: ctx.take_events() };
    Ok(Simulated { receipt, uncharged })
}
