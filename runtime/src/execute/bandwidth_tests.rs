use super::*;

fn params(rate: u64, capacity: u64) -> Params {
    let mut params = crate::execute::tests::params();
    (params.bandwidth_rate, params.bandwidth_capacity) = (Weight(rate), Weight(capacity));
    params
}

#[test]
fn what_leaks_is_exact_however_often_it_is_polled() {
    let params = params(10, 5);
    let (mut tat, mut admitted) = (0, 0u32);
    for now in (0..60_000).step_by(150) {
        if let Ok(new) = draw(&params, tat, TimeMs(now), Weight(1)) {
            (tat, admitted) = (new, admitted + 1);
        }
    }
    assert!((398..=400).contains(&admitted), "{admitted}"); // polled 400 times at 6.67/s, below the rate
    let (mut tat, mut admitted) = (0, 0u32);
    for now in 0..60_000 {
        if let Ok(new) = draw(&params, tat, TimeMs(now), Weight(1)) {
            (tat, admitted) = (new, admitted + 1);
        }
    }
    assert_eq!(admitted, 5 + 599); // the capacity at once, then exactly one each 100 ms
}

#[test]
fn the_wait_it_names_is_the_least_that_helps() {
    let params = params(7, 20);
    let full = draw(&params, 0, TimeMs(1000), Weight(20)).expect("fits an empty bucket");
    let wait = draw(&params, full, TimeMs(1000), Weight(3)).expect_err("full");
    assert!(draw(&params, full, TimeMs(1000 + wait.0 - 1), Weight(3)).is_err());
    assert!(draw(&params, full, TimeMs(1000 + wait.0), Weight(3)).is_ok());
    assert_eq!(draw(&params, 0, TimeMs(0), Weight(21)), Err(TimeMs::MAX));
}
