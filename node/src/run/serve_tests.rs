#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::driver::FinalBlock;
use crate::run::storage::open_chain;
use crate::run::threads::commit;
use crate::testchain::{TestChain, VALIDATOR};
use wattle_p2p::wire::{BlockPart, PART_BYTES_MIN};
use wattle_primitives::{Lane, Tx, decode};
use wattle_runtime::Store;
use wattle_runtime::store::MemoryStore;

#[test]
fn an_answer_has_no_more_bytes_than_were_asked_for_and_a_large_block_comes_in_parts() {
    let mut chain = TestChain::new();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::in_memory().unwrap());
    let found = open_chain(store.as_ref(), &chain.genesis).unwrap();
    let genesis = Arc::new(chain.genesis.clone());
    let (shared, _commands) = Shared::new(found.chain, genesis, None, Arc::clone(&store), View::of(&found));
    for nonce in 0..10 {
        let payments: Vec<Tx> = (1..=3).map(|person| chain.pay(person, Lane(0), nonce, 1)).collect();
        let built = chain.build(&payments);
        let certificate = Some(chain.certify(built.block.header(), VALIDATOR));
        (chain.header, chain.state) = (built.block.header().clone(), built.executed.state.clone());
        let item = FinalBlock { block: built.block, executed: built.executed, certificate };
        commit(store.as_ref(), std::slice::from_ref(&item)).unwrap();
        shared.announce(&item);
    }
    let ask = |bytes| match answer(&shared, &Request::Blocks { from: Height(1), count: 8, bytes }) {
        Response::Blocks(blocks) => {
            let bytes: usize = blocks.iter().map(|block| encode(block).len()).sum();
            (blocks.len(), u32::try_from(bytes).unwrap())
        }
        other => panic!("{other:?}"),
    };
    let (all, bytes) = ask(u32::MAX);
    assert_eq!(all, 8);
    assert_eq!((ask(bytes).0, ask(bytes - 1).0), (8, 7));
    assert_eq!(ask(bytes / 2).0, 4);

    // A block that is larger than that comes in parts.
    let mut come = Vec::new();
    let mut request = Request::Blocks { from: Height(3), count: 8, bytes: 0 };
    let block = loop {
        match answer(&shared, &request) {
            Response::Part(BlockPart { hash, total, bytes }) => {
                assert!(bytes.len() <= PART_BYTES_MIN && !bytes.is_empty());
                come.extend_from_slice(&bytes);
                let offset = u32::try_from(come.len()).unwrap();
                if offset == total {
                    break decode::<SyncBlock>(&come).unwrap();
                }
                request = Request::BlockByHash { hash, offset, bytes: 0 };
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(come.len() > PART_BYTES_MIN && block.certificate.is_some());
    assert_eq!(block.block.header.height, Height(3));
    let hash = block.block.hash();
    let whole = answer(&shared, &Request::BlockByHash { hash, offset: 0, bytes: u32::MAX });
    assert_eq!(whole, Response::Block(Some(Box::new(block))));
    let beyond = answer(&shared, &Request::BlockByHash { hash, offset: u32::MAX, bytes: 9 });
    assert!(
        matches!(beyond, Response::Part(part) if part.bytes.is_empty()),
        "beyond its end there is nothing"
    );
}
