use super::*;
use axum::http::HeaderValue;

fn places(max: usize, per_address_max: usize) -> Arc<Places> {
    behind(&[], max, per_address_max)
}

fn behind(trusted: &[&str], max: usize, per_address_max: usize) -> Arc<Places> {
    let trusted = trusted.iter().map(|text| text.parse().unwrap()).collect();
    let proxies = Proxies { trusted, ..Proxies::default() };
    Places::new(max, per_address_max, proxies, Arc::new(Metrics::new().unwrap()))
}

fn from(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn naming(list: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", HeaderValue::from_static(list));
    headers
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

#[tokio::test]
async fn a_client_that_names_another_itself_gains_nothing() {
    let places = behind(&["192.0.2.9/32"], 8, 2);
    let own = || places.take(from("203.0.113.7"));
    let (first, second) = (own().unwrap(), own().unwrap());
    assert!(first.asked_by(&naming("198.51.100.1")) && second.asked_by(&naming("198.51.100.2")));
    assert_eq!(first.client(), Client::Address(from("203.0.113.7").unwrap()));
    assert!(own().is_none(), "it has its share, whatever it calls itself");
    // Through the proxy its own word stands before the proxy's.
    let by_proxy = places.take(from("192.0.2.9")).unwrap();
    assert!(!by_proxy.asked_by(&naming("198.51.100.1, 203.0.113.7")));
    drop(first);
    assert!(by_proxy.asked_by(&naming("198.51.100.1, 203.0.113.7")));
}

#[tokio::test]
async fn a_proxy_has_no_share_and_each_client_of_it_has_one() {
    for proxy in ["192.0.2.9", "127.0.0.1", "::ffff:192.0.2.9"] {
        let places = behind(&["192.0.2.9/32", "127.0.0.1/32"], 32, 2);
        let connect = || places.take(from(proxy)).unwrap();
        let held: Vec<_> = (0..4).map(|_| connect()).collect();
        let asked = |place: &Place, list| place.asked_by(&naming(list));
        assert!(asked(&held[0], "203.0.113.7") && asked(&held[1], "203.0.113.7"));
        assert!(!asked(&held[2], "203.0.113.7"), "one client has two at work");
        assert!(asked(&held[2], "203.0.113.8") && asked(&held[3], "2001:db8::1"));
        // A network of IPv6 is one client.
        let (more, most) = (connect(), connect());
        assert!(asked(&more, "2001:db8::2") && !asked(&most, "2001:db8::3"));
        assert_eq!(held[3].client(), more.client());
        // Between two requests a connection is nobody's: its next request may be another client's.
        held[0].reading();
        assert_eq!(held[0].client(), Client::Connection(held[0].id));
        assert!(asked(&most, "203.0.113.7") && !asked(&held[0], "203.0.113.7"));
        assert!(asked(&held[0], "203.0.113.9"));
    }
}

#[tokio::test]
async fn clients_that_make_themselves_unreadable_share_one_share() {
    let places = behind(&["127.0.0.1/32"], 8, 2);
    let connect = || places.take(from("127.0.0.1")).unwrap();
    let (first, second, third, own) = (connect(), connect(), connect(), connect());
    assert!(first.asked_by(&naming("unknown")) && second.asked_by(&naming("203.0.113.7, ")));
    assert!(!third.asked_by(&naming("")));
    assert_eq!(places.metrics.rpc_unreadable_clients_total.get(), 3);
    assert!(third.asked_by(&naming("203.0.113.7")), "who is named has its own");
    assert!(own.asked_by(&HeaderMap::new()), "a program on this machine has no limit");
}

/// Goal: nobody is without a limit for what it, or a proxy that repeats it, writes into a header.
#[tokio::test]
async fn who_is_named_by_an_address_that_is_nobodys_shares_the_share_of_the_proxy() {
    for name in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "127.8.9.10, 127.0.0.1"] {
        let places = behind(&["127.0.0.1/32"], 8, 2);
        let connect = || places.take(from("127.0.0.1")).unwrap();
        let (first, second, third) = (connect(), connect(), connect());
        assert!(first.asked_by(&naming(name)) && second.asked_by(&naming("unknown")));
        assert!(!third.asked_by(&naming(name)), "{name}");
        assert!(third.asked_by(&naming("203.0.113.7")), "who is named has its own");
    }
}
