#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::paygo::Left;

const HTML: &str = "application/x-www-form-urlencoded";

async fn post(headers: &[(&str, &str)], body: &str) -> (StatusCode, Option<String>, String) {
    let (sender, mut receiver) = mpsc::channel::<Typed>(1);
    let seen = tokio::spawn(async move {
        let Typed { digits, answer } = receiver.recv().await?;
        let credit = Left { ms: Some(90_000), ..Left::default() };
        let _ = answer.send(Ok(Answer::Taken { kind: "add".to_owned(), credit }));
        Some(digits)
    });
    let mut request = Request::builder().method("POST").uri("/token").header("host", "localhost:8660");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap(), &sender).await;
    drop(sender);
    let status = response.status();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, seen.await.unwrap(), String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test]
async fn a_form_from_here_and_json_are_taken_and_pages_from_elsewhere_are_not() {
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[("content-type", HTML), ("origin", "http://localhost:8660")], 200),
        (&[("content-type", HTML), ("sec-fetch-site", "same-origin")], 200),
        (&[("content-type", HTML), ("sec-fetch-site", "same-origin"), ("origin", "null")], 200),
        (&[("content-type", HTML)], 403), // who sends a form and does not say from where
        (&[("content-type", HTML), ("origin", "null")], 403),
        (&[("content-type", HTML), ("origin", "http://evil.example")], 403),
        (&[("content-type", HTML), ("origin", "http://localhost:8661")], 403),
        (
            &[("content-type", HTML), ("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8660")],
            403,
        ),
        (&[("content-type", HTML), ("sec-fetch-site", "same-site")], 403),
        (&[("content-type", "text/plain"), ("sec-fetch-site", "same-origin")], 415),
        (&[], 415),
    ];
    for (headers, status) in rows {
        let (got, digits, _) = post(headers, "token=662+486%20790").await;
        assert_eq!(got.as_u16(), *status, "{headers:?}");
        assert_eq!(digits.as_deref(), (*status == 200).then_some("662 486 790"), "{headers:?}");
    }
    let json: &[(&str, &str)] = &[("content-type", "application/json; charset=utf-8")];
    let (status, digits, text) = post(json, "{\"token\": \"662486790\"}").await;
    assert_eq!((status.as_u16(), digits.as_deref()), (200, Some("662486790")));
    let want =
        "{\"result\":\"taken\",\"kind\":\"add\",\"credit\":{\"wh\":null,\"ms\":90000,\"unlocked\":false}}";
    assert_eq!(text, want);
    let across = [json[0], ("origin", "http://evil.example")];
    assert_eq!(post(&across, "{\"token\": \"1\"}").await.0.as_u16(), 403);
}

#[tokio::test]
async fn other_bodies_are_refused_before_the_device_hears_of_them() {
    let html: &[(&str, &str)] = &[("content-type", HTML), ("sec-fetch-site", "same-origin")];
    let json: &[(&str, &str)] = &[("content-type", "application/json")];
    for (headers, body, status) in [
        (html, "".to_owned(), 400),
        (html, "nothing=1".to_owned(), 400),
        (json, "[]".to_owned(), 400),
        (json, "{\"token\": \"1\", \"more\": 1}".to_owned(), 400),
        (html, format!("token={}", "1".repeat(BODY_BYTES_MAX)), 413),
    ] {
        let (got, digits, _) = post(headers, &body).await;
        assert_eq!((got.as_u16(), digits), (status, None), "{body}");
    }
}

#[tokio::test]
async fn what_was_typed_is_in_no_answer() {
    let html: &[(&str, &str)] = &[("content-type", HTML), ("sec-fetch-site", "same-origin")];
    for body in ["token=662486790", "other=662486790"] {
        let (_, _, text) = post(html, body).await;
        assert!(!text.contains("662486790"), "{text}");
    }
}
