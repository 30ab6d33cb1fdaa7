//! Light-client verification: believing a header because a quorum finalized it or a descendant.
//!
//! A height that was finalized through a descendant has no certificate of its own: it is proven by the path of
//! headers from it to the certified one. Validator sets are followed through the last headers of epochs, which name
//! the next set and are always certified themselves. The epoch's last block may be certified in a later view than its
//! header names, since it is proposed again unchanged until final.
//!
//! Whoever has the keys of a set that is over can sign anything with them, at no cost: trust in a head therefore ends
//! after the trust period.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::block::{HEADER_BYTES_MAX, PATH_HEADERS_MAX, PROTOCOL_VERSION};
use wattle_primitives::certificate::CertificateError;
use wattle_primitives::{
    BoundedVec, Certificate, Epoch, Hash, Header, Height, TimeMs, ValidatorSet, Vote, planted,
};

/// A finalized header with its proof.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LightBlock {
    /// The header that is proven.
    pub header: Header,
    /// Children up to the certified header; empty when `header` is certified itself.
    pub path: BoundedVec<Header, PATH_HEADERS_MAX>,
    /// Finalization of the last of `path`, or of `header`.
    pub certificate: Certificate,
    /// The set that signed.
    pub validators: ValidatorSet,
}

/// The belief of a light client: a finalized header, which names the set that decides on the next one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrustedState {
    /// Genesis hash.
    pub chain: Hash,
    /// The newest header believed.
    pub head: Header,
}

/// When a header is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustRules {
    /// How old the trusted head may be, in ms.
    pub period_ms: u64,
    /// How far a header's time may be ahead of `now`, in ms.
    pub clock_skew_ms_max: u64,
}

/// Why a header is not believed. The peer that sent the proof pays, but for [`LightError::Expired`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// The trusted head is too old: a new checkpoint is needed. Nobody's fault.
    #[error("trusted head of {head} ms is older than the trust period at {now} ms")]
    Expired {
        /// Its time.
        head: TimeMs,
        /// Time of the check.
        now: TimeMs,
    },
    /// The header's time is in the future.
    #[error("header time {got} ms is ahead of {now} ms")]
    Future {
        /// The header's.
        got: TimeMs,
        /// Time of the check.
        now: TimeMs,
    },
    /// Not this build's protocol.
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
    /// Not above the trusted head.
    #[error("height {got} is not above the trusted {trusted}")]
    Height {
        /// The head's.
        trusted: Height,
        /// The header's.
        got: Height,
    },
    /// A child does not follow its parent.
    #[error("the path breaks above height {height}")]
    Path {
        /// Height of the parent.
        height: Height,
    },
    /// The next height's hash, time or epoch does not follow from the trusted head.
    #[error("height {height} does not follow the trusted head")]
    Fork {
        /// The header's.
        height: Height,
    },
    /// The set is not the one announced: a header at the end of an epoch in between is needed first.
    #[error("validator set {got}, the trusted head announces {expected}")]
    Validators {
        /// Announced by the trusted head.
        expected: Hash,
        /// The header's or the given set's.
        got: Hash,
    },
    /// The certificate is for something else.
    #[error("the certificate does not finalize the end of the path")]
    Certified,
    /// The certificate proves nothing.
    #[error("the certificate does not verify")]
    Certificate(#[source] CertificateError),
}

/// Verifies that `header` is final: the path leads from it to a header that `certificate` finalizes, signed by `set`.
/// Says nothing about whether `set` is to be trusted.
///
/// # Errors
/// [`LightError`]; the peer that sent the proof pays.
pub fn verify_finalized(
    chain: &Hash,
    set: &ValidatorSet,
    header: &Header,
    path: &[Header],
    certificate: &Certificate,
) -> Result<(), LightError> {
    let got = set.hash();
    check_shape(chain, header, &got)?;
    let mut last = header;
    for child in path {
        check_shape(chain, child, &got)?;
        let follows = (child.parent == last.hash() || planted!("light-path-unlinked"))
            && child.height == last.height.next()
            && child.time_ms > last.time_ms
            && child.epoch == last.epoch
            && child.view > last.view
            && last.next_validators_hash == got;
        if !follows {
            return Err(LightError::Path { height: last.height });
        }
        last = child;
    }
    check_certificate(last, certificate)?;
    certificate.verify(chain, set).map_err(LightError::Certificate)
}

