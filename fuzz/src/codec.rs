//! Everything that is borsh on the wire: decoded within its cap, in bounded memory, in one form only.

use crate::heap;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt::Debug;
use wattle_p2p::wire::{
    Gossip, HELLO_BYTES_MAX, Hello, HelloAnswer, Request, Response, VOTE_FRAME_BYTES_MAX, ValidatorMessage,
};
use wattle_primitives::{Block, Decode, DecodeError, Header, SignedVote, Tx, decode, encode};

/// Memory that a value may take for each byte of its encoding: the smallest call has 2 bytes and a place in a list.
const HEAP_PER_BYTE: usize = 160;
/// Memory that decoding may take whatever the input: lists begin with room for a few items.
const HEAP_BASE: usize = 64 * 1024;

/// Decodes, and when that succeeds encodes again. Returns the value.
pub(crate) fn round_trip<T>(bytes: &[u8]) -> Option<T>
where
    T: Decode + BorshSerialize + PartialEq + Debug,
{
    let room = bytes.len().saturating_mul(HEAP_PER_BYTE).saturating_add(HEAP_BASE);
    let value = match heap::bounded(room, || decode::<T>(bytes)) {
        Ok(value) => value,
        Err(DecodeError::TooLong { max, got }) => {
            assert!(got == bytes.len() && got > max && max == T::MAX_BYTES);
            return None;
        }
        Err(DecodeError::Malformed { .. }) => return None,
    };
    assert!(bytes.len() <= T::MAX_BYTES, "{} bytes were taken, the cap is {}", bytes.len(), T::MAX_BYTES);
    assert_eq!(encode(&value), bytes, "a second encoding of {value:?}");
    Some(value)
}

/// As [`round_trip`] for what has a JSON form too: it must lead back to the same bytes.
pub(crate) fn round_trip_json<T>(bytes: &[u8]) -> Option<T>
where
    T: Decode + BorshSerialize + PartialEq + Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let value: T = round_trip(bytes)?;
    let json = serde_json::to_string(&value).expect("every value has a JSON form");
    let again: T = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json} is not read again: {e}"));
    assert_eq!(again, value, "{json}");
    Some(value)
}

/// A transaction from a client or from gossip.
pub fn tx(bytes: &[u8]) {
    let Some(tx) = round_trip_json::<Tx>(bytes) else { return };
    assert_eq!(tx.id(), tx.body().id());
    // Signatures cover the body alone, the block covers all of it.
    let bare = Tx::new(tx.body().clone(), Vec::new()).unwrap();
    assert_eq!(bare.id(), tx.id());
    assert_eq!(bare.leaf() == tx.leaf(), tx.auths().is_empty());
}

/// A block from a leader or a sync peer.
pub fn block(bytes: &[u8]) {
    let Some(block) = round_trip_json::<Block>(bytes) else { return };
    assert_eq!(block.hash(), block.header.hash());
    let root = Block::txs_root(&block.txs);
    if let Some(more) = block.txs.first() {
        let longer: Vec<Tx> = block.txs.iter().chain([more]).cloned().collect();
        assert_ne!(root, Block::txs_root(&longer), "a transaction can be doubled under one root");
    }
}

/// A header.
pub fn header(bytes: &[u8]) {
    let Some(header) = round_trip_json::<Header>(bytes) else { return };
    let other =
        Header { state_root: header.receipts_root, receipts_root: header.state_root, ..header.clone() };
    assert_eq!(other.hash() == header.hash(), other == header, "two headers share a hash");
}

/// A vote.
pub fn vote(bytes: &[u8]) {
    let Some(vote) = round_trip_json::<SignedVote>(bytes) else { return };
    let world = crate::world::world();
    if vote.verify(&world.chain, &world.set).is_ok() {
        assert!(world.has_signed(&vote.vote), "a forged vote is believed: {vote:?}");
    }
}

/// A message between validators, in one piece.
pub fn validator_message(bytes: &[u8]) {
    let message = round_trip::<ValidatorMessage>(bytes);
    if let Some(ValidatorMessage::Vote(_) | ValidatorMessage::Certificate(_)) = message {
        assert!(bytes.len() <= VOTE_FRAME_BYTES_MAX, "{} bytes do not fit a vote frame", bytes.len());
    }
}

/// A gossip message.
pub fn gossip(bytes: &[u8]) {
    round_trip::<Gossip>(bytes);
}

/// A request of a sync peer or a light node.
pub fn request(bytes: &[u8]) {
    round_trip::<Request>(bytes);
}

/// An answer to a request. Text in it is shown without control characters.
pub fn response(bytes: &[u8]) {
    if let Some(Response::Error { message, .. }) = round_trip::<Response>(bytes) {
        assert!(!message.to_string().contains(char::is_control));
    }
}

/// Both messages of the handshake.
pub fn hello(bytes: &[u8]) {
    let hello = round_trip::<Hello>(bytes);
    let answer = round_trip::<HelloAnswer>(bytes);
    assert!(hello.is_none() && answer.is_none() || bytes.len() <= HELLO_BYTES_MAX);
    let world = crate::world::world();
    if let Some(proof) = hello.and_then(|hello| hello.validator) {
        let peer = world.node_key.peer_id();
        let own = proof == world.handshake_proof();
        assert_eq!(proof.verify(&world.chain, &peer), own, "a forged proof of a validator key");
    }
}

/// Reads a value of any borsh type, for the log's records.
pub(crate) fn reads<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = T::try_from_slice(bytes) {
        assert_eq!(encode(&value), bytes);
    }
}
