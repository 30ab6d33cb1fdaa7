//! Verified transactions, as a node's pool holds them.

use super::Pooled;
use wattle_primitives::{Address, Amount, Hash, Lane, Nonce, TimeMs};
use wattle_runtime::VerifiedTx;

impl Pooled for VerifiedTx {
    fn id(&self) -> Hash {
        (**self).id()
    }
    fn encoded_len(&self) -> usize {
        (**self).encoded_len()
    }
    fn sender(&self) -> Address {
        self.tx().body().sender
    }
    fn lane(&self) -> Lane {
        self.tx().body().lane
    }
    fn nonce(&self) -> Nonce {
        self.tx().body().nonce
    }
    fn tip(&self) -> Amount {
        self.tx().body().tip
    }
    fn expires_ms(&self) -> TimeMs {
        self.tx().body().expires_ms
    }
}
