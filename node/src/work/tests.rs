#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::testchain::TestChain;
use wattle_primitives::{Block, BoundedVec, Epoch, Header, Lane, Round, Signature};

fn check(chain: &TestChain, tx: Tx) -> Result<VerifiedTx, (Hash, TxError)> {
    match chain.worker.run(Job::Txs { token: Token(1), txs: vec![tx] }) {
        Done::Txs { mut results, .. } => results.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transaction_is_known_by_its_signatures_too() {
    let chain = TestChain::new();
    let tx = chain.pay(1, Lane(0), 0, 10);
    assert!(check(&chain, tx.clone()).is_ok());
    assert!(check(&chain, tx.clone()).is_ok(), "known");
    let mut auth = tx.auths()[0].clone();
    auth.signature = Signature([7; 64]);
    let forged = Tx::V1 { body: tx.body().clone(), auths: BoundedVec::new(vec![auth]).unwrap() };
    assert_eq!(forged.id(), tx.id());
    assert!(matches!(check(&chain, forged), Err((_, TxError::Signature { .. }))));
}

#[test]
fn a_block_is_valid_only_with_the_body_and_the_roots_of_its_header() {
    let chain = TestChain::new();
    let built = chain.build(&[chain.pay(1, Lane(0), 0, 10), chain.pay(2, Lane(0), 0, 10)]);
    let good = built.block.block.clone();
    let judge = |block: Block| -> Result<(), String> {
        let block = check_body(&chain.worker, block).map_err(|e| format!("{e:?}"))?;
        execute(&chain.worker, &block, &chain.state).map(drop).map_err(|e| format!("{e:?}"))
    };
    assert_eq!(judge(good.clone()), Ok(()));
    let with = |change: fn(&mut Header)| {
        let mut header = good.header.clone();
        change(&mut header);
        Block { header, txs: good.txs.clone() }
    };
    let table = [
        ("Unbound", with(|h| h.txs_root = Hash([1; 32]))),
        ("Unbound", Block { txs: good.txs[..1].to_vec(), ..good.clone() }),
        ("StateRoot", with(|h| h.state_root = Hash([1; 32]))),
        ("ReceiptsRoot", with(|h| h.receipts_root = Hash([1; 32]))),
        ("Nonce", {
            let mut twice = Block { txs: vec![good.txs[0].clone(); 2], ..good.clone() };
            twice.header.txs_root = Block::txs_root(&twice.txs);
            twice
        }),
    ];
    for (want, block) in table {
        let error = judge(block).unwrap_err();
        assert!(error.contains(want), "{want}: {error}");
    }
}

#[test]
fn a_leader_puts_no_more_bytes_into_a_block_than_it_has_room_for() {
    let chain = TestChain::new();
    let txs: Vec<Tx> = (0..4).map(|nonce| chain.pay(1, Lane(0), nonce, 10)).collect();
    let bytes = chain.verified(&txs[0]).encoded_len();
    for room in [usize::MAX, 4 * bytes, 2 * bytes, 0] {
        let candidates = txs.iter().map(|tx| chain.verified(tx)).collect();
        let (template, state) = (chain.build(&[]).block.header().clone(), chain.state.clone());
        let round = Round { epoch: Epoch(0), view: template.view };
        let job = BuildJob { round, template, state, candidates, bytes_max: room };
        assert_eq!(build(&chain.worker, job).block.txs.len(), (room / bytes).min(4), "room for {room} bytes");
    }
}
