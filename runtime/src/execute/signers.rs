//! Who signs a transaction that does not carry all of its signatures yet.

use crate::State;
use crate::keys;
use crate::modules::ctx::BlockEnv;
use crate::modules::identity;
use wattle_primitives::tx::AUTHS_MAX;
use wattle_primitives::{Address, Auth, TxBody};

/// The signatures that a transaction is taken to carry when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signers {
    /// How many: the fewest that reach the thresholds of all who sign.
    pub count: usize,
    /// Whether a fee payer other than the sender signs along: then it is on no sponsorship that it pays.
    pub payer: bool,
}

impl Signers {
    /// Of a body with these signatures so far. The sender's are taken for granted. Those of another who pays the fee
    /// are as well, if one of them is there, or if it does not sponsor the sender.
    #[must_use]
    pub fn expected(state: &State, env: &BlockEnv, body: &TxBody, auths: &[Auth]) -> Self {
        let TxBody { sender, fee_payer, .. } = body;
        let authority = state.read(keys::account(sender)).and_then(|known| known.authority);
        let of_sender =
            |auth: &Auth| identity::weigh_keys(sender, authority.as_ref(), std::iter::once(&auth.key)).0 > 0;
        let sponsored = || {
            let sponsorship = state.read(keys::sponsorship(fee_payer, sender));
            sponsorship.is_some_and(|granted| env.time_ms < granted.allowance.limits.expires_ms)
        };
        let payer = fee_payer != sender && (!auths.iter().all(of_sender) || !sponsored());
        let of_payer = if payer { fewest(state, fee_payer) } else { 0 };
        let count = fewest(state, sender).saturating_add(of_payer).max(auths.len()).min(AUTHS_MAX);
        Self { count, payer }
    }
}

/// The fewest keys of an account that reach its threshold.
fn fewest(state: &State, address: &Address) -> usize {
    let Some(authority) = state.read(keys::account(address)).and_then(|known| known.authority) else {
        return 1;
    };
    let mut weights: Vec<u32> = authority.keys.iter().map(|key| u32::from(key.weight)).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    let mut reached = 0u32;
    let needed = weights.iter().take_while(|weight| {
        let open = reached < authority.threshold;
        reached = reached.saturating_add(**weight);
        open
    });
    needed.count().max(1)
}
