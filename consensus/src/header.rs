//! The rules of headers, as far as they can be checked without executing the block.
//!
//! One check for proposals and for fetched blocks. Nothing here looks at a clock.

use crate::{Config, Rotation};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::{Epoch, Hash, Header, Height, PublicKey, TimeMs, View, planted};

/// Why a header is unacceptable. The leader that proposed it pays; certified, it stops the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not this build's protocol: it must be updated.
    #[error("protocol version {got}, this build speaks {PROTOCOL_VERSION}")]
    Version {
        /// The header's.
        got: u32,
    },
    /// Another chain's.
    #[error("belongs to chain {got}")]
    Chain {
        /// The header's.
        got: Hash,
    },
    /// Another epoch's.
    #[error("epoch {got}, expected {expected}")]
    Epoch {
        /// The core's.
        expected: Epoch,
        /// The header's.
        got: Epoch,
    },
    /// Not the view it was signed in.
    #[error("view {got}, expected {expected}")]
    View {
        /// The signed one.
        expected: View,
        /// The header's.
        got: View,
    },
    /// Does not follow the parent, or lies beyond the epoch.
    #[error("height {got}, expected {expected}")]
    Height {
        /// The parent's plus one, or the epoch's last.
        expected: Height,
        /// The header's.
        got: Height,
    },
    /// Names another parent.
    #[error("parent {got}, expected {expected}")]
    Parent {
        /// The certified one.
        expected: Hash,
        /// The header's.
        got: Hash,
    },
    /// Not after the parent.
    #[error("time {got} is not after the parent's {parent}")]
    Time {
        /// The parent's, in ms UTC.
        parent: TimeMs,
        /// The header's, in ms UTC.
        got: TimeMs,
    },
    /// Not the leader of the header's view.
    #[error("proposer {got}, the leader is {expected}")]
    Proposer {
        /// The leader's key.
        expected: PublicKey,
        /// The header's.
        got: PublicKey,
    },
    /// Not the epoch's set.
    #[error("validator set {got}, expected {expected}")]
    Validators {
        /// The epoch's.
        expected: Hash,
        /// The header's.
        got: Hash,
    },
    /// Announces the wrong next set.
    #[error("next validator set {got}, expected {expected}")]
    NextValidators {
        /// The epoch's own, or at its last height the next epoch's.
        expected: Hash,
        /// The header's.
        got: Hash,
    },
}

/// A parent as its child sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentInfo {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub height: Height,
    /// Its time in ms UTC.
    pub time_ms: TimeMs,
}

/// The rules for every header of an epoch, computed once.
#[derive(Clone, Debug)]
pub struct Rules {
    chain: Hash,
    epoch: Epoch,
    terminal: Height,
    validators_hash: Hash,
    next_validators_hash: Hash,
    keys: Vec<PublicKey>,
    rotation: Rotation,
}

impl Rules {
    /// The rules of `config`'s epoch.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            chain: config.chain,
            epoch: config.epoch,
            terminal: config.terminal,
            validators_hash: config.validators.hash(),
            next_validators_hash: config.next_validators_hash_at_terminal,
            keys: config.validators.members().iter().map(|v| v.key).collect(),
            rotation: Rotation::new(config.epoch, &config.validators),
        }
    }

    /// The epoch's leaders.
    #[must_use]
    pub const fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Key of the leader of `view`.
    fn leader_key(&self, view: View) -> PublicKey {
        let index = self.rotation.leader(view);
        self.keys.get(usize::from(index.0)).copied().unwrap_or(PublicKey([0; 32]))
    }

    /// The next set's hash, as headers at `height` announce it.
    #[must_use]
    pub fn next_validators_hash(&self, height: Height) -> Hash {
        if height == self.terminal { self.next_validators_hash } else { self.validators_hash }
    }

    /// A header that passes [`Self::check`] once its roots are filled in.
    #[must_use]
    pub fn template(&self, view: View, parent: &ParentInfo, time_ms: TimeMs) -> Header {
        let height = parent.height.next();
        Header {
            version: PROTOCOL_VERSION,
            chain: self.chain,
            epoch: self.epoch,
            view,
            height,
            parent: parent.hash,
            time_ms,
            proposer: self.leader_key(view),
            txs_root: Hash::ZERO,
            state_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            validators_hash: self.validators_hash,
            next_validators_hash: self.next_validators_hash(height),
        }
    }

    /// Checks `header` as the child of `parent`.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, header: &Header, parent: &ParentInfo) -> Result<(), HeaderError> {
        if header.version != PROTOCOL_VERSION {
            return Err(HeaderError::Version { got: header.version });
        }
        if header.chain != self.chain {
            return Err(HeaderError::Chain { got: header.chain });
        }
        if header.epoch != self.epoch {
            return Err(HeaderError::Epoch { expected: self.epoch, got: header.epoch });
        }
        if header.parent != parent.hash {
            return Err(HeaderError::Parent { expected: parent.hash, got: header.parent });
        }
        let expected = parent.height.next().min(self.terminal);
        if header.height != expected {
            return Err(HeaderError::Height { expected, got: header.height });
        }
        if parent.height >= self.terminal {
            return Err(HeaderError::Height { expected: self.terminal, got: parent.height.next() });
        }
        if header.time_ms <= parent.time_ms && !planted!("timestamp-unchecked") {
            return Err(HeaderError::Time { parent: parent.time_ms, got: header.time_ms });
        }
        self.check_people(header)
    }

    fn check_people(&self, header: &Header) -> Result<(), HeaderError> {
        let leader = self.leader_key(header.view);
        if header.proposer != leader {
            return Err(HeaderError::Proposer { expected: leader, got: header.proposer });
        }
        if header.validators_hash != self.validators_hash {
            return Err(HeaderError::Validators {
                expected: self.validators_hash,
                got: header.validators_hash,
            });
        }
        let expected = self.next_validators_hash(header.height);
        if header.next_validators_hash != expected {
            return Err(HeaderError::NextValidators { expected, got: header.next_validators_hash });
        }
        Ok(())
    }

    /// Checks that a header belongs to the round that a proposal or certificate signs. Only the epoch's last block,
    /// proposed again, may have an earlier view.
    ///
    /// # Errors
    /// [`HeaderError::View`].
    pub fn check_view(&self, header: &Header, signed: View) -> Result<(), HeaderError> {
        let again = header.height == self.terminal && header.view < signed && header.view > View::ZERO;
        if header.view == signed || again {
            Ok(())
        } else {
            Err(HeaderError::View { expected: signed, got: header.view })
        }
    }
}
