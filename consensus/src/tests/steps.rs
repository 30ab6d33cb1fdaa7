//! Rule by rule, what a core does with each input. `a` to `d` (1 to 4) lead views 1 to 4.

use super::table::*;
use crate::*;
use wattle_primitives::*;

const WORK: Input = Input::Work(Work::Transaction);
const DUE: Input = Input::Work(Work::Due);

fn proposed(bench: &Bench, by: usize, proposal: Proposal, header: &Header) -> Input {
    Input::Proposal { vote: bench.vote(by, Vote::Notarize(proposal)), header: header.clone() }
}

fn valid(header: &Header) -> Input {
    Input::Executed { block: header.hash(), verdict: Verdict::Valid }
}

#[test]
fn rule_1_the_leader_timer_runs_from_the_idle_interval_or_from_work() {
    let mut idle = Bench::new(3, 100);
    idle.check(vec![
        step("start", 0, Input::Start, &["enter 1"]),
        step("without work the leader has idle interval and timeout", 10_999, Input::Tick, &[]),
        step("then the view is given up", 11_000, Input::Tick, &["cast nullify 1"]),
    ]);
    let mut busy = Bench::new(3, 100);
    busy.check(vec![
        step("start", 0, Input::Start, &["enter 1"]),
        step("work becomes known here", 500, WORK, &[]),
        step("the leader has its timeout from then", 1_499, Input::Tick, &[]),
        step("then the view is given up", 1_500, Input::Tick, &["cast nullify 1"]),
    ]);
}

#[test]
fn rule_1_a_leader_that_was_silent_while_a_quorum_was_active_is_skipped() {
    // The leader of view 5 is that of view 1. Everybody votes in views 1 to 4, it only until view `last`.
    for (last, late_ms, skipped) in [(1, 70_000, true), (3, 70_000, false), (1, 1_000, false)] {
        let mut bench = Bench::new(3, 100);
        bench.start();
        let mut said = Vec::new();
        for view in 1..=4u64 {
            let now = if view < 4 { view } else { late_ms };
            for by in (1..=4).filter(|by| *by != 1 || view <= last) {
                let out = bench.feed(now, Input::Vote(bench.vote(by, Vote::Nullify(round(view)))));
                said.extend(out.iter().map(show));
            }
        }
        assert_eq!(bench.core.status().view, View(5));
        let gave_up = said.iter().any(|s| s == "cast nullify 5");
        assert_eq!(gave_up, skipped, "last vote in view {last}, at {late_ms} ms: {said:?}");
    }
}

#[test]
fn rule_2_a_leader_builds_at_once_with_work_and_after_the_interval_without() {
    let mut busy = Bench::new(1, 100);
    busy.start();
    let header = busy.header(1, None, 1);
    busy.check(vec![
        step("work: build", 5, WORK, &["build 1 on 0"]),
        step(
            "built: body and vote in one group",
            9,
            Input::Built { round: round(1), header: Some(header) },
            &["log block 1", "cast notarize 1 with block"],
        ),
    ]);
    let mut idle = Bench::new(1, 100);
    idle.check(vec![
        step("start", 0, Input::Start, &["enter 1"]),
        step("no work: wait", 9_999, Input::Tick, &[]),
        step("idle interval over", 10_000, Input::Tick, &["build 1 on 0"]),
        step("cannot build", 10_010, Input::Built { round: round(1), header: None }, &["cast nullify 1"]),
    ]);
}

