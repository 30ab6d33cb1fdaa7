#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn a_refusal_keeps_its_stable_code() {
    let raw = |text: &str| RawValue::from_string(text.into()).unwrap();
    let table = [
        (Some(raw(r#"{"code":"bad_nonce","expected":"4"}"#)), "bad_nonce", false),
        (Some(raw(r#"{"code":"busy"}"#)), "busy", true),
        (Some(raw(r#""text""#)), "rpc_-32004", false),
        (None, "rpc_-32004", false),
    ];
    for (data, code, transient) in table {
        let error = refused(-32004, "no", data.as_deref());
        assert_eq!((error.code(), error.is_transient()), (code, transient));
    }
}

#[test]
fn part_of_a_list_is_not_taken_for_all_of_it() {
    let next = || Some("1-2".to_owned());
    assert_eq!(go_on(LIST_ITEMS_MAX - 1, next(), "energy_bill").unwrap(), next());
    assert_eq!(go_on(LIST_ITEMS_MAX, None, "energy_bill").unwrap(), None);
    assert_eq!(go_on(LIST_ITEMS_MAX, next(), "energy_bill").unwrap_err().code(), "too_many");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_at_once() {
    for endpoint in ["", "127.0.0.1:8645", "ftp://x/", "http://"] {
        let client = Client::new(endpoint, Duration::from_secs(1));
        assert!(matches!(client, Err(ClientError::Endpoint { .. })), "{endpoint:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_transient() {
    // Port 9 (discard) on loopback is closed everywhere that tests run.
    let client = Client::new("http://127.0.0.1:9/rpc", Duration::from_secs(2)).unwrap();
    let error = client.chain_status().await.err().unwrap();
    assert_eq!(error.code(), "rpc_unreachable", "{error}");
    assert!(error.is_transient());
}
