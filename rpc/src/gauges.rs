//! Figures that are read when somebody asks for them.

/// A node's figures at one moment; part of `/metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Epoch of consensus.
    pub epoch: u64,
    /// View of consensus within the epoch.
    pub view: u64,
    /// Highest notarized height.
    pub notarized_height: u64,
    /// Last finalized height.
    pub finalized_height: u64,
    /// Transactions that wait.
    pub mempool_transactions: u64,
    /// Their encoded size, bytes.
    pub mempool_bytes: u64,
    /// Finalized blocks that wait for the disk.
    pub commit_backlog_blocks: u64,
    /// Whether the node fetches blocks because it is behind.
    pub syncing: bool,
    /// Validators that are not heard.
    pub validators_missing: u64,
    /// Their voting power.
    pub power_missing: u64,
    /// Voting power of all validators.
    pub power_total: u64,
    /// Whether the chain's time is carried on, for want of a clock that can be believed.
    pub clock_carried: bool,
    /// Connected peers that hold a validator key.
    pub peers_validator: u64,
    /// Connected full nodes.
    pub peers_full: u64,
    /// Connected light nodes.
    pub peers_light: u64,
    /// Peers that are refused at present.
    pub peers_banned: u64,
}