/// Goal: what recurs by itself makes no more blocks than eight in an idle interval; a transaction waits for none of
/// that.
#[test]
fn rule_2_due_work_alone_makes_blocks_at_a_bounded_rate() {
    let builds = |bench: &mut Bench, at_ms, input| {
        let out = bench.feed(at_ms, input);
        out.iter().any(|output| matches!(output, Output::Build(_)))
    };
    let entered = || {
        let mut bench = Bench::new(2, 100);
        bench.start();
        let header = Header { time_ms: TimeMs(WALL + 20), ..bench.header(1, None, 0) };
        let certificate = bench.certificate(Vote::Notarize(proposal(1, 0, &header)));
        for input in
            [Input::Certificate(certificate), Input::Header { header: header.clone() }, valid(&header)]
        {
            assert!(!builds(&mut bench, 20, input));
        }
        bench
    };
    let due_ms = TIMING.idle_interval_ms / 8;
    let mut alone = entered();
    for (at_ms, input, built) in
        [(30, DUE, false), (19 + due_ms, Input::Tick, false), (20 + due_ms, Input::Tick, true)]
    {
        assert_eq!(builds(&mut alone, at_ms, input), built, "at {at_ms}");
    }
    let mut joined = entered();
    for (at_ms, input, built) in [(30, DUE, false), (500, WORK, true)] {
        assert_eq!(builds(&mut joined, at_ms, input), built, "at {at_ms}");
    }
    let mut other = Bench::new(3, 100);
    other.check(vec![
        step("start", 0, Input::Start, &["enter 1"]),
        step("something falls due", 500, DUE, &[]),
        step("the leader has its timeout once it may propose", due_ms + 999, Input::Tick, &[]),
        step("then the view is given up", due_ms + 1_000, Input::Tick, &["cast nullify 1"]),
    ]);
}

#[test]
fn rule_2_a_leader_without_evidence_for_its_view_fetches_it() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let nullified = |bench: &Bench, view| Input::Certificate(bench.certificate(Vote::Nullify(round(view))));
    let (first, second) = (nullified(&bench, 1), nullified(&bench, 2));
    bench.check(vec![
        step("work", 1, WORK, &[]),
        step(
            "jump over view 1",
            2,
            second,
            &["log nullify 2", "send nullify 2", "enter 3", "fetch certificates 1..=2"],
        ),
        step("the missing nullification", 50, first, &["log nullify 1", "build 3 on 0"]),
    ]);
}

/// Goal: a peer that lacks a certificate, or keeps it back, cannot keep others from having it.
#[test]
fn rule_8_what_is_missing_is_asked_of_others_than_those_named_too() {
    let mut bench = Bench::new(4, 100);
    bench.start();
    let header = bench.header(3, None, 1);
    let input = proposed(&bench, 3, proposal(3, 0, &header), &header);
    let mut asked = Vec::new();
    let passed = Input::Certificate(bench.certificate(Vote::Nullify(round(2))));
    for (at_ms, input) in
        [(1, passed), (2, input), (502, Input::Tick), (1_502, Input::Tick), (3_502, Input::Tick)]
    {
        asked.extend(bench.feed(at_ms, input).into_iter().filter_map(|o| match o {
            Output::FetchCertificates { ask, .. } => Some(ask),
            _ => None,
        }));
    }
    let leader = vec![bench.leaders[2]];
    assert_eq!(asked, [leader.clone(), vec![], leader, vec![]]);
}

#[test]
fn rule_3_only_the_leaders_first_proposal_counts() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let (first, rival) = (bench.header(1, None, 1), bench.header(1, None, 2));
    let (p, q) = (proposal(1, 0, &first), proposal(1, 0, &rival));
    let not_leader = proposed(&bench, 2, p, &first);
    let (one, two) = (proposed(&bench, 1, p, &first), proposed(&bench, 1, q, &rival));
    bench.check(vec![
        step("not from the leader", 1, not_leader, &[]),
        step("the first", 2, one.clone(), &["execute"]),
        step("the same again", 3, one, &[]),
        step("a rival proves an offence", 4, two, &["evidence"]),
        step("valid", 5, valid(&first), &["log block 1", "cast notarize 1"]),
        step("nothing more to say", 6, Input::Tick, &[]),
    ]);
}

