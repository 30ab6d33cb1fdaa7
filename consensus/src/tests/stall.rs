//! Stalls that last for months: the chain goes on when their cause is gone, and takes little room meanwhile.

use super::sim::Sim;
use super::sim_runs::CALM;
use super::table::*;
use crate::config::{FETCH_VIEWS, HOPE_VIEWS, PACED_VIEWS, STALL_VIEWS, VIEWS_BEHIND_MAX, VIEWS_KEPT_MAX};
use crate::*;
use std::collections::VecDeque;
use wattle_primitives::*;

const VIEWS: u64 = 50_000;
const DAY_MS: u64 = 86_400_000;

/// Certificates that pass views over, made from one.
struct Passed(Certificate);

impl Passed {
    fn new(bench: &Bench) -> Self {
        Self(bench.certificate(Vote::Nullify(round(1))))
    }

    fn view(&self, view: u64) -> Certificate {
        Certificate { vote: Vote::Nullify(round(view)), ..self.0.clone() }
    }

    fn pass(&self, bench: &mut Bench, at_ms: u64, views: std::ops::RangeInclusive<u64>) {
        for view in views {
            let _ = bench.feed(at_ms, Input::Certificate(self.view(view)));
        }
    }
}

fn builds(out: &[Output]) -> Option<(View, View)> {
    let request = |o: &Output| match o {
        Output::Build(request) => Some((request.round.view, request.parent_view)),
        _ => None,
    };
    out.iter().find_map(request)
}

/// A core of the validator that leads the view after the stall, which it has seen.
fn after_stall() -> (Bench, Passed) {
    let mut bench = Bench::new(1, 100);
    let passed = Passed::new(&bench);
    bench.start();
    passed.pass(&mut bench, 0, 1..=VIEWS);
    (bench, passed)
}

#[test]
fn a_leader_builds_across_fifty_thousand_nullified_views_and_a_restart_changes_nothing() {
    let (mut bench, _) = after_stall();
    let records = bench.core.records();
    let bytes: usize = records.iter().map(|record| encode(record).len()).sum();
    assert!(records.len() as u64 <= VIEWS + 3, "{} records", records.len());
    assert!(bytes as u64 <= 256 * VIEWS, "{bytes} bytes");
    let next = (View(VIEWS + 1), View(0));
    assert_eq!(builds(&bench.feed(1, Input::Work(Work::Transaction))), Some(next));
    let mut again = Bench::new(1, 100);
    again.core.restore(records);
    again.start();
    assert_eq!(builds(&again.feed(1, Input::Work(Work::Transaction))), Some(next));
    let (mut old, mut new) = (bench.core.records(), again.core.records());
    old.sort_by_key(encode);
    new.sort_by_key(encode);
    assert_eq!(old, new, "what is kept is enough to keep the same");
}

/// Goal: what is kept of views is bounded, whatever makes them, and the newest are what is kept.
#[test]
fn of_more_views_than_are_kept_the_lowest_go() {
    let mut bench = Bench::new(1, 100);
    let passed = Passed::new(&bench);
    bench.start();
    let views = VIEWS_KEPT_MAX as u64 + 3;
    passed.pass(&mut bench, 0, 1..=views);
    let held = |view: u64| !bench.core.certificates(View(view), View(view)).is_empty();
    assert!((1..=3).all(|view| !held(view)));
    assert!([4, 5, views].into_iter().all(held));
}

/// Goal: who missed a stall has its evidence after a bounded number of questions, and nothing comes twice.
#[test]
fn a_newcomer_fetches_the_evidence_of_a_stall_in_bounded_answers() {
    let (bench, passed) = after_stall();
    let mut newcomer = Bench::new(1, 100);
    newcomer.start();
    let _ = newcomer.feed(1, Input::Work(Work::Transaction));
    let mut outputs = VecDeque::from(newcomer.feed(1, Input::Certificate(passed.view(VIEWS))));
    let (mut questions, mut bytes, mut built) = (0u64, 0, None);
    while let Some(output) = outputs.pop_front() {
        built = built.or(builds(std::slice::from_ref(&output)));
        if let Output::FetchCertificates { from, to, .. } = output {
            let found = bench.core.certificates(from, to);
            questions += 1;
            bytes += encode(&found).len() as u64;
            for certificate in found {
                outputs.extend(newcomer.feed(1, Input::Certificate(certificate)));
            }
        }
    }
    assert_eq!(built, Some((View(VIEWS + 1), View(0))));
    assert!(questions <= VIEWS / FETCH_VIEWS + 2, "{questions} questions");
    assert!(bytes <= 256 * VIEWS, "{bytes} bytes");
}

/// The timing of a microgrid's genesis.
const MICROGRID: Timing = Timing { idle_interval_ms: 60_000, timeout_ms_max: 120_000, ..TIMING };

