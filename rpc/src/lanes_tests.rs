use super::*;
use std::net::Ipv4Addr;

fn far(last: u8) -> Client {
    Client::Address(Ipv4Addr::new(192, 0, 2, last).into())
}

/// Ends the turn that is under way until nobody has one: the names of those who had one, in order.
fn played(mut waiting: Vec<(&'static str, oneshot::Receiver<Turn>)>) -> Vec<&'static str> {
    let mut order = Vec::new();
    loop {
        let turn = waiting.iter_mut().enumerate().find_map(|(i, (_, told))| Some((i, told.try_recv().ok()?)));
        let Some((i, turn)) = turn else { return order };
        order.push(waiting.remove(i).0);
        drop(turn);
    }
}

/// Goal: who has 512 pieces waiting takes turns with who has one, whoever came first.
#[test]
fn a_client_with_512_waiting_has_one_turn_in_each_round() {
    let lane = Lane::new(1);
    let under_way = lane.queue(Work::History, far(9)).try_recv().unwrap();
    let mut waiting: Vec<_> = (0..512).map(|_| ("many", lane.queue(Work::History, far(1)))).collect();
    waiting.extend((0..3).map(|_| ("few", lane.queue(Work::History, far(2)))));
    waiting.push(("one", lane.queue(Work::History, Client::Connection(1))));
    drop(under_way);
    let order = played(waiting);
    assert_eq!(order.len(), 516);
    assert_eq!(order[..6], ["many", "few", "one", "many", "few", "many"]);
    assert!(order[7..].iter().all(|name| *name == "many"));
}

/// Goal: of the pieces of one client none has a second turn before all had their first.
#[test]
fn pieces_of_a_client_that_come_back_go_to_the_end() {
    let lane = Lane::new(1);
    let mut turns = [0u32; 512];
    let mut waiting: VecDeque<_> = (0..turns.len()).map(|i| (i, lane.queue(Work::History, far(1)))).collect();
    for _ in 0..3 * turns.len() {
        let (i, mut told) = waiting.pop_front().unwrap();
        let turn = told.try_recv().unwrap();
        turns[i] += 1;
        waiting.push_back((i, lane.queue(Work::History, far(1))));
        drop(turn);
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        assert!(most - least <= 1);
    }
}

/// Goal: what is new waits for one piece of history and of a list at most, however much of them is waiting.
#[test]
fn kinds_of_work_take_turns() {
    let lane = Lane::new(1);
    let under_way = lane.queue(Work::History, far(9)).try_recv().unwrap();
    let mut waiting: Vec<_> = (0..40).map(|i| ("history", lane.queue(Work::History, far(i)))).collect();
    waiting.extend((0..40).map(|i| ("list", lane.queue(Work::List, far(i)))));
    waiting.extend((0..2).map(|i| ("new", lane.queue(Work::New, far(i)))));
    drop(under_way);
    let order = played(waiting);
    assert_eq!(order.len(), 82);
    assert_eq!(order[..8], ["new", "list", "history", "new", "list", "history", "list", "history"]);
}

#[test]
fn as_many_turns_as_threads_are_under_way_and_who_left_is_passed_over() {
    let lane = Lane::new(2);
    let mut all: Vec<_> = (0..6).map(|i| lane.queue(Work::Call, far(i))).collect();
    let mut here = all.split_off(4);
    let held: Vec<Turn> = all.iter_mut().filter_map(|told| told.try_recv().ok()).collect();
    assert_eq!(held.len(), 2);
    drop(all); // two of them with their turns in hand, two in line
    assert!(here.iter_mut().all(|told| told.try_recv().is_err()), "both threads are at work");
    drop(held);
    let held: Vec<Turn> = here.iter_mut().filter_map(|told| told.try_recv().ok()).collect();
    assert_eq!(held.len(), 2);
    drop(held);
    let unseen = lane.queue(Work::Call, far(1)); // handed a turn that it never takes
    drop(unseen);
    let again: Vec<_> = (0..2).map(|i| lane.queue(Work::Call, far(i)).try_recv().unwrap()).collect();
    assert_eq!((again.len(), lane.lock().lines.len()), (2, 0));
}
