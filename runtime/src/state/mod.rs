//! The state.
use wattle_primitives::Hash;
use wattle_primitives::trie::TrieProof;

/// State. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct State {}

impl State {
    /// The value under `key`.
    #[must_use]
    pub fn get(&self, _key: &[u8]) -> Option<&[u8]> {
        unimplemented!()
    }
    /// What headers carry as `state_root`.
    #[must_use]
    pub fn root(&self) -> Hash {
        unimplemented!()
    }
    /// Shows what the state holds under `key`.
    #[must_use]
    pub fn prove(&self, _key: &[u8]) -> TrieProof {
        unimplemented!()
    }
}
