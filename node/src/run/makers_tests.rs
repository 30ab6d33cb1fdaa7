#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

const PLACES: usize = 2;

#[tokio::test]
async fn no_more_answers_are_made_at_a_time_than_there_are_places() {
    let makers = Makers::with_places(PLACES);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut answers = Vec::new();
    for _ in 0..4 * PLACES {
        let (responder, answer) = Responder::new(false);
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        makers.make(responder, move || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50)); // long enough to meet others, if they are let in
            running.fetch_sub(1, Ordering::SeqCst);
            Response::Busy
        });
        answers.push(answer);
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap().0, Response::Busy, "all have their turn");
    }
    assert!(most.load(Ordering::SeqCst) <= PLACES, "{most:?} at a time");
}

#[tokio::test]
async fn strangers_keep_no_member_waiting_and_who_has_gone_costs_nothing() {
    let makers = Makers::with_places(1);
    let (stranger, held) = Responder::new(false);
    let (release, hold) = mpsc::channel();
    makers.make(stranger, move || {
        hold.recv().unwrap();
        Response::Busy
    });
    let made = Arc::new(AtomicUsize::new(0));
    let (late, answer) = Responder::new(false);
    drop(answer);
    let for_nobody = Arc::clone(&made);
    makers.make(late, move || {
        for_nobody.fetch_add(1, Ordering::SeqCst);
        Response::Busy
    });
    let (member, answer) = Responder::new(true);
    makers.make(member, || Response::Block(None));
    let answered = tokio::time::timeout(Duration::from_secs(60), answer).await;
    assert_eq!(
        answered.unwrap().unwrap().0,
        Response::Block(None),
        "the stranger's place is not the member's"
    );
    // Whoever comes after the one that has gone is served when the first is.
    let (next, answer) = Responder::new(false);
    makers.make(next, || Response::Block(None));
    release.send(()).unwrap();
    assert_eq!(held.await.unwrap().0, Response::Busy);
    assert_eq!(answer.await.unwrap().0, Response::Block(None));
    assert_eq!(made.load(Ordering::SeqCst), 0, "nobody waits for it");
}