#[test]
fn rule_3_bad_proposals_are_nullified_and_early_ones_wait() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let good = bench.header(1, None, 1);
    let break_header = |change: &dyn Fn(&mut Header)| {
        let mut header = good.clone();
        change(&mut header);
        header
    };
    let bad = [
        ("version", break_header(&|h| h.version = 9)),
        ("chain", break_header(&|h| h.chain = Hash([9; 32]))),
        ("view", break_header(&|h| h.view = View(2))),
        ("height", break_header(&|h| h.height = Height(2))),
        ("parent", break_header(&|h| h.parent = Hash([9; 32]))),
        ("time", break_header(&|h| h.time_ms = TimeMs(1))),
        ("proposer", break_header(&|h| h.proposer = PublicKey([9; 32]))),
        ("validators", break_header(&|h| h.validators_hash = Hash([9; 32]))),
        ("next validators", break_header(&|h| h.next_validators_hash = Hash([9; 32]))),
    ];
    for (desc, header) in bad {
        let mut bench = Bench::new(3, 100);
        bench.start();
        let input = proposed(&bench, 1, proposal(1, 0, &header), &header);
        bench.check(vec![step(desc, 1, input, &["cast nullify 1"])]);
    }
    let mut early = Bench::new(3, 100);
    early.start();
    let mut header = good.clone();
    header.time_ms = TimeMs(WALL + 1_000);
    let input = proposed(&early, 1, proposal(1, 0, &header), &header);
    early.check(vec![step("too far ahead: pending", 1, input, &[])]);
    assert_eq!(early.core.next_deadline(), Some(MonoMs(500)));
    early.check(vec![
        step("its time has come", 500, Input::Tick, &["execute"]),
        step(
            "invalid when executed",
            510,
            Input::Executed { block: header.hash(), verdict: Verdict::Invalid },
            &["cast nullify 1"],
        ),
    ]);
}

#[test]
fn a_leader_that_keeps_its_block_back_is_not_the_only_one_asked_once_it_is_notarized() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let proposal = proposal(1, 0, &header);
    let asked = |out: Vec<Output>| {
        out.into_iter().find_map(|o| if let Output::Fetch { ask, .. } = o { Some(ask) } else { None })
    };
    assert_eq!(asked(bench.feed(1, Input::Vote(bench.vote(1, Vote::Notarize(proposal))))), None);
    assert_eq!(asked(bench.feed(250, Input::Tick)), Some(vec![bench.leaders[0]]), "it may be on its way");
    let certificate = bench.certificate(Vote::Notarize(proposal));
    let signers = asked(bench.feed(251, Input::Certificate(certificate)));
    assert!(signers.is_some_and(|ask| ask.contains(&bench.leaders[1])), "at once");
}

#[test]
fn rule_4_a_notarization_is_certified_even_of_an_unseen_block() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let certificate = bench.certificate(Vote::Notarize(proposal(1, 0, &header)));
    bench.check(vec![
        step(
            "a notarization",
            1,
            Input::Certificate(certificate),
            &["log notarize 1", "send notarize 1", "fetch"],
        ),
        step("asked again", 501, Input::Tick, &["resend 0 votes, 1 certificates", "fetch"]),
        step("the block", 502, Input::Header { header: header.clone() }, &["execute"]),
        step(
            "executed, durable, certified, then a finalize vote",
            503,
            valid(&header),
            &["log block 1", "log certified 1", "enter 2", "cast finalize 1"],
        ),
    ]);
}

