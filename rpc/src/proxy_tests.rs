use super::*;
use axum::http::HeaderValue;

fn proxies(header: AddressHeader) -> Proxies {
    let trusted = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
    Proxies { trusted: trusted.to_vec(), header }
}

fn named(header: AddressHeader, lines: &[&str]) -> Named {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header.name(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    proxies(header).named(&headers)
}

fn client(text: &str) -> Named {
    Named::Client(text.parse().unwrap())
}

#[test]
fn of_x_forwarded_for_the_last_that_is_no_proxy_counts() {
    let table: [(&[&str], Named); 14] = [
        (&[], Named::Nobody),
        (&["203.0.113.7"], client("203.0.113.7")),
        (&["203.0.113.7, 10.0.0.2"], client("203.0.113.7")),
        (&["203.0.113.7", "10.0.0.2", "10.1.1.1"], client("203.0.113.7")),
        // The client's own words stand first, and are never looked at.
        (&["198.51.100.1, 203.0.113.7"], client("203.0.113.7")),
        (&["198.51.100.1", "203.0.113.7, 10.0.0.2"], client("203.0.113.7")),
        (&["127.0.0.1, 203.0.113.7"], client("203.0.113.7")),
        (&["nonsense,,\"', 203.0.113.7"], client("203.0.113.7")),
        // A client in a network of proxies is one like others.
        (&["10.0.0.9, 10.0.0.2"], client("10.0.0.9")),
        (&["203.0.113.7:4711"], client("203.0.113.7")),
        (&["2001:db8::7"], client("2001:db8::7")),
        (&["[2001:db8::7]:443, [fd00::1]"], client("2001:db8::7")),
        (&["::ffff:203.0.113.7"], client("203.0.113.7")),
        (&["198.51.100.1, unknown"], Named::Unreadable),
    ];
    for (lines, want) in table {
        assert_eq!(named(AddressHeader::XForwardedFor, lines), want, "{lines:?}");
    }
    for line in
        ["", "unknown", "203.0.113.7,", "203.0.113.7 10.0.0.2", "203.0.113", "1.2.3.4:99999", "\u{e9}"]
    {
        assert_eq!(named(AddressHeader::XForwardedFor, &[line]), Named::Unreadable, "{line:?}");
    }
}

#[test]
fn of_forwarded_quotes_hide_nothing_and_an_open_one_gains_nothing() {
    let table: [(&str, Named); 14] = [
        ("for=203.0.113.7", client("203.0.113.7")),
        ("For=203.0.113.7;proto=https;by=10.0.0.1", client("203.0.113.7")),
        ("proto=https; for=\"203.0.113.7:4711\"", client("203.0.113.7")),
        ("for=\"[2001:db8::7]:443\", for=10.0.0.2", client("2001:db8::7")),
        ("for=198.51.100.1, for=203.0.113.7;host=\"a,b;for=1.2.3.4\"", client("203.0.113.7")),
        ("for=\"x\\\", for=198.51.100.1\", for=203.0.113.7", client("203.0.113.7")),
        ("for=\", for=203.0.113.7", Named::Unreadable),
        ("for=\", for=\"[2001:db8::7]\"", Named::Unreadable),
        ("for=198.51.100.1;x=\"\\, for=\"[2001:db8::7]\"", Named::Unreadable),
        ("for=unknown", Named::Unreadable),
        ("for=_hidden", Named::Unreadable),
        ("for=203.0.113.7;for=198.51.100.1", Named::Unreadable),
        ("by=203.0.113.7", Named::Unreadable),
        ("for=\"203.0.113.7", Named::Unreadable),
    ];
    for (line, want) in table {
        assert_eq!(named(AddressHeader::Forwarded, &[line]), want, "{line}");
    }
}

#[test]
fn of_x_real_ip_there_is_one() {
    assert_eq!(named(AddressHeader::XRealIp, &["203.0.113.7"]), client("203.0.113.7"));
    assert_eq!(named(AddressHeader::XRealIp, &["198.51.100.1", "203.0.113.7"]), Named::Unreadable);
    assert_eq!(named(AddressHeader::XRealIp, &["198.51.100.1, 203.0.113.7"]), Named::Unreadable);
    let mut other = HeaderMap::new();
    other.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
    assert_eq!(proxies(AddressHeader::XRealIp).named(&other), Named::Nobody);
}

#[test]
fn nobody_is_trusted_unless_named() {
    let trusts = |ip: &str| proxies(AddressHeader::XRealIp).trusts(ip.parse().unwrap());
    assert!(trusts("127.0.0.1") && trusts("::ffff:127.0.0.1") && trusts("10.255.0.1") && trusts("fdff::1"));
    assert!(!trusts("127.0.0.2") && !trusts("11.0.0.1") && !trusts("fe00::1") && !trusts("::1"));
    assert!(!Proxies::default().trusts("127.0.0.1".parse().unwrap()));
}
