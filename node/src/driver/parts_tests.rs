#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::testchain::{TestChain, VALIDATOR};
use wattle_p2p::NodeKey;
use wattle_p2p::wire::Response;
use wattle_primitives::{BoundedBytes, Lane, Tx};

/// A block of some kilobytes.
fn block() -> SyncBlock {
    let mut chain = TestChain::new();
    let txs: Vec<Tx> = (0..20).map(|nonce| chain.pay(1, Lane(0), nonce, 1)).collect();
    let block = chain.push(&txs);
    SyncBlock { certificate: Some(chain.certify(&block.header, VALIDATOR)), block }
}

fn part_of(block: &SyncBlock, offset: u32) -> BlockPart {
    match block.clone().answer(offset, 0) {
        Response::Part(part) => part,
        other => panic!("{other:?}"),
    }
}

fn from_peer(hash: Hash) -> Parts {
    Parts::new(NodeKey::from_seed(&mut [1; 32]).unwrap().peer_id(), hash, MonoMs(0))
}

/// Takes part after part, each changed by `lie`.
fn come(parts: &mut Parts, block: &SyncBlock, lie: fn(&mut BlockPart)) -> Result<SyncBlock, Useless> {
    loop {
        let offset = parts.offset();
        let mut part = part_of(block, offset);
        lie(&mut part);
        if let Some(whole) = parts.push(offset, 0, &part)? {
            return Ok(whole);
        }
    }
}

#[test]
fn parts_make_the_block_that_was_asked_for_or_their_sender_pays() {
    let block = block();
    let hash = block.block.hash();
    assert_eq!(come(&mut from_peer(hash), &block, |_| {}), Ok(block.clone()));
    let lies: [fn(&mut BlockPart); 5] = [
        |part| part.bytes = BoundedBytes::new(vec![part.bytes[0]]).unwrap(),
        |part| part.total = u32::MAX,
        |part| part.total = 1,
        |part| part.bytes = BoundedBytes::default(),
        |part| part.bytes = BoundedBytes::new(vec![0xff; part.bytes.len()]).unwrap(),
    ];
    for lie in lies {
        assert_eq!(come(&mut from_peer(hash), &block, lie), Err(Useless::Wrong));
    }
    let mut other = from_peer(Hash([7; 32]));
    assert_eq!(
        come(&mut other, &block, |part| part.hash = Hash([7; 32])),
        Err(Useless::Wrong),
        "another block"
    );
}

#[test]
fn who_sends_in_parts_what_was_asked_for_whole_pays() {
    let block = block();
    let size = u32::try_from(wattle_primitives::encode(&block).len()).unwrap();
    let first = part_of(&block, 0);
    let hash = block.block.hash();
    assert_eq!(from_peer(hash).push(0, size - 1, &first), Ok(None), "it did not fit");
    assert_eq!(from_peer(hash).push(0, size, &first), Err(Useless::Wrong));
    let mut parts = from_peer(hash);
    parts.push(0, 0, &first).unwrap();
    let (offset, second) = (parts.offset(), part_of(&block, parts.offset()));
    assert_eq!(parts.push(offset, size - offset, &second), Err(Useless::Wrong), "nor the rest of it");
}

#[test]
fn what_came_twice_changes_nothing() {
    let block = block();
    let mut parts = from_peer(block.block.hash());
    let first = part_of(&block, 0);
    for _ in 0..2 {
        assert_eq!(parts.push(0, 0, &first), Ok(None));
        assert_eq!(parts.offset(), u32::try_from(PART_BYTES_MIN).unwrap());
    }
    assert_eq!(come(&mut parts, &block, |_| {}), Ok(block));
}