#[test]
fn rule_4_no_finalize_after_a_nullify_or_an_equivocation() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let p = proposal(1, 0, &header);
    let (input, notarized) = (proposed(&bench, 1, p, &header), bench.certificate(Vote::Notarize(p)));
    bench.check(vec![
        step(
            "the leader gives up",
            1,
            Input::Vote(bench.vote(1, Vote::Nullify(round(1)))),
            &["cast nullify 1"],
        ),
        step("its proposal comes late", 2, input.clone(), &[]),
        step(
            "a quorum took it",
            3,
            Input::Certificate(notarized.clone()),
            &["log notarize 1", "send notarize 1", "execute"],
        ),
        step("certified without finalize", 4, valid(&header), &["log block 1", "log certified 1", "enter 2"]),
    ]);
    let mut liar = Bench::new(3, 100);
    liar.start();
    let rival = liar.header(1, None, 2);
    let two = proposed(&liar, 1, proposal(1, 0, &rival), &rival);
    liar.check(vec![
        step("first", 1, input, &["execute"]),
        step("second", 2, two, &["evidence"]),
        step("valid", 3, valid(&header), &["log block 1", "cast notarize 1"]),
        step(
            "certified without finalize",
            4,
            Input::Certificate(notarized),
            &["log notarize 1", "send notarize 1", "log certified 1", "enter 2"],
        ),
    ]);
}

#[test]
fn rule_4_a_certified_block_that_is_invalid_here_halts() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let p = proposal(1, 0, &header);
    let input = proposed(&bench, 1, p, &header);
    bench.check(vec![
        step("proposal", 1, input, &["execute"]),
        step(
            "a quorum took it",
            2,
            Input::Certificate(bench.certificate(Vote::Notarize(p))),
            &["log notarize 1", "send notarize 1"],
        ),
        step(
            "roots differ",
            3,
            Input::Executed { block: header.hash(), verdict: Verdict::Invalid },
            &["halt"],
        ),
        step("silence", 4, Input::Tick, &[]),
    ]);
    assert!(bench.core.status().halted);
}

#[test]
fn rule_5_notarize_then_nullify_is_legal_and_sign_state_has_the_last_word() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let input = proposed(&bench, 1, proposal(1, 0, &header), &header);
    bench.check(vec![
        step("proposal", 1, input, &["execute"]),
        step("valid", 2, valid(&header), &["log block 1", "cast notarize 1"]),
        step(
            "refused: the view is given up",
            3,
            Input::VoteRefused { vote: Vote::Notarize(proposal(1, 0, &header)) },
            &["cast nullify 1"],
        ),
        step("refused too: sit out", 4, Input::VoteRefused { vote: Vote::Nullify(round(1)) }, &[]),
    ]);
}

#[test]
fn rule_6_a_nullified_view_is_still_certified() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let p = proposal(1, 0, &header);
    let input = proposed(&bench, 1, p, &header);
    let nullified = bench.certificate(Vote::Nullify(round(1)));
    bench.check(vec![
        step("proposal", 1, input, &["execute"]),
        step("nullified", 2, Input::Certificate(nullified), &["log nullify 1", "send nullify 1", "enter 2"]),
        step(
            "notarized as well",
            3,
            Input::Certificate(bench.certificate(Vote::Notarize(p))),
            &["log notarize 1", "send notarize 1"],
        ),
        step("certified", 4, valid(&header), &["log block 1", "log certified 1", "cast finalize 1"]),
    ]);
    assert_eq!(bench.core.status().certified.0, View(1));
}

#[test]
fn rule_7_a_finalization_takes_its_ancestors_along_oldest_first() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let one = bench.header(1, None, 1);
    let two = bench.header(2, Some(&one), 0);
    let finalized = bench.certificate(Vote::Finalize(proposal(2, 1, &two)));
    let _ = bench.feed(1, Input::Certificate(finalized.clone()));
    bench.check(vec![
        step("the block", 2, Input::Header { header: two.clone() }, &["fetch"]),
        step("its parent", 3, Input::Header { header: one.clone() }, &["execute"]),
        step("executed", 4, valid(&one), &["execute"]),
    ]);
    let out = bench.feed(5, valid(&two));
    let want = Output::Finalized { blocks: vec![one.hash(), two.hash()], certificate: finalized };
    assert_eq!(out, vec![want]);
    assert_eq!(bench.core.status().finalized_view, View(2));
    assert_eq!(bench.core.status().view, View(3));
}

