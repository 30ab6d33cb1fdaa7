use super::*;

fn places(max: usize, per_address_max: usize) -> Arc<Places> {
    Places::new(max, per_address_max, Arc::new(Metrics::new().unwrap()))
}

fn has_left(place: &Place) -> bool {
    !place.places.lock().entries.contains_key(&place.id)
}

#[tokio::test]
async fn the_one_that_waits_longest_makes_room_and_work_is_never_disturbed() {
    let places = places(3, 3);
    let local = Some(IpAddr::from([127, 0, 0, 1]));
    let (worker, idle, stalled) =
        (places.take(local).unwrap(), places.take(local).unwrap(), places.take(local).unwrap());
    worker.at_work();
    idle.reading();
    let newcomer = places.take(local).unwrap();
    assert!(has_left(&stalled) && !has_left(&idle), "who owes a request goes before who reads an answer");
    stalled.lost().await;
    newcomer.at_work();
    let next = places.take(local).unwrap();
    assert!(has_left(&idle) && !has_left(&worker) && !has_left(&newcomer));
    next.at_work();
    assert!(places.take(local).is_none(), "all are at work");
    drop(worker);
    assert!(places.take(local).is_some());
}

#[tokio::test]
async fn a_flood_of_newcomers_leaves_each_a_moment_to_ask() {
    let places = places(2, 2);
    let (idle, fresh) = (places.take(None).unwrap(), places.take(None).unwrap());
    assert!(futures::FutureExt::now_or_never(places.ripe()).is_none(), "both have only just come");
    places.ripe().await;
    idle.reading();
    fresh.asking();
    places.ripe().await;
    fresh.asking();
    let newcomer = places.take(None).unwrap();
    assert!(has_left(&idle) && !has_left(&fresh), "who has just begun to ask stays");
    fresh.at_work();
    newcomer.at_work();
    assert!(futures::FutureExt::now_or_never(places.ripe()).is_some(), "all at work: told so at once");
    drop(newcomer);
    assert!(futures::FutureExt::now_or_never(places.ripe()).is_some(), "a place is free");
}

#[tokio::test]
async fn one_address_does_not_take_all_places_and_loopback_is_no_address() {
    let places = places(8, 2);
    let far = Some(IpAddr::from([192, 0, 2, 1]));
    let (first, second) = (places.take(far).unwrap(), places.take(far).unwrap());
    let third = places.take(far).unwrap();
    assert!(has_left(&first) && !has_left(&second));
    second.at_work();
    third.at_work();
    assert!(places.take(far).is_none());
    assert!(places.take(Some(IpAddr::from([192, 0, 2, 2]))).is_some());
    let local: Vec<_> = (0..5).filter_map(|_| places.take(Some(IpAddr::from([127, 0, 0, 1])))).collect();
    assert_eq!(local.len(), 5);
    let six = |tail: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, tail]));
    assert_eq!(network_of(six(1).unwrap()), network_of(six(2).unwrap()));
}

#[tokio::test]
async fn it_is_known_when_all_have_gone() {
    let places = places(2, 2);
    let place = places.take(None).unwrap();
    assert!(futures::FutureExt::now_or_never(places.empty()).is_none());
    drop(place);
    places.empty().await;
}
