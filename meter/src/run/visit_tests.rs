#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::run::chain::tests::{address, depth, hurry, lies, light_node, record, signer, village};
use crate::tests::chain::{Lie, SEEDS, TestChain, TestPeers, memory_dir, set, with_balance};
use std::sync::Arc;
use wattle_p2p::wire::{Request, Response};
use wattle_p2p::{PeerId, RequestError};
use wattle_primitives::{Amount, Epoch, Height};

/// A line to scripted peers, called in turn.
struct TestLine<'a> {
    peers: &'a TestPeers,
    down: bool,
    called: Vec<PeerId>,
    hung_up: usize,
}

/// The one that was called.
struct Called<'a>(&'a TestPeers, PeerId);

impl<'a> TestLine<'a> {
    const fn new(peers: &'a TestPeers) -> Self {
        Self { peers, down: false, called: Vec::new(), hung_up: 0 }
    }
}

impl<'a> Line for TestLine<'a> {
    type Call = Called<'a>;

    async fn call(&mut self, _: Height) -> Result<Option<Called<'a>>, LightError> {
        assert_eq!(self.called.len(), self.hung_up, "one call at a time");
        let peer = self.peers.peers[self.called.len() % self.peers.peers.len()];
        self.called.push(peer);
        Ok((!self.down).then_some(Called(self.peers, peer)))
    }

    async fn hang_up(&mut self) {
        self.hung_up += 1;
    }
}

impl Peers for Called<'_> {
    fn ready(&self) -> Vec<PeerId> {
        vec![self.1]
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        assert_eq!(peer, self.1, "nobody else was called");
        self.0.ask(peer, request).await
    }

    fn blame(&self, peer: PeerId) {
        self.0.blame(peer);
    }
}

/// A visit for which everything is due but balances.
async fn visit(chain: &mut Chain, line: &mut TestLine<'_>) -> bool {
    let next_credit = chain.next_credit;
    hurry(chain);
    chain.next_credit = next_credit;
    chain.visit(line).await.unwrap()
}

#[tokio::test]
async fn a_visit_sends_what_waits_and_hangs_up_and_the_next_one_proves_it() {
    let dir = memory_dir();
    let source = TestChain::started(with_balance(village(1), address(0), 9));
    let mut chain = light_node(dir.path(), &source, 1, 3);
    let peers = TestPeers::new(source, &SEEDS, 2);
    let mut line = TestLine::new(&peers);
    assert!(visit(&mut chain, &mut line).await);
    assert_eq!((peers.received.lock().unwrap().len(), depth(&chain)), (1, 3), "sent once, and kept");
    assert_eq!(line.hung_up, 1);
    let credit = chain.board.update(|facts| facts.meters[0].credit);
    assert_eq!(credit.map(|credit| credit.available), Some(Amount(9)), "the first visit looks at balances");
    assert!(chain.next_credit > Instant::now() + Duration::from_secs(5 * 3600), "and not each one");

    assert!(visit(&mut chain, &mut line).await);
    assert_eq!((peers.received.lock().unwrap().len(), depth(&chain)), (1, 0), "proven, and not sent again");
    assert_eq!((&line.called, line.hung_up), (&peers.peers, 2), "another peer each time");
    let facts = chain.board.update(|facts| facts.chain.clone());
    assert_eq!(facts.lies, 0);
    chain.show(0).await.unwrap();
    let agreements = chain.board.update(|facts| facts.chain.agreements);
    assert!(agreements > 0, "the second one has the header that the first one proved");
}

#[tokio::test]
async fn more_than_a_transaction_carries_goes_through_in_one_visit() {
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let mut chain = light_node(dir.path(), &source, 1, 300);
    let peers = TestPeers::new(source, &SEEDS, 2);
    let mut line = TestLine::new(&peers);
    assert!(visit(&mut chain, &mut line).await);
    assert_eq!((depth(&chain), line.called.len()), (44, 1), "the last ones are on their way");
    assert!(visit(&mut chain, &mut line).await);
    assert_eq!(depth(&chain), 0);
    let accepted = peers.accepted.lock().unwrap().len();
    assert_eq!(accepted, 300);
}