#[test]
fn rule_8_stalled_votes_are_sent_again_and_old_votes_answered() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let own = bench.vote(3, Vote::Nullify(round(1)));
    let (stale, gone) = (bench.vote(4, Vote::Nullify(round(1))), bench.certificate(Vote::Nullify(round(1))));
    bench.check(vec![
        step(
            "the leader gives up",
            1,
            Input::Vote(bench.vote(1, Vote::Nullify(round(1)))),
            &["cast nullify 1"],
        ),
        step("own vote", 2, Input::OwnVote(own), &[]),
        step("not yet", 500, Input::Tick, &[]),
        step("every vote held, the leader's too", 501, Input::Tick, &["resend 2 votes, 0 certificates"]),
        step("pauses", 1_000, Input::Tick, &[]),
        step("again", 1_001, Input::Tick, &["resend 2 votes, 0 certificates"]),
        step(
            "a peer reconnects",
            1_001,
            Input::Reconnected { peer: bench.leaders[3] },
            &["resend 2 votes, 0 certificates"],
        ),
        step("a quorum", 1_003, Input::Certificate(gone), &["log nullify 1", "send nullify 1", "enter 2"]),
        step("late, once: normal", 1_600, Input::Vote(stale), &[]),
        step("sent again: its signer lags", 1_700, Input::Vote(stale), &["answer nullify 1"]),
        step("answers are rate-limited", 1_701, Input::Vote(stale), &[]),
    ]);
}

#[test]
fn rule_9_votes_far_ahead_are_dropped_and_certificates_jump() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let far = Vote::Nullify(round(1 + config::VIEWS_AHEAD_MAX + 1));
    let near = Vote::Nullify(round(1 + config::VIEWS_AHEAD_MAX));
    for by in [1, 2, 4] {
        assert_eq!(bench.feed(1, Input::Vote(bench.vote(by, far))), vec![]);
    }
    assert_eq!(bench.core.status().votes_dropped, 3);
    bench.check(vec![
        step("a view ahead", 2, Input::Vote(bench.vote(1, near)), &[]),
        step("twice from one signer counts once", 2, Input::Vote(bench.vote(1, near)), &[]),
        step("a second signer", 2, Input::Vote(bench.vote(2, near)), &[]),
        step(
            "a quorum jumps",
            3,
            Input::Vote(bench.vote(4, near)),
            &["log nullify 17", "send nullify 17", "enter 18"],
        ),
        step(
            "a certificate from anywhere above jumps",
            4,
            Input::Certificate(bench.certificate(Vote::Nullify(round(500)))),
            &["log nullify 500", "send nullify 500", "enter 501"],
        ),
    ]);
    let other = Round { epoch: Epoch(1), view: View(501) };
    bench.check(vec![
        step("another epoch", 5, Input::Vote(bench.vote(1, Vote::Nullify(other))), &[]),
        step("its certificates", 6, Input::Certificate(bench.certificate(Vote::Nullify(other))), &[]),
    ]);
}

#[test]
fn rule_10_evidence_comes_once_and_also_for_settled_views() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let p = proposal(1, 0, &header);
    let rival = Proposal { block: Hash([7; 32]), ..p };
    let _ = bench.feed(1, proposed(&bench, 1, p, &header));
    let _ = bench.feed(2, valid(&header));
    let finalized = bench.certificate(Vote::Finalize(p));
    let _ = bench.feed(3, Input::Certificate(finalized));
    assert_eq!(bench.core.status().finalized_height, Height(1));
    let out = bench.feed(1_000, Input::Vote(bench.vote(2, Vote::Nullify(round(1)))));
    assert_eq!(out.iter().map(show).collect::<Vec<_>>(), ["evidence", "answer finalize 1"]);
    bench.check(vec![
        step("again: handed out already", 1_001, Input::Vote(bench.vote(2, Vote::Nullify(round(1)))), &[]),
        step("another kind", 1_002, Input::Vote(bench.vote(2, Vote::Finalize(rival))), &["evidence"]),
    ]);
}

