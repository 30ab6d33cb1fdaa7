use super::*;

#[test]
fn only_loopback_names_are_served() {
    for host in ["localhost", "LOCALHOST:8660", "127.0.0.1", "127.0.0.1:8660", "[::1]:8660", "[::1]"] {
        assert!(is_loopback_host(host), "{host}");
    }
    for host in [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "10.0.0.9:8660",
        "localhost:x",
        ":8660",
    ] {
        assert!(!is_loopback_host(host), "{host}");
    }
}
