use super::*;

fn frame_of(byte: u8) -> Frame {
    vec![byte; 100].into()
}

#[test]
fn a_block_that_waits_or_is_being_written_is_not_queued_again() {
    let link = Link::new(PublicKey([1; 32]), &Limits::default());
    let (blocks, votes) = (link.outbox(Lane::Blocks), link.outbox(Lane::Votes));
    let cx = Context::from_waker(Waker::noop());
    for outbox in [blocks, votes] {
        [1, 2, 1, 2].into_iter().for_each(|byte| outbox.push(frame_of(byte)));
    }
    let one = |outbox: &Outbox| outbox.take(&cx, 0).map(|bytes| bytes[0]);
    assert_eq!(one(blocks), Some(1));
    blocks.push(frame_of(1));
    assert_eq!([one(blocks), one(blocks)], [Some(2), None]);
    let all = std::iter::from_fn(|| one(votes));
    assert_eq!(all.collect::<Vec<u8>>(), [1, 2, 1, 2], "votes are small");

    blocks.push(frame_of(1));
    assert_eq!(one(blocks), Some(1), "what was written may be sent again");
    blocks.push(frame_of(1));
    blocks.broken();
    blocks.push(frame_of(1));
    assert_eq!([one(blocks), one(blocks)], [Some(1), None], "what broke off is");
}

#[test]
fn a_key_has_one_link_whoever_speaks_for_it() {
    let (limits, height) = (Limits::default(), Height::ZERO);
    let shared = Shared::new(PeerId::random(), limits.clone(), height);
    let (key, older, newer) = (PublicKey([1; 32]), PeerId::random(), PeerId::random());
    let message = ValidatorMessage::Clock(wattle_primitives::TimeMs(1));
    let link = || Some(Arc::new(Link::new(key, &limits)));
    shared.set_link(older, link());
    shared.set_link(newer, link());
    assert_eq!(shared.broadcast(&message), Ok(1));
    shared.set_link(older, None);
    assert_eq!(shared.send(&key, &message), Ok(()), "the newer one's stays");
    shared.set_link(newer, None);
    assert_eq!(shared.send(&key, &message), Err(SendError::NotConnected));
}
