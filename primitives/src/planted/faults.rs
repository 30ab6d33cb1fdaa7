//! Every fault that is planted, in the order of the crates.

use super::Fault;

/// All faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "quorum-off-by-one",
        file: "primitives/src/validator.rs",
        breaks: "two thirds of the power are a quorum, not more than two thirds",
    },
    Fault {
        name: "signer-index-out-of-range",
        file: "primitives/src/validator.rs",
        breaks: "an index beyond the set stands for its last member",
    },
    Fault {
        name: "duplicate-signer-counted",
        file: "primitives/src/certificate.rs",
        breaks: "a certificate is assembled with the power of one signer counted once for each of its votes",
    },
    Fault {
        name: "certificate-mixes-votes",
        file: "primitives/src/certificate.rs",
        breaks: "votes of one round for different blocks, or of different kinds, are joined into one certificate",
    },
    Fault {
        name: "certificate-below-quorum",
        file: "primitives/src/certificate.rs",
        breaks: "a certificate is good without a quorum behind it, for validators and light nodes",
    },
    Fault {
        name: "missing-chain-id",
        file: "primitives/src/domain.rs",
        breaks: "what is signed does not name the chain: it counts on every chain",
    },
    Fault {
        name: "missing-kind-tag",
        file: "primitives/src/vote.rs",
        breaks: "a finalize signs the same bytes as a notarize",
    },
    Fault {
        name: "exclusion-proof-without-position",
        file: "primitives/src/trie.rs",
        breaks: "any leaf proves that a key is absent, wherever it lies",
    },
    Fault {
        name: "duplicate-vote-counted",
        file: "consensus/src/tally.rs",
        breaks: "a vote that comes twice counts twice in the tally",
    },
    Fault {
        name: "finalize-after-nullify",
        file: "consensus/src/core/certify.rs",
        breaks: "a validator that gave a view up asks for a finalize vote in it",
    },
    Fault {
        name: "parent-gap-unchecked",
        file: "consensus/src/core/notarize.rs",
        breaks: "a proposal may skip views that nobody gave up",
    },
    Fault {
        name: "future-time-unchecked",
        file: "consensus/src/core/notarize.rs",
        breaks: "a block is voted for however far its time lies ahead",
    },
    Fault {
        name: "timestamp-unchecked",
        file: "consensus/src/header.rs",
        breaks: "a block may be older than its parent",
    },
    Fault {
        name: "terminal-not-reproposed",
        file: "consensus/src/core/propose.rs",
        breaks: "an epoch's last block is not proposed again when its finalization is late",
    },
    Fault {
        name: "evidence-dropped",
        file: "consensus/src/core/votes.rs",
        breaks: "proof of a double vote is found and not handed out",
    },
    Fault {
        name: "epoch-unbound",
        file: "consensus/src/core/votes.rs",
        breaks: "a certificate of another epoch counts in this one",
    },
    Fault {
        name: "evidence-forgotten-early",
        file: "consensus/src/core/finalize.rs",
        breaks: "votes are forgotten as soon as their view is settled, and with them any proof against their signers",
    },
    Fault {
        name: "restart-forgets-votes",
        file: "consensus/src/core/restore.rs",
        breaks: "after a crash the core does not know what it voted",
    },
    Fault {
        name: "light-set-unchecked",
        file: "consensus/src/light.rs",
        breaks: "a light client takes any validator set for the announced one",
    },
    Fault {
        name: "light-path-unlinked",
        file: "consensus/src/light.rs",
        breaks: "headers between a header and the certified one need not be its children",
    },
    Fault {
        name: "nonce-lane-mix-up",
        file: "runtime/src/execute/charge.rs",
        breaks: "every lane is checked against the nonce of lane 0",
    },
    Fault {
        name: "sponsor-bandwidth-uncharged",
        file: "runtime/src/execute/charge.rs",
        breaks: "what a sponsor's bandwidth bucket lost is not written down",
    },
    Fault {
        name: "sponsorship-not-drawn",
        file: "runtime/src/execute/charge.rs",
        breaks: "an allowance is never used up",
    },
    Fault {
        name: "fee-not-rolled-back",
        file: "runtime/src/execute/block.rs",
        breaks: "a transaction that cannot be charged leaves behind what was charged of it",
    },
    Fault {
        name: "failed-calls-kept",
        file: "runtime/src/execute/block.rs",
        breaks: "calls before the one that fails keep their effects",
    },
    Fault {
        name: "block-weight-unchecked",
        file: "runtime/src/execute/block.rs",
        breaks: "a block may weigh any amount",
    },
    Fault {
        name: "hold-expired-twice",
        file: "runtime/src/modules/ledger/hold.rs",
        breaks: "a released hold stays, and is released again",
    },
    Fault {
        name: "hold-captured-late",
        file: "runtime/src/modules/ledger/hold.rs",
        breaks: "a hold that is over can still be captured",
    },
    Fault {
        name: "reading-replayed",
        file: "runtime/src/modules/energy/readings.rs",
        breaks: "a meter reading counts again when it comes again",
    },
    Fault {
        name: "reading-by-anybody",
        file: "runtime/src/modules/energy/readings.rs",
        breaks: "whoever sees a meter's backlog can send the newest reading first",
    },
    Fault {
        name: "reading-before-registration",
        file: "runtime/src/modules/energy/readings.rs",
        breaks: "a first reading may be older than its meter's registration",
    },
    Fault {
        name: "estimate-forgotten",
        file: "runtime/src/modules/energy/metering.rs",
        breaks: "an adjustment forgets what was estimated: that energy is billed twice",
    },
    Fault {
        name: "adjustment-rounded-up",
        file: "runtime/src/modules/energy/metering.rs",
        breaks: "the fraction of a base unit in an adjustment goes to the operator",
    },
    Fault {
        name: "late-reading-corrects-twice",
        file: "runtime/src/modules/energy/metering.rs",
        breaks: "a late reading corrects what members show twice before losses are shared",
    },
    Fault {
        name: "silent-export-estimated",
        file: "runtime/src/modules/energy/settle.rs",
        breaks: "a silent meter is paid for export that nobody has seen",
    },
    Fault {
        name: "estimate-in-demand",
        file: "runtime/src/modules/energy/settle.rs",
        breaks: "mid-market rates count estimates as demand",
    },
    Fault {
        name: "tariff-at-start",
        file: "runtime/src/modules/energy/agenda.rs",
        breaks: "an interval has the price of its first moment",
    },
    Fault {
        name: "backlog-first",
        file: "runtime/src/modules/energy/agenda.rs",
        breaks: "a microgrid that is behind keeps its place before all others",
    },
    Fault {
        name: "terms-from-current-interval",
        file: "runtime/src/modules/energy/terms.rs",
        breaks: "first terms hold for the interval that is under way",
    },
    Fault {
        name: "collected-without-consent",
        file: "runtime/src/modules/energy/tab.rs",
        breaks: "settlement debits wallets whose owners have not let it",
    },
    Fault {
        name: "escrow-not-kept",
        file: "runtime/src/modules/energy/tab.rs",
        breaks: "what buyers have paid for energy to come is paid out to others",
    },
    Fault {
        name: "exposure-paid-out",
        file: "runtime/src/modules/energy/tab.rs",
        breaks: "a seller is paid before it has delivered",
    },
    Fault {
        name: "order-cancelled-late",
        file: "runtime/src/modules/energy/market/mod.rs",
        breaks: "an order can be cancelled while its market is cleared",
    },
    Fault {
        name: "offer-hold-not-captured",
        file: "runtime/src/modules/energy/market/clear.rs",
        breaks: "a seller gets back what covers energy that it may fail to deliver",
    },
    Fault {
        name: "self-trade",
        file: "runtime/src/modules/energy/clearing.rs",
        breaks: "a bid may take an offer of its own account",
    },
    Fault {
        name: "preference-ignored",
        file: "runtime/src/modules/energy/clearing.rs",
        breaks: "partners that name each other are not matched first",
    },
    Fault {
        name: "deal-beyond-meter",
        file: "runtime/src/modules/energy/deals/usage.rs",
        breaks: "more is reported as charged than the meter has shown",
    },
    Fault {
        name: "loss-remainder-lost",
        file: "runtime/src/modules/energy/finish.rs",
        breaks: "shares of a loss do not sum to it",
    },
    Fault {
        name: "swap-lower-counter",
        file: "runtime/src/modules/energy/swap.rs",
        breaks: "a meter is closed with a lower counter than it has shown",
    },
    Fault {
        name: "dispute-voted-twice",
        file: "runtime/src/modules/energy/dispute.rs",
        breaks: "a member's votes on a dispute count each time",
    },
    Fault {
        name: "rocksdb-skip-fsync",
        file: "runtime/src/store/rocks.rs",
        breaks: "a commit is acknowledged before it is on disk",
    },
    Fault {
        name: "wal-skip-fsync",
        file: "node/src/wal/mod.rs",
        breaks: "a group of the log is acknowledged before it is on disk",
    },
    Fault {
        name: "wal-name-not-synced",
        file: "node/src/wal/recover.rs",
        breaks: "a new segment may lose its name with the power, and everything in it",
    },
    Fault {
        name: "wal-middle-cut-off",
        file: "node/src/wal/recover.rs",
        breaks: "damage in the middle of the log passes for an unfinished group at its end",
    },
    Fault {
        name: "sign-state-skip-fsync",
        file: "node/src/signer/slots.rs",
        breaks: "a vote leaves before the sign state is on disk",
    },
    Fault {
        name: "sign-after-nullify",
        file: "node/src/signer/state.rs",
        breaks: "the sign state signs a finalize in a round that it gave up",
    },
    Fault {
        name: "sit-out-skipped",
        file: "node/src/signer/mod.rs",
        breaks: "a validator whose log lost votes goes on voting at once",
    },
    Fault {
        name: "send-before-durable",
        file: "node/src/driver/outbox.rs",
        breaks: "certificates and answers overtake the records that they rest on",
    },
    Fault {
        name: "overlay-of-wrong-parent",
        file: "node/src/driver/blocks.rs",
        breaks: "a block is executed on the last final state, whatever its parent",
    },
    Fault {
        name: "body-unbound",
        file: "node/src/work/body.rs",
        breaks: "a body need not be the one that its header names",
    },
    Fault {
        name: "tx-signatures-unbound",
        file: "node/src/work/cache.rs",
        breaks: "a transaction that was seen before passes with any signatures",
    },
    Fault {
        name: "state-root-unchecked",
        file: "node/src/work/block.rs",
        breaks: "a block may claim any state",
    },
    Fault {
        name: "receipts-root-unchecked",
        file: "node/src/work/block.rs",
        breaks: "a block may claim any receipts",
    },
    Fault {
        name: "sync-stores-before-verifying",
        file: "node/src/driver/partial.rs",
        breaks: "fetched blocks are executed and taken for final without a certificate",
    },
    Fault {
        name: "sync-certificate-unverified",
        file: "node/src/driver/sync.rs",
        breaks: "the certificate of fetched blocks may be forged",
    },
    Fault {
        name: "mempool-recheck-skipped",
        file: "node/src/driver/txs.rs",
        breaks: "what can no longer be charged stays in the mempool",
    },
    Fault {
        name: "foreign-genesis-welcome",
        file: "p2p/src/task/handshake.rs",
        breaks: "peers of another chain may stay",
    },
    Fault {
        name: "validator-proof-unchecked",
        file: "p2p/src/task/handshake.rs",
        breaks: "anybody may pass for a validator",
    },
    Fault {
        name: "foreign-origin-allowed",
        file: "rpc/src/http.rs",
        breaks: "any web page may call the node through its visitor",
    },
    Fault {
        name: "events-lag-silently",
        file: "rpc/src/events.rs",
        breaks: "a subscriber that is too slow skips events without being told",
    },
    Fault {
        name: "light-queue-skips-fsync",
        file: "meter/src/queue/mod.rs",
        breaks: "a reading leaves the light node before it is on disk",
    },
    Fault {
        name: "light-proof-of-old-state",
        file: "meter/src/follow/mod.rs",
        breaks: "a state proof may be of another header than the one believed",
    },
];
