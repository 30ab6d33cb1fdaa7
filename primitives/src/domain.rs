//! Domain tags: every hashed or signed thing has its own, so that no bytes mean two things.

/// A domain tag, at most 255 ASCII bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain(&'static str);

impl Domain {
    const fn new(tag: &'static str) -> Self {
        assert!(tag.len() < 256 && tag.is_ascii());
        Self(tag)
    }

    /// The tag's bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// The tag's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The tag's length; [`Domain::new`] keeps it below 256.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "new() asserts the length is below 256")]
    pub const fn len(self) -> u8 {
        self.0.len() as u8
    }

    /// Never true: every tag has text.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! domains {
    ($($(#[$doc:meta])* $name:ident = $tag:literal;)*) => {
        $($(#[$doc])* pub const $name: Domain = Domain::new($tag);)*
        /// Every tag, for the test that keeps them distinct.
        pub const ALL: &[Domain] = &[$($name),*];
    };
}

domains! {
    /// Address of an account: hash of its first key.
    ADDRESS = "wattle:address:v1";
    /// Transaction id: hash of the body.
    TX = "wattle:tx:v1";
    /// Signature over a transaction id.
    TX_AUTH = "wattle:tx-auth:v1";
    /// Leaf of `txs_root`: the whole transaction, signatures included.
    TX_LEAF = "wattle:tx-leaf:v1";
    /// Leaf of `receipts_root`.
    RECEIPT_LEAF = "wattle:receipt-leaf:v1";
    /// Root of a list tree: binds the number of leaves.
    LIST_ROOT = "wattle:list-root:v1";
    /// Inner node of a list tree.
    LIST_NODE = "wattle:list-node:v1";
    /// Hashed key of the state trie.
    STATE_KEY = "wattle:state-key:v1";
    /// Hashed value of the state trie.
    STATE_VALUE = "wattle:state-value:v1";
    /// Leaf of the state trie.
    STATE_LEAF = "wattle:state-leaf:v1";
    /// Branch of the state trie.
    STATE_BRANCH = "wattle:state-branch:v1";
    /// Block hash.
    HEADER = "wattle:header:v1";
    /// Chain specification; the `chain` field of the genesis header.
    GENESIS = "wattle:genesis:v1";
    /// Validator set.
    VALIDATORS = "wattle:validators:v1";
    /// Notarize vote.
    VOTE_NOTARIZE = "wattle:vote:notarize:v1";
    /// Nullify vote.
    VOTE_NULLIFY = "wattle:vote:nullify:v1";
    /// Finalize vote.
    VOTE_FINALIZE = "wattle:vote:finalize:v1";
    /// Meter reading.
    READING = "wattle:reading:v1";
    /// Validator's proof of its peer id in the handshake.
    HANDSHAKE = "wattle:handshake:v1";
    /// Id of a book.
    BOOK = "wattle:book:v1";
    /// Everything in a journal: what makes two the same.
    JOURNAL = "wattle:journal:v1";
    /// A journal's entries: what a reversal mirrors.
    JOURNAL_ENTRIES = "wattle:journal-entries:v1";
    /// Id of a hold in the ledger.
    HOLD = "wattle:hold:v1";
    /// Id of a grant.
    GRANT = "wattle:grant:v1";
    /// Id of a microgrid.
    MICROGRID = "wattle:microgrid:v1";
    /// A meter key's consent to where it counts.
    METER_BINDING = "wattle:meter-binding:v1";
    /// Replacement of a meter.
    METER_SWAP = "wattle:meter-swap:v1";
    /// Id of an order for energy.
    ORDER = "wattle:order:v1";
    /// Id of a bilateral deal.
    DEAL = "wattle:deal:v1";
    /// Id of a dispute.
    DISPUTE = "wattle:dispute:v1";
    /// Content id of a gossip message.
    GOSSIP = "wattle:gossip:v1";
    /// Leader rotation table of an epoch.
    ROTATION = "wattle:rotation:v1";
    /// Segment header of a write-ahead log.
    WAL_SEGMENT = "wattle:wal-segment:v1";
    /// Group header of a write-ahead log.
    WAL_GROUP = "wattle:wal-group:v1";
    /// Group body of a write-ahead log.
    WAL_BODY = "wattle:wal-body:v1";
    /// Page of a sign-state file.
    SIGN_STATE = "wattle:sign-state:v1";
    /// Digest of a signed vote in a sign state.
    SIGN_DIGEST = "wattle:sign-digest:v1";
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
