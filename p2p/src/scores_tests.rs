use super::*;

const BAN: Duration = Duration::from_secs(60);

#[test]
fn penalties_add_up_fade_and_end() {
    let table = [(Penalty::Fatal, 1), (Penalty::Heavy, 5), (Penalty::Light, 20)];
    for (penalty, times) in table {
        let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
        for n in 1..=times {
            assert_eq!(
                scores.penalize(peer, (penalty, Offence::Vote), BAN, now),
                n == times,
                "{penalty:?} {n}"
            );
        }
        assert!(scores.banned(&peer));
        assert!(!scores.penalize(peer, (penalty, Offence::Vote), BAN, now), "banned once");
        assert!(scores.expire(now + BAN - Duration::from_secs(1)).is_empty());
        assert_eq!(scores.expire(now + BAN), vec![peer]);
        assert!(!scores.banned(&peer));
    }
}

#[test]
fn rare_bad_luck_never_bans() {
    let (mut scores, peer, mut now) = (Scores::default(), PeerId::random(), Instant::now());
    for _ in 0..100 {
        assert!(!scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now));
        now += FADE * 20;
    }
    assert_eq!(scores.points(&peer, now), 0);
}

#[test]
fn memory_of_peers_is_bounded_and_keeps_bans() {
    let (mut scores, now) = (Scores::default(), Instant::now());
    let banned = PeerId::random();
    scores.penalize(banned, (Penalty::Fatal, Offence::Frame), BAN, now);
    for _ in 0..SCORES_MAX + 10 {
        scores.penalize(PeerId::random(), (Penalty::Light, Offence::Gossip), BAN, now);
    }
    assert_eq!(scores.peers.len(), SCORES_MAX);
    assert!(scores.banned(&banned));
}

#[test]
fn a_ban_that_is_forgotten_for_lack_of_room_is_told() {
    let (mut scores, now) = (Scores::default(), Instant::now());
    let banned: Vec<PeerId> = (0..SCORES_MAX + 10).map(|_| PeerId::random()).collect();
    for peer in &banned {
        assert!(scores.penalize(*peer, (Penalty::Fatal, Offence::Gossip), BAN, now));
    }
    let forgotten = scores.expire(now);
    assert_eq!(forgotten.len(), 10);
    assert!(forgotten.iter().all(|peer| banned.contains(peer) && !scores.banned(peer)));
    assert!(scores.expire(now).is_empty(), "told once");
}

#[test]
fn a_ban_says_what_for_and_what_else() {
    let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
    scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now);
    scores.penalize(peer, (Penalty::Heavy, Offence::Vote), BAN, now);
    scores.penalize(peer, (Penalty::Fatal, Offence::Frame), BAN, now);
    assert_eq!(scores.penalties(&peer), BTreeMap::from([(Offence::Vote, 2), (Offence::Frame, 1)]));
    let want = Ban { reason: BanReason::Penalties(Offence::Frame), until: now + BAN };
    assert_eq!(scores.ban(&peer), Some(want));
}

#[test]
fn bucket_allows_burst_then_rate() {
    let now = Instant::now();
    let mut bucket = Bucket::full(3, now);
    let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.take(2, 3, at)).count();
    assert_eq!(taken(&mut bucket, now), 3);
    assert_eq!(taken(&mut bucket, now + Duration::from_secs(1)), 2);
    assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 3);
}
