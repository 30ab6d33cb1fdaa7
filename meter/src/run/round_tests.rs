#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::collections::BTreeSet;

struct Net {
    peers: Vec<PeerId>,
    silent: BTreeSet<PeerId>,
    asked: Mutex<Vec<PeerId>>,
}

impl Peers for Net {
    fn ready(&self) -> Vec<PeerId> {
        self.peers.clone()
    }

    async fn ask(&self, peer: PeerId, _: Request) -> Result<Response, RequestError> {
        self.asked.lock().unwrap().push(peer);
        if self.silent.contains(&peer) { Err(RequestError::Timeout { peer }) } else { Ok(Response::Busy) }
    }

    fn blame(&self, _: PeerId) {}
}

fn question() -> Request {
    Request::LightBlock { height: None }
}

#[tokio::test]
async fn a_silent_peer_is_waited_for_once_in_a_round_and_rarely_after_it() {
    let peers = vec![PeerId::random(), PeerId::random()];
    let (quiet, other) = (peers[0], peers[1]);
    let net = Net { peers, silent: BTreeSet::from([quiet]), asked: Mutex::default() };
    let round = Round::new(&net, &BTreeMap::new());
    assert_eq!(round.ready().len(), 2);
    for _ in 0..5 {
        assert!(round.ask(quiet, question()).await.is_err());
    }
    assert_eq!((net.asked.lock().unwrap().len(), round.ready()), (1, vec![other]));
    let next = Round::new(&net, &round.silent());
    assert_eq!(next.ready(), [other], "in the next round too");
    next.ask(other, question()).await.unwrap();
    let old = round.silent().into_iter().map(|(peer, at)| (peer, at.checked_sub(SILENT_FOR).unwrap()));
    assert_eq!(Round::new(&net, &old.collect()).ready().len(), 2, "it is given another chance");
}

#[tokio::test]
async fn when_all_are_silent_each_is_asked_once_in_a_round() {
    let peers = vec![PeerId::random(), PeerId::random()];
    let net = Net { silent: peers.iter().copied().collect(), peers, asked: Mutex::default() };
    let mut silent = BTreeMap::new();
    for rounds in 1..=3 {
        let round = Round::new(&net, &silent);
        while let Some(peer) = round.ready().first() {
            assert!(round.ask(*peer, question()).await.is_err());
        }
        silent = round.silent();
        assert_eq!(net.asked.lock().unwrap().len(), 2 * rounds);
    }
}

/// Peers that take a question and never answer it.
struct Slow;

impl Peers for Slow {
    fn ready(&self) -> Vec<PeerId> {
        Vec::new()
    }

    async fn ask(&self, _: PeerId, _: Request) -> Result<Response, RequestError> {
        std::future::pending().await
    }

    fn blame(&self, _: PeerId) {}
}

#[tokio::test]
async fn no_answer_is_waited_for_beyond_the_end_of_a_visit() {
    let round = Round::until(&Slow, &BTreeMap::new(), Instant::now() + Duration::from_millis(50));
    for peer in [PeerId::random(), PeerId::random()] {
        let asked = tokio::time::timeout(Duration::from_secs(20), round.ask(peer, question())).await;
        assert_eq!(asked, Ok(Err(RequestError::Timeout { peer })));
    }
}
