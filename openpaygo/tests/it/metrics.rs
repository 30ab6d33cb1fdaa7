//! Metrics: the protocol's vectors, limits, replay, and what is billable.

use openpaygo::metrics::*;
use openpaygo::{Command, Count, Format, Profile, Secret, encode};

fn secret() -> Secret {
    Secret::from_hex("dac86b1a29ab82edc5fbbc41ec9530f6", None).unwrap()
}

fn map(members: &[(&str, Datum)]) -> Vec<(String, Datum)> {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn float(float: f64) -> Datum {
    Datum::Number(Number::float(float).unwrap())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn format() -> DataFormat {
    DataFormat {
        id: Some(1234.into()),
        data_order: names(&["token_count", "tampered", "firmware_version"]),
        historical_data_order: names(&[
            "panel_voltage",
            "battery_voltage",
            "panel_current",
            "battery_current",
        ]),
        historical_data_interval: Some(60),
    }
}

/// The example of the reference's README.
fn example() -> Request {
    let step = |values: [f64; 4]| {
        format().historical_data_order.into_iter().zip(values.map(float)).collect::<Vec<_>>()
    };
    Request {
        serial: "aaa111222".into(),
        timestamp_s: Some(1_611_583_070),
        format: Some(format()),
        data: map(&[
            ("token_count", 3.into()),
            ("tampered", false.into()),
            ("firmware_version", "1.2.3".into()),
        ]),
        history: vec![step([12.31, 12.32, 1.23, -1.23]), step([12.30, 12.31, 1.22, -1.21])],
        ..Request::default()
    }
}

#[test]
fn the_protocols_vectors_hold() {
    let table = [
        (AuthMethod::RecursiveData, None, "raa5cb1fda302cf94e"),
        (AuthMethod::Data, None, "daa03373399beadd9e"),
        (AuthMethod::Timestamp, None, "ta56b510be626dd3e9"),
        (AuthMethod::Simple, None, "sab61f0d8fa11d4914"),
        (AuthMethod::Counter, Some(7), "caa65c57863d15463"), // 15 digits
    ];
    for (method, request_count, want) in table {
        let request = Request { request_count, ..example() };
        let body = request.to_json(Style::Condensed, Some((method, &secret()))).unwrap();
        assert!(body.ends_with(&format!(r#","a":"{want}"}}"#)), "{body}");
        let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
        assert_eq!((verified.method(), verified.is_billable()), (method, method.signs_data()));
    }
    let body = example().to_json(Style::Condensed, Some((AuthMethod::RecursiveData, &secret()))).unwrap();
    let want = r#"{"sn":"aaa111222","df":1234,"ts":1611583070,"d":[3,false,"1.2.3"],"hd":[[12.31,12.32,1.23,-1.23],[12.3,12.31,1.22,-1.21]],"a":"raa5cb1fda302cf94e"}"#;
    assert_eq!(body, want);
}

#[test]
fn every_form_says_the_same() {
    for method in AuthMethod::ALL {
        for style in [Style::Simple, Style::Condensed] {
            let request = Request { request_count: Some(9), ..example() };
            let json = request.to_json(style, Some((method, &secret()))).unwrap();
            let cbor = request.to_cbor(style, Some((method, &secret()))).unwrap();
            assert!(cbor.len() < json.len());
            for received in [Received::from_json(json.as_bytes()), Received::from_cbor(&cbor)] {
                let received = received.unwrap();
                assert_eq!((received.serial(), received.format_id()), ("aaa111222", Some(&1234.into())));
                let metrics = received.verify(&secret()).unwrap().metrics(Some(&format()), 0).unwrap();
                assert_eq!(metrics.data, request.data);
                assert_eq!((metrics.at_s, metrics.token_count()), (1_611_583_070, Some(3)));
                let times: Vec<i64> = metrics.history.iter().map(|step| step.at_s).collect();
                assert_eq!(times, [1_611_583_070, 1_611_583_130]);
                let values: Vec<_> = metrics.history.into_iter().map(|step| step.values).collect();
                assert_eq!(values, request.history);
            }
        }
    }
}

/// A body with the signature that its method asks for, over the parts given.
fn signed(method: &str, parts: &[&str], body: &str) -> String {
    let hash = secret().hash(parts.concat().as_bytes());
    body.replace("AUTH", &format!("{method}{hash:x}"))
}

#[test]
fn what_was_sent_is_verified_as_it_was_sent_and_else_as_the_reference_writes_it() {
    // Spaces, a trailing zero and a raw letter: signed over the slices themselves.
    let (data, history) = ("[ 12.30, \"\u{e9}\" ]", "[ [1.0] ]");
    let body = format!(r#"{{ "sn": "x", "ts": 1611583070, "d": {data}, "hd": {history}, "a": "AUTH" }}"#);
    let as_sent = signed("da", &["x", "1611583070", data, history], &body);
    assert!(Received::from_json(as_sent.as_bytes()).unwrap().verify(&secret()).is_ok());
    // The same, signed over the canonical form.
    let canonical = signed("da", &["x", "1611583070", r#"[12.3,"\u00e9"]"#, "[[1.0]]"], &body);
    assert!(Received::from_json(canonical.as_bytes()).unwrap().verify(&secret()).is_ok());
    let neither = signed("da", &["x", "1611583070", r#"[12.30,"\u00e9"]"#, "[[1.0]]"], &body);
    assert_eq!(
        Received::from_json(neither.as_bytes()).unwrap().verify(&secret()).err(),
        Some(AuthError::Wrong)
    );
}

#[test]
fn numbers_are_written_as_the_reference_writes_them() {
    let table = [
        ("12.30", "12.3"),
        ("1E5", "100000.0"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("1.5e16", "1.5e+16"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("0.0000125", "1.25e-05"),
        ("1e100", "1e+100"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("5e-324", "5e-324"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ];
    for (sent, want) in table {
        let body =
            signed("da", &["x", &format!("[{want}]")], &format!(r#"{{"sn":"x","d":[{sent}],"a":"AUTH"}}"#));
        assert!(Received::from_json(body.as_bytes()).unwrap().verify(&secret()).is_ok(), "{sent}");
    }
}

#[test]
fn a_changed_body_is_not_believed() {
    for method in [AuthMethod::Data, AuthMethod::RecursiveData] {
        let request = Request { request_count: Some(7), ..example() };
        let body = request.to_json(Style::Condensed, Some((method, &secret()))).unwrap();
        for (from, to) in [
            ("aaa111222", "aaa111223"),
            ("1611583070", "1611583071"),
            (":7", ":8"),
            ("[3,", "[4,"),
            ("12.31,1.22", "12.31,1.23"),
        ] {
            let changed = body.replacen(from, to, 1);
            assert_ne!(changed, body, "{from} is there");
            let received = Received::from_json(changed.as_bytes()).unwrap();
            assert_eq!(received.verify(&secret()).err(), Some(AuthError::Wrong), "{method:?} {to}");
        }
        let other = Secret::new([1; 16], None).unwrap();
        assert_eq!(
            Received::from_json(body.as_bytes()).unwrap().verify(&other).err(),
            Some(AuthError::Wrong)
        );
    }
    let auth = |auth: &str| {
        let body = format!(r#"{{"sn":"aaa111222","d":[],"a":{auth}}}"#);
        Received::from_json(body.as_bytes()).unwrap().verify(&secret()).err()
    };
    assert_eq!(auth("null"), Some(AuthError::Missing));
    for bad in [
        r#""""#,
        r#""sa""#,
        r#""xxb61f0d8fa11d4914""#,
        r#""saB61F0D8FA11D4914""#,
        r#""sa0b61f0d8fa11d4914""#,
        r#""sa+61f0d8fa11d4914""#,
    ] {
        assert_eq!(auth(bad), Some(AuthError::Format), "{bad}");
    }
    assert_eq!(auth(r#""sab61f0d8fa11d4914""#), None);
    assert_eq!(auth(r#""ta1""#), Some(AuthError::Field("timestamp")));
    assert_eq!(auth(r#""ca1""#), Some(AuthError::Field("request_count")));
}

#[test]
fn digits_that_are_split_otherwise_are_not_billable() {
    let request = Request { request_count: Some(12), ..example() };
    let body = request.to_json(Style::Condensed, Some((AuthMethod::Data, &secret()))).unwrap();
    let ours = r#""ts":1611583070,"rc":12"#;
    assert!(body.contains(ours));
    for split in [
        r#""ts":161158,"rc":307012"#,
        r#""ts":16115830701,"rc":2"#,
        r#""ts":161158307012"#,
        r#""rc":12,"ts":1611583070,"dct":1611583000"#,
        r#""rc":12,"ts":1611583070,"dtc":1611583000"#,
        r#""rc":12,"ts":1611583070,"dfo":{"data_order":["a","b","c"]}"#,
    ] {
        let replay = body.replace(ours, split);
        let verified = Received::from_json(replay.as_bytes()).unwrap().verify(&secret()).unwrap();
        assert!(!verified.is_billable(), "{split}");
    }
    // A history that is passed off as data.
    let moved = signed("da", &["x", "[[1,2]]"], r#"{"sn":"x","d":[[1,2]],"a":"AUTH"}"#);
    assert!(!Received::from_json(moved.as_bytes()).unwrap().verify(&secret()).unwrap().is_billable());
}

#[test]
fn an_identical_resend_is_answered_and_all_else_that_is_not_newer_is_refused() {
    let sequence = |count: Option<u32>, timestamp: u64, version: &str| {
        let mut request = Request { request_count: count, timestamp_s: Some(timestamp), ..example() };
        request.data = map(&[("firmware_version", version.into())]);
        let body = request.to_json(Style::Condensed, Some((AuthMethod::Data, &secret()))).unwrap();
        Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap().sequence(&secret()).unwrap()
    };
    let last = sequence(Some(5), 1_700_000_000, "a");
    let table = [
        (sequence(Some(5), 1_700_000_000, "a"), Ok(Freshness::Resend)),
        (sequence(Some(6), 1_600_000_000, "b"), Ok(Freshness::New)),
        (sequence(Some(5), 1_700_000_000, "b"), Err(ReplayError::OtherBody)),
        (sequence(Some(5), 1_700_000_001, "a"), Err(ReplayError::OtherBody)),
        (sequence(Some(4), 1_800_000_000, "a"), Err(ReplayError::Older)),
        (sequence(None, 1_800_000_000, "a"), Err(ReplayError::Uncounted)),
    ];
    for (this, want) in table {
        assert_eq!(this.follows(Some(last)), want, "{this:?}");
    }
    assert_eq!(last.follows(None), Ok(Freshness::New));
    let timed = sequence(None, 1_700_000_000, "a");
    assert_eq!(timed.follows(Some(timed)), Ok(Freshness::Resend));
    assert_eq!(sequence(None, 1_700_000_001, "a").follows(Some(timed)), Ok(Freshness::New));
    assert_eq!(sequence(None, 1_699_999_999, "a").follows(Some(timed)), Err(ReplayError::Older));
    let body = signed("sa", &["x"], r#"{"sn":"x","a":"AUTH"}"#);
    let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
    assert_eq!(verified.sequence(&secret()), None);
    for (method, want) in [
        (AuthMethod::Simple, None),
        (AuthMethod::Timestamp, Some(SequenceNumber::Time(1_611_583_070))),
        (AuthMethod::Counter, Some(SequenceNumber::Count(7))),
        (AuthMethod::Data, Some(SequenceNumber::Count(7))),
        (AuthMethod::RecursiveData, Some(SequenceNumber::Count(7))),
    ] {
        let request = Request { request_count: Some(7), ..example() };
        let body = request.to_json(Style::Condensed, Some((method, &secret()))).unwrap();
        let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
        let number = verified.sequence(&secret()).map(|this| this.number);
        assert_eq!(number, want, "{method:?}: a number that is not signed counts for nothing");
    }
}

fn metrics(body: &str, format: Option<&DataFormat>) -> Result<Metrics, FormatError> {
    let body = signed("sa", &["x"], &format!(r#"{{"sn":"x","a":"AUTH",{body}}}"#));
    Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap().metrics(format, 77)
}

#[test]
fn each_step_has_its_time() {
    let format = format();
    let times = |body: &str| {
        metrics(body, Some(&format)).map(|m| m.history.iter().map(|step| step.at_s).collect::<Vec<_>>())
    };
    let table = [
        (r#""ts":1000,"hd":[[1],[2],[3]]"#, vec![1000, 1060, 1120]),
        (r#""hd":[[1]]"#, vec![77]),
        (r#""ts":1000,"dct":500,"hd":[[1],[2]]"#, vec![500, 560]),
        (r#""ts":1000,"dtc":500,"hd":[[1]]"#, vec![500]),
        (r#""ts":1000,"hd":[{"timestamp":900},{},{"timestamp":2000,"0":1},[5]]"#, vec![900, 960, 2000, 2060]),
        (
            r#""ts":1000,"hd":[{"relative_time":-5},{"relative_time":0},{"relative_time":7}]"#,
            vec![995, 995, 1002],
        ),
        (r#""ts":1000,"historical_data":{}"#, vec![]),
    ];
    for (body, want) in table {
        assert_eq!(times(body), Ok(want), "{body}");
    }
    assert_eq!(times(r#""hd":[{"timestamp":"now"}]"#), Err(FormatError::Time(0)));
    assert_eq!(times(r#""hd":[[1],{"relative_time":9223372036854775807}]"#), Err(FormatError::Time(1)));
    let timeless = DataFormat { historical_data_interval: None, ..format.clone() };
    assert_eq!(metrics(r#""hd":[[1],[2]]"#, Some(&timeless)), Err(FormatError::NoTime(1)));
}

#[test]
fn values_find_their_names() {
    let format = format();
    let found = metrics(r#""d":[3],"hd":[{"1":12.5,"panel_current":2,"9":1}]"#, Some(&format)).unwrap();
    assert_eq!(found.data, map(&[("token_count", 3.into())]), "what is absent at the end is absent");
    let step = map(&[("battery_voltage", float(12.5)), ("panel_current", 2.into()), ("9", 1.into())]);
    assert_eq!(found.history[0].values, step);
    let found = metrics(r#""d":{"tc":4,"autsr":true,"aslr":0}"#, None).unwrap();
    assert_eq!(
        (found.token_count(), found.wants_active_until(), found.wants_seconds_left()),
        (Some(4), true, false)
    );
    let sent = r#""dfo":{"data_order":["volts"]},"d":[1]"#;
    assert_eq!(metrics(sent, None).unwrap().data, map(&[("volts", 1.into())]));
    assert!(metrics(sent, Some(&format)).unwrap().get("volts").is_none(), "the registered format goes first");
    let table = [
        (r#""d":[1]"#, None, FormatError::Unknown("data")),
        (r#""hd":[[1]]"#, None, FormatError::Unknown("historical_data")),
        (r#""d":[1,2,3,4]"#, Some(&format), FormatError::TooMany("data")),
        (r#""hd":[[1,2,3,4,5]]"#, Some(&format), FormatError::TooMany("historical_data")),
        (r#""d":{"tc":1,"token_count":2}"#, None, FormatError::Duplicate("token_count".into())),
        (
            r#""hd":[{"0":1,"panel_voltage":2}]"#,
            Some(&format),
            FormatError::Duplicate("panel_voltage".into()),
        ),
    ];
    for (body, format, want) in table {
        assert_eq!(metrics(body, format), Err(want), "{body}");
    }
    let unknown = Request { data: map(&[("other", 1.into())]), ..example() };
    assert_eq!(unknown.to_json(Style::Condensed, None), Err(FormatError::TooMany("data")));
}

#[test]
fn what_is_too_much_is_not_read() {
    let json = |body: String| Received::from_json(body.as_bytes()).err();
    let deep = |depth: usize| format!(r#"{{"sn":"x","d":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(json(deep(DEPTH_MAX)), None);
    assert_eq!(json(deep(DEPTH_MAX + 1)), Some(ReadError::TooDeep));
    assert_eq!(json(deep(2_000_000)), json(deep(100_000)), "no stack is used up");
    let full = format!(r#"{{"sn":"x","d":{}0{}}}"#, "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert_eq!(json(full), None, "values in the deepest list");
    let long = |n: usize| format!(r#"{{"sn":"x","d":["{}"]}}"#, "a".repeat(n));
    assert_eq!(json(long(TEXT_BYTES_MAX)), None);
    assert_eq!(json(long(TEXT_BYTES_MAX + 1)), Some(ReadError::TooLong));
    let named = |n: usize| format!(r#"{{"sn":"x","{}":1}}"#, "a".repeat(n));
    assert_eq!(json(named(TEXT_BYTES_MAX)), None);
    assert_eq!(json(named(TEXT_BYTES_MAX + 1)), Some(ReadError::TooLong));
    let format = |n: usize| {
        let order = Datum::List(vec!["a".repeat(n).as_str().into()]);
        DataFormat::from_datum(&Datum::Map(map(&[("data_order", order)]))).err()
    };
    assert_eq!(format(NAME_BYTES_MAX), None);
    assert_eq!(format(NAME_BYTES_MAX + 1), Some(ReadError::TooLong));
    assert_eq!(json(long(BODY_BYTES_MAX)), Some(ReadError::TooLarge { bytes: BODY_BYTES_MAX + 19 }));
    let many = |n: usize| format!(r#"{{"sn":"x","d":[{}0]}}"#, "0,".repeat(n));
    assert_eq!(json(many(VALUES_MAX)), Some(ReadError::TooMany));
    assert_eq!(json(format!(r#"{{"sn":"{}"}}"#, "s".repeat(SERIAL_BYTES_MAX + 1))), Some(ReadError::TooLong));
    assert_eq!(
        json(format!(r#"{{"sn":"x","ts":{}}}"#, "1".repeat(NUMBER_BYTES_MAX + 1))),
        Some(ReadError::TooLong)
    );

    let cbor = |bytes: &[u8]| Received::from_cbor(bytes).err();
    let field = |value: &[u8]| [&[0xa2, 0x62, b's', b'n', 0x61, b'x', 0x61, b'd'], value].concat();
    assert_eq!(cbor(&field(&[0x80])), None);
    assert_eq!(cbor(&field(&[0x81; DEPTH_MAX + 3])), Some(ReadError::TooDeep));
    assert!(
        matches!(
            cbor(&field(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
            Some(ReadError::Syntax(_))
        ),
        "a list that says it is endless"
    );
    assert!(
        matches!(
            cbor(&field(&[0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
            Some(ReadError::Syntax(_))
        ),
        "a text that says so"
    );
    assert!(matches!(cbor(&[field(&[0x80]), vec![0]].concat()), Some(ReadError::Syntax(_))), "bytes follow");
    let many: Vec<u8> = [&[0x9a, 0x00, 0x10, 0x00, 0x00][..], &vec![0; 0x10_0000]].concat();
    assert_eq!(cbor(&field(&many)), Some(ReadError::TooMany));
    assert_eq!(cbor(&vec![0; BODY_BYTES_MAX + 1]), Some(ReadError::TooLarge { bytes: BODY_BYTES_MAX + 1 }));
    for unreadable in [&[0xf9, 0x7e, 0x00][..], &[0x41, 0x00], &[0xc1, 0x00]] {
        assert!(cbor(&field(unreadable)).is_some(), "NaN, bytes and tags are no values");
    }
    assert_eq!(cbor(&field(&[0xf6])), None);
    assert_eq!(cbor(&field(&[0xa1, 0x00, 0x01])), None, "a number may be a name: it is a place");
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_not_read() {
    let table = [
        (r#"{"sn":"x","sn":"y"}"#, ReadError::Duplicate("sn".into())),
        (r#"{"sn":"x","serial_number":"y"}"#, ReadError::Duplicate("serial_number".into())),
        (r#"{"sn":"x","dct":1,"dtc":2}"#, ReadError::Duplicate("dtc".into())),
        (r#"{"sn":"x","d":{"a":1,"b":{},"a":2}}"#, ReadError::Duplicate("a".into())),
        (r#"{"ts":1}"#, ReadError::Missing("serial_number")),
        (r#"{"sn":7}"#, ReadError::Type("serial_number")),
        (r#"{"sn":"x","a":7}"#, ReadError::Type("auth")),
        (r#"{"sn":"x","ts":"1"}"#, ReadError::Type("timestamp")),
        (r#"{"sn":"x","ts":-1}"#, ReadError::Type("timestamp")),
        (r#"{"sn":"x","rc":1.5}"#, ReadError::Type("request_count")),
        (r#"{"sn":"x","rc":4294967296}"#, ReadError::Type("request_count")),
        (r#"{"sn":"x","d":7}"#, ReadError::Type("data")),
        (r#"{"sn":"x","hd":[7]}"#, ReadError::Type("historical_data")),
        (r#"{"sn":"x","d":[1e999]}"#, ReadError::NotFinite),
    ];
    for (body, want) in table {
        assert_eq!(Received::from_json(body.as_bytes()).err(), Some(want), "{body}");
    }
    for body in [
        "",
        "[]",
        "{",
        r#"{"sn":"x"} "#.trim_end().trim_end_matches('}'),
        r#"{"sn":"x","d":[NaN]}"#,
        r#"{"sn":"\ud800"}"#,
        r#"{"sn":"x"}x"#,
    ] {
        assert!(matches!(Received::from_json(body.as_bytes()).err(), Some(ReadError::Syntax(_))), "{body}");
    }
    assert!(Received::from_json(b"{\"sn\":\"\xff\"}").is_err());
}

#[test]
fn an_answer_is_believed_for_its_request_only() {
    let issued = |value, last| {
        encode(&secret(), Profile::Own, Command::Add { value }, Count(last), Format::STANDARD).unwrap()
    };
    let (first, second) = (issued(7, 1), issued(30, 2));
    let response = Response::default()
        .with_tokens(vec![second, first])
        .with_active_until(1_700_000_000)
        .with_seconds_left(10_800)
        .with_base_url("https://example.org/v1")
        .with_setting("language", "fr-FR".into())
        .with_extra("note", "caf\u{e9}".into());
    assert_eq!(
        response.tokens(),
        [first.token.to_string(), second.token.to_string()],
        "in order of their counts"
    );
    let context = Context::new("aaa111222", Some(1_611_583_070), Some(7));
    let (json, cbor) = (response.to_json(&context, &secret()), response.to_cbor(&context, &secret()));
    assert!(json.starts_with(r#"{"auts":1700000000,"asl":10800,"tkl":["#), "{json}");
    for received in [ReceivedResponse::from_json(json.as_bytes()), ReceivedResponse::from_cbor(&cbor)] {
        assert!(received.unwrap().verify(&context, &secret()).is_ok_and(|opened| opened == response));
    }
    for other in [
        Context::new("aaa111223", Some(1_611_583_070), Some(7)),
        Context::new("aaa111222", Some(1_611_583_071), Some(7)),
        Context::new("aaa111222", Some(1_611_583_070), Some(8)),
        Context::new("aaa111222", None, None),
    ] {
        let received = ReceivedResponse::from_json(json.as_bytes()).unwrap();
        assert_eq!(received.verify(&other, &secret()).err(), Some(AuthError::Wrong));
    }
    let changed = json.replace("fr-FR", "en-GB");
    let received = ReceivedResponse::from_json(changed.as_bytes()).unwrap();
    assert_eq!(received.verify(&context, &secret()).err(), Some(AuthError::Wrong));
    assert!(ReceivedResponse::from_json(br#"{"tkl":[],"token_list":[]}"#).is_err());
    let empty = Response::default().to_json(&context, &secret());
    assert!(ReceivedResponse::from_json(empty.as_bytes()).unwrap().verify(&context, &secret()).is_ok());
}
