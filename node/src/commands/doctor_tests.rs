#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::testchain::{START, TestChain};
use std::borrow::Cow;
use wattle_primitives::{Amount, AssetId, Lane};
use wattle_runtime::Commit;
use wattle_runtime::store::MemoryStore;

/// A chain of two blocks, examined with this history of its genesis.
fn examined(history: History) -> Result<Examined, CliError> {
    let mut chain = TestChain::new();
    let (state, header) = (chain.state.clone(), chain.header.clone());
    let store = MemoryStore::in_memory().unwrap();
    store.commit(&[Commit::genesis(header.clone(), &state)]).unwrap();
    for nonce in 0..2 {
        let built = chain.build(&[chain.pay(1, Lane(0), nonce, 10)]);
        let commit = Commit {
            block: Cow::Borrowed(&built.block.block),
            certificate: None,
            receipts: Cow::Borrowed(&built.executed.receipts),
            writes: Cow::Borrowed(built.executed.writes.as_slice()),
        };
        store.commit(&[commit]).unwrap();
        (chain.header, chain.state) = (built.block.header().clone(), built.executed.state.clone());
    }
    examine(&store, &chain.worker, state, header.hash(), history)
}

/// What there is of an asset is what the history leaves of it, or the chain is unsound.
#[test]
fn money_that_no_genesis_gave_is_found() {
    let genesis = TestChain::new().genesis;
    let sound = examined(History::of_genesis(&genesis)).unwrap();
    assert_eq!((sound.height, sound.transactions), (Height(2), 2));
    let [native] = &sound.supply[..] else { panic!("{:?}", sound.supply) };
    assert_eq!(
        (native.asset, native.issued, native.burned),
        (AssetId::NATIVE, Amount(3 * START), Amount::ZERO)
    );
    let parts = [native.wallets, native.held, native.fees, native.deposits, native.books];
    assert_eq!(parts.iter().map(|part| part.0).sum::<u128>(), 3 * START);

    let mut other = genesis;
    other.accounts[0].balance = Amount(START - 1);
    let broken = examined(History::of_genesis(&other)).map(drop).unwrap_err();
    assert_eq!(broken.code(), "unsound", "{broken}");
}
