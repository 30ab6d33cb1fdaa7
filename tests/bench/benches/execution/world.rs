//! Transfers between the accounts of a chain.

use super::chain::{ACCOUNTS, key, spec};
use wattle_primitives::*;
use wattle_primitives::{Call, call};
use wattle_runtime::*;

/// The state at height 0, and what its first block knows.
pub(super) fn world() -> (State, Header, BlockEnv) {
    let spec = spec();
    let (state, header) = genesis(&spec).unwrap();
    let env = BlockEnv {
        params: spec.params,
        chain: header.hash(),
        height: Height(1),
        time_ms: TimeMs(1000),
        parent: header.hash(),
        proposer: key(u32::MAX).public(),
    };
    (state, header, env)
}

/// `count` transfers with nonce `nonce`, each between two accounts of its own.
pub(super) fn transfers(env: &BlockEnv, count: u32, nonce: u64) -> Vec<Tx> {
    let address = |n: u32| Address::of_key(&key(n % ACCOUNTS).public());
    (0..count)
        .map(|n| {
            let (to, asset, amount) = (address(n * 7 + 11), AssetId::NATIVE, Amount(5));
            let body = TxBody {
                chain: env.chain,
                sender: address(n),
                grant: None,
                lane: Lane(0),
                nonce: Nonce(nonce),
                expires_ms: TimeMs::MAX,
                fee_payer: address(n),
                max_fee: Amount::MAX,
                tip: Amount(0),
                calls: BoundedVec::new(vec![Call::from(call::token::Transfer { to, asset, amount })])
                    .unwrap(),
            };
            let signature = key(n).sign(&body.signing_bytes());
            Tx::new(body, vec![Auth { key: key(n).public(), signature }]).unwrap()
        })
        .collect()
}