/// Views that each come to nothing within `days` of a stall whose leaders are all there, and the last one's timeout.
fn views_within(days: u64) -> (u64, u64) {
    let mut bench = Bench::with(3, 100, MICROGRID);
    let passed = Passed::new(&bench);
    bench.start();
    let (mut view, mut ms) = (0, 0);
    while ms < days * DAY_MS {
        view += 1;
        passed.pass(&mut bench, 0, view..=view);
        ms += MICROGRID.idle_interval_ms + bench.core.status().leader_timeout_ms;
    }
    (view, bench.core.status().leader_timeout_ms)
}

/// Goal: the longer a stall, the longer its views: their number stays small, and none lasts much more than a
/// thousandth of the stall.
#[test]
fn views_grow_with_the_logarithm_of_a_stalls_length() {
    for (days, views_max) in [(11, 3_000), (30, 4_500), (365, 8_500), (3_650, 12_000)] {
        let (views, timeout_ms) = views_within(days);
        assert!(views <= views_max, "{views} views in {days} days");
        assert!(timeout_ms <= days * DAY_MS / 900, "{timeout_ms} ms after {days} days");
    }
}

#[test]
fn timers_are_short_again_for_a_while_after_a_restart_or_when_there_is_room_again() {
    let limit = TIMING.timeout_ms_max;
    let mut bench = Bench::new(3, 100);
    let passed = Passed::new(&bench);
    bench.start();
    let stalled = 2 * STALL_VIEWS + 11;
    passed.pass(&mut bench, 0, 1..=stalled);
    assert_eq!(bench.core.status().leader_timeout_ms, 4 * limit);
    let mut again = Bench::new(3, 100);
    again.core.restore(bench.core.records());
    again.start();
    assert_eq!(again.core.status().leader_timeout_ms, limit);
    let _ = bench.feed(1, Input::Backpressure { on: true });
    let relieved_ms = 3 * limit;
    let _ = bench.feed(relieved_ms, Input::Tick);
    let out = bench.feed(relieved_ms, Input::Backpressure { on: false });
    assert_eq!(out, vec![], "the view is not given up the moment there is room: its timers start again");
    assert_eq!(bench.core.status().leader_timeout_ms, limit);
    let until_ms = relieved_ms + TIMING.idle_interval_ms + limit;
    let nullified = format!("cast nullify {}", stalled + 1);
    bench.check(vec![
        step("not before", until_ms - 1, Input::Tick, &[]),
        step("then the view is given up", until_ms, Input::Tick, &[&nullified]),
    ]);
    for bench in [&mut bench, &mut again] {
        passed.pass(bench, until_ms, stalled + 1..=stalled + HOPE_VIEWS);
        assert_eq!(bench.core.status().leader_timeout_ms, 4 * limit, "not for ever");
    }
}

#[test]
fn rule_5_a_view_that_can_no_longer_be_final_is_given_up_with_the_others() {
    let mut bench = Bench::new(3, 100);
    bench.start();
    let gives_up = |bench: &Bench, by| Input::Vote(bench.vote(by, Vote::Nullify(round(1))));
    let (second, fourth) = (gives_up(&bench, 2), gives_up(&bench, 4));
    bench.check(vec![
        step("one of four may be a liar", 1, second, &[]),
        step("two leave no quorum to finalize", 2, fourth, &["cast nullify 1"]),
    ]);
}

#[test]
fn in_a_stall_a_view_that_is_given_up_at_once_lasts_a_while_all_the_same() {
    let pace_ms = TIMING.timeout_ms_max / 64;
    for (stalled, waits_ms) in [(PACED_VIEWS - 1, 0), (PACED_VIEWS, pace_ms)] {
        let mut bench = Bench::new(3, 100);
        let passed = Passed::new(&bench);
        bench.start();
        passed.pass(&mut bench, 0, 1..=stalled);
        let view = stalled + 1;
        let leader = (view as usize - 1) % 4 + 1;
        let nullified = format!("cast nullify {view}");
        let gives_up = Input::Vote(bench.vote(leader, Vote::Nullify(round(view))));
        if waits_ms == 0 {
            bench.check(vec![step("at once", 0, gives_up, &[&nullified])]);
        } else {
            bench.check(vec![
                step("its leader gives the view up", 0, gives_up, &[]),
                step("not yet", waits_ms - 1, Input::Tick, &[]),
                step("the view is given up", waits_ms, Input::Tick, &[&nullified]),
            ]);
        }
    }
}

