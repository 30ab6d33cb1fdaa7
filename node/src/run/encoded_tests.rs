use super::*;
use crate::testchain::{TestChain, VALIDATOR};
use wattle_primitives::Block;

#[test]
fn a_block_is_encoded_once_for_all_its_parts_and_few_are_kept() {
    let (encoded, mut chain) = (Encoded::default(), TestChain::new());
    let blocks: Vec<Block> = (0..=BLOCKS_MAX).map(|_| chain.push(&[])).collect();
    let certificate = |block: &Block| Some(chain.certify(&block.header, VALIDATOR));
    let whole = |block: &Block| SyncBlock { certificate: certificate(block), block: block.clone() };
    let key = |block: &Block| (block.hash(), true);

    let first = &blocks[0];
    let block = encoded.answer(key(first), whole(first), 0, u32::MAX);
    assert_eq!(block, Response::Block(Some(Box::new(whole(first)))));
    assert_eq!(encoded.part(key(first), 1, 0), None, "nobody has asked for a part yet");
    let part = encoded.answer(key(first), whole(first), 1, 0);
    assert_eq!(part, whole(first).answer(1, 0));
    assert_eq!(encoded.part(key(first), 1, 0), Some(part));
    for offset in [9, u32::MAX] {
        assert_eq!(encoded.part(key(first), offset, 0), Some(whole(first).answer(offset, 0)));
    }
    assert_eq!(encoded.part(key(first), 0, 0), None, "it may fit whole");
    assert_eq!(encoded.part((first.hash(), false), 1, 0), None, "without its certificate it is shorter");

    for block in &blocks {
        encoded.answer(key(block), whole(block), 1, 0);
    }
    let kept = blocks.iter().filter(|block| encoded.part(key(block), 1, 0).is_some());
    assert_eq!(kept.map(|block| block.header.height.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
}
