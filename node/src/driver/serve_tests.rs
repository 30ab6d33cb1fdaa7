#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::driver::{Event, Setup};
use crate::mempool::Limits;
use crate::testchain::TestChain;
use wattle_consensus::MonoMs;
use wattle_p2p::NodeKey;

#[test]
fn a_block_that_is_not_final_is_encoded_for_a_peer_beside_the_loop_that_votes() {
    let chain = TestChain::new();
    let setup = Setup { chain: chain.worker.chain, key: None, mempool: Limits::NODE, log_bytes: u64::MAX };
    let mut driver = Driver::new(setup, chain.boot());
    let held = chain.build(&[]).block;
    driver.tree.insert(Arc::clone(&held));
    let peer = NodeKey::from_seed(&mut [1; 32]).unwrap().peer_id();
    let mut ask = |hash, token| {
        let request = Request::BlockByHash { hash, offset: 7, bytes: 1 };
        let event = Event::Request { token, peer, request };
        let effects = driver.step(event, MonoMs(0), chain.header.time_ms).into_iter();
        let answers = effects.filter(|effect| match effect {
            Effect::Respond { token: of, .. }
            | Effect::Serve { token: of, .. }
            | Effect::ServeHeld { token: of, .. } => *of == token,
            _ => false,
        });
        answers.collect::<Vec<Effect>>()
    };
    match &ask(held.hash, Token(1))[..] {
        [Effect::ServeHeld { block, offset: 7, bytes: 1, .. }] => assert!(Arc::ptr_eq(block, &held)),
        other => panic!("{other:?}"),
    }
    let unknown = ask(Hash([1; 32]), Token(2));
    assert!(matches!(&unknown[..], [Effect::Serve { .. }]), "{unknown:?}");
}
