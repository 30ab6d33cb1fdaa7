//! A pay-as-you-go device, proven with its energy and with the account that reports for it.

use super::prove::read;
use super::{FollowError, Follower};
use crate::peers::Peers;
use wattle_p2p::PeerId;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::{self, AccountRecord, BalanceRecord, DeviceRecord};
use wattle_primitives::{Address, AssetId, Hash};

/// Proven records, all in one state; `None` for one that is not there.
pub(crate) type ProvenDevice = (Option<AccountRecord>, Option<DeviceRecord>, Option<BalanceRecord>);

impl Follower {
    /// Proves a device with its balance in `asset`, and an account, with one question.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn prove_device(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        account: &Address,
        device: &Hash,
        asset: AssetId,
    ) -> Result<ProvenDevice, FollowError> {
        let (account, record) = (state_key::account(account), state_key::device(device));
        let balance = state_key::balance(&AccountId::Wallet { owner: Address::of_device(device) }, asset);
        let [account, record, balance] =
            self.prove_all(peers, peer, [&*account, &*record, &*balance]).await?;
        Ok((read(account)?, read(record)?, read(balance)?))
    }
}