/// Goal: after the loss of its log a validator is past the views that it had given up in no time, and no further.
#[test]
fn views_given_up_before_the_log_was_lost_are_given_up_again_at_once() {
    let mut bench = Bench::new(1, 100);
    let passed = Passed::new(&bench);
    let (finalized, last) = (1, 2 * PACED_VIEWS);
    bench.core.gave_up(Some(GivenUp { after: round(finalized), last: round(last) }));
    let nullifies = |out: &[Output], view: u64| {
        let nullified = format!("cast nullify {view}");
        out.iter().any(|output| show(output) == nullified)
    };
    let mut out = bench.feed(0, Input::Start);
    for view in 1..=last {
        assert_eq!(nullifies(&out, view), view > finalized, "view {view}");
        out = bench.feed(0, Input::Certificate(passed.view(view)));
    }
    assert!(!nullifies(&out, last + 1));
}

/// Goal: a leader without room does not hold up those that have room again; one with room proposes.
#[test]
fn in_a_long_stall_a_leader_without_room_gives_its_view_up_and_proposes_once_there_is_room() {
    let full = Input::Backpressure { on: true };
    let stalled = 2 * STALL_VIEWS;
    let pace_ms = 4 * TIMING.timeout_ms_max / 64;
    let nullified = format!("cast nullify {}", stalled + 1);
    let built = format!("build {} on 0", stalled + 1);
    let leader = || {
        let mut bench = Bench::new(1, 100);
        let passed = Passed::new(&bench);
        bench.start();
        passed.pass(&mut bench, 0, 1..=stalled);
        bench
    };
    leader().check(vec![
        step("no room", 0, full.clone(), &[]),
        step("not at once", pace_ms - 1, Input::Tick, &[]),
        step("the others need not wait for a timer", pace_ms, Input::Tick, &[&nullified]),
    ]);
    leader().check(vec![
        step("no room", 0, full, &[]),
        step("room before the view is given up", pace_ms - 1, Input::Backpressure { on: false }, &[]),
        step("work", pace_ms, Input::Work(Work::Transaction), &[&built]),
    ]);
}

/// Goal: a stall in which every leader proposes keeps the blocks of recent views, and of notarized ones.
#[test]
fn blocks_of_views_that_came_to_nothing_are_forgotten() {
    let mut bench = Bench::new(3, 100);
    let passed = Passed::new(&bench);
    bench.start();
    let mut headers = Vec::new();
    let (notarized, views) = (20u64, 400u64);
    for view in 1..=views {
        let parent = (view > notarized).then(|| &headers[notarized as usize - 1]).cloned();
        let header = bench.header(view, parent.as_ref(), 1);
        let parent_view = if view > notarized { notarized } else { 0 };
        let vote =
            bench.vote((view as usize - 1) % 4 + 1, Vote::Notarize(proposal(view, parent_view, &header)));
        let block = header.hash();
        let _ = bench.feed(view, Input::Proposal { vote, header: header.clone() });
        let _ = bench.feed(view, Input::Executed { block, verdict: Verdict::Valid });
        if view == notarized {
            let certificate = bench.certificate(vote.vote);
            let _ = bench.feed(view, Input::Certificate(certificate));
        }
        passed.pass(&mut bench, view, view..=view);
        headers.push(header);
    }
    let known = |view: u64| bench.core.knows_block(&headers[view as usize - 1].hash());
    let kept = (1..=views).filter(|view| known(*view)).count() as u64;
    assert!(known(notarized) && (views - VIEWS_BEHIND_MAX + 1..=views).all(known), "{kept}");
    assert!(kept <= 2 * VIEWS_BEHIND_MAX, "{kept} blocks");
    let in_log = bench.core.records().iter().filter(|r| matches!(r, Record::Block(_))).count() as u64;
    assert!(in_log <= kept, "{in_log} bodies in the log");
}

/// Goal: a stall of 50,000 views, with the disks of half the power full, ends by itself when there is room, in spite of
/// power cuts on the way; who has nothing of it catches up when it is needed for a quorum.
#[test]
fn after_a_stall_of_fifty_thousand_views_the_chain_goes_on_with_a_newcomer() {
    for seed in 0..4 {
        let mut sim = Sim::new(seed, 4, CALM);
        for node in 0..3 {
            sim.remember_stall(node, VIEWS);
        }
        for node in [1, 2] {
            sim.press(node, true);
        }
        sim.run_until(30_000, |_| false);
        for node in 0..4 {
            sim.cut_power(node, Some(500));
        }
        sim.run_until(60_000, |_| false);
        let view = |s: &Sim, node: usize| s.nodes[node].core.as_ref().unwrap().status().view.0;
        assert!(sim.height_max() == 0 && view(&sim, 3) > VIEWS, "seed {seed}");
        sim.cut_power(2, None);
        sim.press(1, false);
        // 1,613 answers of 31 certificates, each after two hops of up to 30 ms.
        sim.run_until(60_000 + 150_000, |s| [0, 1, 3].iter().all(|node| s.nodes[*node].height() >= 10));
        let heights: Vec<_> = sim.nodes.iter().map(super::sim_node::Node::height).collect();
        assert!([0, 1, 3].iter().all(|node| heights[*node] >= 10), "{heights:?}, seed {seed}");
    }
}