fn check_shape(chain: &Hash, header: &Header, set_hash: &Hash) -> Result<(), LightError> {
    if header.version != PROTOCOL_VERSION {
        return Err(LightError::Version { got: header.version });
    }
    if header.chain != *chain {
        return Err(LightError::Chain { got: header.chain });
    }
    if header.validators_hash != *set_hash {
        return Err(LightError::Validators { expected: header.validators_hash, got: *set_hash });
    }
    Ok(())
}

fn check_certificate(certified: &Header, certificate: &Certificate) -> Result<(), LightError> {
    let Vote::Finalize(proposal) = certificate.vote else { return Err(LightError::Certified) };
    // Only an epoch's last block is signed in a later view than its header's; its hash binds the height.
    let round = proposal.round;
    if proposal.block != certified.hash() || round.epoch != certified.epoch || round.view < certified.view {
        return Err(LightError::Certified);
    }
    Ok(())
}

impl TrustedState {
    /// Trusts `head` without proof: genesis, or a checkpoint that an operator vouches for.
    #[must_use]
    pub fn anchor(chain: Hash, head: Header) -> Self {
        Self { chain, head }
    }

    /// The epoch of the head.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.head.epoch
    }

    /// Hash of the set that must sign the next header.
    #[must_use]
    pub const fn next_validators_hash(&self) -> Hash {
        self.head.next_validators_hash
    }

    /// Whether the head is still within the trust period at `now`.
    #[must_use]
    pub const fn is_fresh(&self, now: TimeMs, rules: &TrustRules) -> bool {
        now.0.saturating_sub(self.head.time_ms.0) <= rules.period_ms
    }

    /// Verifies a finalized header above the head and moves the head there. Headers may be skipped as long as the
    /// set does not change: where it does, the last header of that epoch must come first, since it names the next set.
    ///
    /// # Errors
    /// [`LightError`]; the state is unchanged then.
    pub fn advance(&mut self, block: &LightBlock, now: TimeMs, rules: &TrustRules) -> Result<(), LightError> {
        let (header, head) = (&block.header, &self.head);
        if !self.is_fresh(now, rules) {
            return Err(LightError::Expired { head: head.time_ms, now });
        }
        if header.height <= head.height {
            return Err(LightError::Height { trusted: head.height, got: header.height });
        }
        if header.time_ms.0 > now.0.saturating_add(rules.clock_skew_ms_max) {
            return Err(LightError::Future { got: header.time_ms, now });
        }
        if header.validators_hash != head.next_validators_hash && !planted!("light-set-unchecked") {
            return Err(LightError::Validators {
                expected: head.next_validators_hash,
                got: header.validators_hash,
            });
        }
        let adjacent = header.height == head.height.next();
        if header.time_ms <= head.time_ms
            || header.epoch < head.epoch
            || adjacent && header.parent != head.hash()
        {
            return Err(LightError::Fork { height: header.height });
        }
        verify_finalized(&self.chain, &block.validators, header, &block.path, &block.certificate)?;
        self.head = header.clone();
        Ok(())
    }
}

const CERTIFICATE_BYTES_MAX: usize = <Certificate as wattle_primitives::Decode>::MAX_BYTES;
const SET_BYTES_MAX: usize = <ValidatorSet as wattle_primitives::Decode>::MAX_BYTES;

wattle_primitives::decodable! {
    LightBlock: 8 + (PATH_HEADERS_MAX + 1) * HEADER_BYTES_MAX + CERTIFICATE_BYTES_MAX + SET_BYTES_MAX;
    TrustedState: 64 + HEADER_BYTES_MAX;
}
