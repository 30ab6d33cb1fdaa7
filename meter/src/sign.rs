//! Signatures of a meter: on readings and on transactions.

use crate::clock::Clock;
use crate::sensor::Energy;
use wattle_p2p::PeerId;
use wattle_p2p::wire::ValidatorProof;
use wattle_primitives::reading::{Reading, SignedReading};
use wattle_primitives::{Address, Auth, Hash, PublicKey, SecretKey, Tx, TxBody};

/// Signs for one meter on one chain.
pub(crate) struct Signer {
    key: SecretKey,
    public: PublicKey,
    meter: Address,
    chain: Hash,
}

impl Signer {
    /// A signer with the meter's key for the chain with this genesis hash.
    #[must_use]
    pub(crate) fn new(key: SecretKey, chain: Hash) -> Self {
        let public = key.public();
        Self { key, public, meter: Address::of_key(&public), chain }
    }

    /// The meter: address of its key.
    #[must_use]
    pub(crate) const fn meter(&self) -> Address {
        self.meter
    }

    /// The meter's public key.
    #[must_use]
    pub(crate) const fn public(&self) -> PublicKey {
        self.public
    }

    /// The chain that signatures are bound to.
    #[must_use]
    pub(crate) const fn chain(&self) -> Hash {
        self.chain
    }

    /// Lets a peer speak for the meter on the network: nodes keep places for registered meters.
    #[must_use]
    pub(crate) fn peer(&self, peer: &PeerId) -> ValidatorProof {
        let signature = self.key.sign(&ValidatorProof::signing_bytes(&self.chain, peer));
        ValidatorProof { key: self.public, signature }
    }

    /// Signs the counters under a number that was reserved for them.
    #[must_use]
    pub(crate) fn reading(&self, seq: u64, energy: &Energy, clock: &Clock) -> SignedReading {
        let (time_ms, quality) = clock.stamp();
        self.sign(Reading {
            meter: self.meter,
            seq,
            boot_id: clock.boot_id(),
            uptime_ms: clock.uptime_ms(),
            time_ms,
            clock: quality,
            import: energy.import.clone(),
            export: energy.export.clone(),
        })
    }

    /// Signs an old reading again under a new number.
    #[must_use]
    pub(crate) fn renumber(&self, old: &SignedReading, seq: u64) -> SignedReading {
        self.sign(Reading { seq, ..old.reading.clone() })
    }

    /// Signs a transaction of the meter's account; `None` never happens, since one signature is within every limit.
    #[must_use]
    pub(crate) fn transaction(&self, body: TxBody) -> Option<Tx> {
        let signature = self.key.sign(&body.signing_bytes());
        Tx::new(body, vec![Auth { key: self.public, signature }]).ok()
    }

    fn sign(&self, reading: Reading) -> SignedReading {
        let signature = self.key.sign(&reading.signing_bytes(&self.chain));
        SignedReading { reading, key: self.public, signature }
    }
}