#[tokio::test]
async fn while_nobody_answers_readings_wait_and_none_is_lost() {
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let mut chain = light_node(dir.path(), &source, 1, 2);
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    let mut line = TestLine::new(&peers);
    line.down = true;
    for waiting in 3..6 {
        assert!(!visit(&mut chain, &mut line).await);
        record(&chain.lanes[0].queue, &signer(0, source.headers[0].hash()), &chain.clock, waiting);
    }
    assert_eq!(depth(&chain), 2 + 3 + 4 + 5);
    assert_eq!(chain.board.update(|facts| facts.meters[0].submission), "no_peer");
    line.down = false;
    assert!(visit(&mut chain, &mut line).await && visit(&mut chain, &mut line).await);
    assert_eq!(depth(&chain), 0);
    // A peer that takes a call and says nothing is of no use either.
    peers.silent.lock().unwrap().extend(peers.peers.clone());
    assert!(!visit(&mut chain, &mut line).await);
    assert_eq!(line.called.len(), line.hung_up);
}

#[tokio::test]
async fn a_peer_that_lies_or_lags_is_not_believed_and_another_one_is_called() {
    let old: Lie = Box::new(|chain, request, honest| match request {
        Request::Proof { keys, .. } => {
            let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
            let mut before = chain.clone();
            before.headers.truncate(2);
            Response::Proof(Box::new(before.proof(&keys, Height(0))))
        }
        _ => honest,
    });
    for (name, lie) in lies().into_iter().chain([("an old header", old)]) {
        let dir = memory_dir();
        let source = TestChain::started(village(1));
        let mut chain = light_node(dir.path(), &source, 1, 2);
        let peers = TestPeers::new(source.clone(), &SEEDS, 2);
        let mut line = TestLine::new(&peers);
        assert!(visit(&mut chain, &mut line).await, "{name}: the first peer is honest at first");
        let head = chain.follower.head().clone();
        peers.lies.lock().unwrap().insert(peers.peers[1], lie);
        assert!(!visit(&mut chain, &mut line).await, "{name}: the visit counts for nothing");
        assert_eq!((depth(&chain), chain.follower.head()), (2, &head), "{name}: nothing was believed");
        let blamed = peers.blamed.lock().unwrap().len();
        assert_eq!(blamed > 0, name != "an old header", "{name}: lagging is no lie");
        assert!(visit(&mut chain, &mut line).await);
        assert_eq!((depth(&chain), chain.doubt), (0, None), "{name}: the next one tells the truth");
    }
}

#[tokio::test]
async fn the_set_that_changed_between_two_visits_is_followed_by_the_ends_of_epochs() {
    const LATER: [u8; 4] = [3, 4, 5, 6];
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let mut chain = light_node(dir.path(), &source, 1, 0);
    let peers = TestPeers::new(source, &SEEDS, 2);
    let mut line = TestLine::new(&peers);
    assert!(visit(&mut chain, &mut line).await);
    {
        let mut chain = peers.chain.lock().unwrap();
        (0..20).for_each(|_| chain.push(Epoch(0), &SEEDS, &SEEDS, true));
        chain.push(Epoch(0), &SEEDS, &LATER, true);
        (0..20).for_each(|_| chain.push(Epoch(1), &LATER, &LATER, true));
        chain.push(Epoch(1), &LATER, &[7], true);
        (0..20).for_each(|_| chain.push(Epoch(2), &[7], &[7], true));
    }
    assert!(visit(&mut chain, &mut line).await);
    let newest = peers.chain.lock().unwrap().headers.last().unwrap().clone();
    assert_eq!(chain.follower.head(), &newest);
    assert_eq!(newest.validators_hash, set(&[7]).hash());
}

/// Goal: the loop itself, from a reading that becomes durable to its proof, with nobody to push it.
#[tokio::test]
async fn readings_reach_the_chain_by_visits_alone() {
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let mut chain = light_node(dir.path(), &source, 1, 0);
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    let mut line = TestLine::new(&peers);
    let (queue, clock, fresh) =
        (Arc::clone(&chain.lanes[0].queue), Arc::clone(&chain.clock), Arc::clone(&chain.fresh));
    let signer = signer(0, source.headers[0].hash());
    let meter = async {
        for import in 1..=3 {
            crate::tests::life::record(&queue, &signer, &clock, import);
            fresh.notify_one();
            while queue.lock().unwrap().depth() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::select! {
        ended = chain.visit_on_demand(&mut line, 200) => panic!("{ended:?}"),
        () = meter => {}
    }
    let accepted = peers.accepted.lock().unwrap().len();
    assert_eq!(accepted, 3);
    assert!(line.called.len() >= 6, "each reading is sent by one visit and proven by another");
    assert!(line.called.len() - line.hung_up <= 1, "none but the last call may have been cut short");
    let visits = chain.visits.unwrap();
    assert!(visits.done >= 5 && visits.failed == 0, "{visits:?}");
}