#[test]
fn the_last_block_is_proposed_again_unchanged_until_final() {
    let mut bench = Bench::new(2, 1);
    bench.start();
    let last = bench.header(1, None, 1);
    assert_eq!(last.next_validators_hash, Hash([6; 32]));
    let p = proposal(1, 0, &last);
    let _ = bench.feed(1, proposed(&bench, 1, p, &last));
    let _ = bench.feed(2, valid(&last));
    let _ = bench.feed(3, Input::Certificate(bench.certificate(Vote::Notarize(p))));
    assert_eq!(bench.core.status().view, View(2));
    let again = proposal(2, 1, &last);
    let out = bench.feed(300, Input::Tick);
    assert_eq!(out, vec![Output::Cast { vote: Vote::Notarize(again), with_block: true }]);
    bench.check(vec![
        step(
            "certified again",
            310,
            Input::Certificate(bench.certificate(Vote::Notarize(again))),
            &["log notarize 2", "send notarize 2", "log certified 2", "enter 3", "cast finalize 2"],
        ),
        step(
            "final",
            320,
            Input::Certificate(bench.certificate(Vote::Finalize(again))),
            &["log finalize 2", "send finalize 2", "finalized 1"],
        ),
        step(
            "a straggler gets the proof",
            900,
            Input::Vote(bench.vote(4, Vote::Nullify(round(3)))),
            &["answer finalize 2"],
        ),
    ]);
    assert!(bench.core.status().done);
    assert_eq!(bench.core.next_deadline(), None);
}

#[test]
fn records_restore_the_view_and_bind_whatever_their_order() {
    let mut first = Bench::new(3, 100);
    first.start();
    let header = first.header(1, None, 1);
    let p = proposal(1, 0, &header);
    let two = Vote::Nullify(round(2));
    let records = [
        Record::Vote(first.vote(3, Vote::Notarize(p))),
        Record::Block(header.clone()),
        Record::Certificate(first.certificate(Vote::Notarize(p))),
        Record::Certified { round: round(1), block: header.hash() },
        Record::Vote(first.vote(3, two)),
        Record::Vote(SignedVote {
            vote: Vote::Nullify(Round { epoch: Epoch(9), view: View(99) }),
            ..first.vote(3, two)
        }),
    ];
    for turn in 0..records.len() {
        let mut bench = Bench::new(3, 100);
        let mut rotated = records.to_vec();
        rotated.rotate_left(turn);
        bench.core.restore(rotated);
        bench.check(vec![
            step(
                "back in view 2, which was given up",
                0,
                Input::Start,
                &["enter 2", "resend 1 votes, 1 certificates"],
            ),
            step(
                "no second nullify, no finalize below it",
                90_000,
                Input::Tick,
                &["resend 1 votes, 1 certificates"],
            ),
        ]);
        let late = bench.header(2, Some(&header), 1);
        let input = proposed(&bench, 2, proposal(2, 1, &late), &late);
        assert!(!bench.feed(90_001, input).iter().any(|o| matches!(o, Output::Cast { .. })));
    }
}

#[test]
fn a_synced_chain_moves_the_floor_and_the_view() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let one = bench.header(1, None, 1);
    let two = bench.header(4, Some(&one), 1);
    let certificate = bench.certificate(Vote::Finalize(proposal(4, 1, &two)));
    bench.check(vec![
        step(
            "synced through a descendant",
            1,
            Input::Synced { header: one, certificate: certificate.clone() },
            &["log finalize 4", "enter 5", "log finalize 4", "send finalize 4", "fetch"],
        ),
        step("synced to the end", 2, Input::Synced { header: two, certificate }, &["log finalize 4"]),
    ]);
    let status = bench.core.status();
    assert_eq!((status.finalized_height, status.finalized_view, status.view), (Height(2), View(4), View(5)));
}

#[test]
fn under_backpressure_nothing_new_is_notarized() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let header = bench.header(1, None, 1);
    let input = proposed(&bench, 1, proposal(1, 0, &header), &header);
    bench.check(vec![
        step("the backlog is full", 1, Input::Backpressure { on: true }, &[]),
        step("proposal", 2, input, &["execute"]),
        step("valid, but no vote", 3, valid(&header), &[]),
        step("room again", 4, Input::Backpressure { on: false }, &["log block 1", "cast notarize 1"]),
    ]);
    let mut leader = Bench::new(1, 100);
    leader.start();
    let _ = leader.feed(1, Input::Backpressure { on: true });
    leader.check(vec![
        step("no block is built either", 2, WORK, &[]),
        step("room again", 3, Input::Backpressure { on: false }, &["build 1 on 0"]),
    ]);
}

#[test]
fn deep_behind_the_finalized_tip_the_driver_is_asked_to_sync() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let mut tip = bench.header(1, None, 1);
    for view in 2..=config::SYNC_GAP_MIN + 2 {
        tip = bench.header(view, Some(&tip), 0);
    }
    let view = tip.view.0;
    let certificate = bench.certificate(Vote::Finalize(proposal(view, view - 1, &tip)));
    let _ = bench.feed(1, Input::Certificate(certificate));
    let sync = format!("sync to {} by finalize {view}", tip.height);
    bench.check(vec![
        step("the tip shows how far", 2, Input::Header { header: tip }, &[&sync]),
        step("asked again", 502, Input::Tick, &["resend 0 votes, 1 certificates", &sync]),
    ]);
}

#[test]
fn a_leader_far_above_the_last_finalization_builds_empty_blocks() {
    let mut bench = Bench::new(1, 1_000);
    bench.start();
    let _ = bench.feed(0, WORK);
    let mut parent: Option<Header> = None;
    let mut empty = Vec::new();
    for view in 1..=45u64 {
        let header = bench.header(view, parent.as_ref(), 1);
        let p = proposal(view, view - 1, &header);
        let now = view * 100;
        let certificate = bench.certificate(Vote::Notarize(p));
        for input in
            [Input::Certificate(certificate), Input::Header { header: header.clone() }, valid(&header)]
        {
            empty.extend(bench.feed(now, input).iter().filter_map(|o| match o {
                Output::Build(request) => Some((request.template.height.0, request.empty)),
                _ => None,
            }));
        }
        parent = Some(header);
    }
    assert!(empty.len() >= 10, "{empty:?}");
    assert!(empty.iter().all(|(height, empty)| *empty == (*height > config::UNFINALIZED_MAX)), "{empty:?}");
}

#[test]
fn rule_3_a_lower_parent_needs_every_view_between_nullified() {
    let mut bench = Bench::new(4, 100);
    bench.start();
    let one = bench.header(1, None, 1);
    let rival = bench.header(2, None, 2);
    let (p, q) = (proposal(1, 0, &one), proposal(2, 0, &rival));
    let _ = bench.feed(1, proposed(&bench, 1, p, &one));
    let _ = bench.feed(2, valid(&one));
    let _ = bench.feed(3, Input::Certificate(bench.certificate(Vote::Notarize(p))));
    let input = proposed(&bench, 2, q, &rival);
    let nullified = Input::Certificate(bench.certificate(Vote::Nullify(round(1))));
    bench.check(vec![
        step("on the floor, past a notarized view", 4, input, &["fetch certificates 1..=1"]),
        step("no vote without the nullification", 5, Input::Tick, &[]),
        step("which makes it legal", 6, nullified, &["log nullify 1", "send nullify 1", "execute"]),
        step("valid", 7, valid(&rival), &["log block 1", "cast notarize 2"]),
    ]);
}
