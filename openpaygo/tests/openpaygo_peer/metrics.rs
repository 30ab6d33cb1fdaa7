//! Metrics against the classes of `openpaygo`.

use crate::cases;
use crate::peer::Peer;
use crate::random::{Random, seed};
use crate::tally::Tally;
use openpaygo::metrics::*;
use openpaygo::{Divergence, Secret};
use serde_json::{Value, json};

const BATCH: u64 = 50;
const KEY: &str = "dac86b1a29ab82edc5fbbc41ec9530f6";

fn secret() -> Secret {
    Secret::from_hex(KEY, None).unwrap()
}

fn value(datum: &Datum) -> Value {
    serde_json::from_str(&to_json(datum)).unwrap()
}

fn object(values: &[(String, Datum)]) -> Value {
    value(&Datum::Map(values.to_vec()))
}

fn scalar(random: &mut Random) -> Datum {
    let texts = ["", "1.2.3", "caf\u{e9}", "\u{1f50b} \"full\"\n", "a\\b/c\u{7f}\u{1}"];
    match random.below(7) {
        0 => Datum::Bool(random.below(2) == 0),
        1 => Datum::Text(texts[usize::try_from(random.below(5)).unwrap()].into()),
        2 => Datum::from(i64::from_le_bytes(random.next().to_le_bytes())),
        // Any float at all, and such as devices measure.
        3 => Number::float(f64::from_bits(random.next())).map_or(Datum::Null, Datum::Number),
        4 => Datum::Number(Number::float(random.below(100_000) as f64 / 1000.0).unwrap()),
        _ => Datum::from(i64::try_from(random.below(1000)).unwrap()),
    }
}

/// Values under some of the names, few of them null.
fn values(random: &mut Random, names: &[String]) -> Vec<(String, Datum)> {
    let some: Vec<&String> = names.iter().filter(|_| random.below(4) > 0).collect();
    some.into_iter().map(|name| (name.clone(), scalar(random))).collect()
}

/// A request that both sides are to send, and its signature's method.
struct Case {
    request: Request,
    method: AuthMethod,
    style: Style,
}

impl Case {
    fn draw(random: &mut Random) -> Self {
        let names = |prefix: &str, n: u64| (0..n).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
        let mut data_order = names("value_", random.below(5));
        data_order.insert(0, "token_count".into());
        let format = DataFormat {
            id: (random.below(2) == 0).then(|| 1234.into()),
            data_order,
            historical_data_order: names("step_", 1 + random.below(4)),
            historical_data_interval: Some(60 * (1 + random.below(60))),
        };
        let mut data = values(random, &format.data_order[1..]);
        if random.below(2) == 0 {
            data.insert(0, ("token_count".into(), i64::try_from(random.below(500)).unwrap().into()));
        }
        let steps = random.below(4);
        let mut history: Vec<_> = (0..steps).map(|_| values(random, &format.historical_data_order)).collect();
        let style = if random.below(2) == 0 { Style::Simple } else { Style::Condensed };
        if style == Style::Simple {
            for step in &mut history {
                match random.below(4) {
                    0 => step.push(("timestamp".into(), 1_600_000_123.into())),
                    1 => {
                        step.push(("relative_time".into(), i64::try_from(random.below(5000)).unwrap().into()))
                    }
                    _ => {}
                }
            }
        }
        // Names go to the peer in alphabetical order.
        for values in history.iter_mut().chain([&mut data]) {
            values.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let request = Request {
            serial: format!("SN{}", random.below(1000)),
            timestamp_s: Some(1_000_000_000 + random.below(1_000_000_000)),
            request_count: (random.below(3) > 0).then(|| 1 + u32::try_from(random.below(1_000_000)).unwrap()),
            format: Some(format),
            data,
            history,
            ..Request::default()
        };
        let mut method = AuthMethod::ALL[usize::try_from(random.below(5)).unwrap()];
        if method == AuthMethod::Counter && request.request_count.is_none() {
            method = AuthMethod::RecursiveData;
        }
        Self { request, method, style }
    }

    fn format(&self) -> &DataFormat {
        self.request.format.as_ref().unwrap()
    }

    fn body(&self) -> String {
        self.request.to_json(self.style, Some((self.method, &secret()))).unwrap()
    }

    fn ask_request(&self) -> Value {
        json!({
            "order": "request", "key": KEY, "method": self.method.letters(), "serial": self.request.serial,
            "style": if self.style == Style::Simple { "simple" } else { "condensed" },
            "format": value(&self.format().to_datum()), "timestamp": self.request.timestamp_s,
            "count": self.request.request_count, "data": object(&self.request.data),
            "history": self.request.history.iter().map(|step| object(step)).collect::<Vec<_>>(),
        })
    }

    fn ask_handle(&self, body: &str, response: &Response, last_count: Option<u32>) -> Value {
        let map = |values: &[(String, Datum)]| object(values);
        json!({
            "order": "handle", "key": KEY, "body": body, "format": value(&self.format().to_datum()),
            "last_count": last_count, "tokens": response.tokens(), "active_until": response.active_until_s(),
            "seconds_left": null, "settings": map(response.settings()), "extra": map(response.extra()),
        })
    }

    fn context(&self) -> Context {
        Context::new(&self.request.serial, self.request.timestamp_s, self.request.request_count)
    }
}

fn response(random: &mut Random) -> Response {
    let mut response = Response::default();
    if random.below(2) == 0 {
        response = response.with_active_until(random.below(2_000_000_000));
    }
    if random.below(2) == 0 {
        response = response.with_base_url("https://example.org/\u{e9}");
    }
    if random.below(2) == 0 {
        response = response.with_extra("note", scalar(random));
    }
    response
}

/// The values that both sides took from a body, as the reference tells them.
fn compare_metrics(ours: &Metrics, theirs: &Value) -> Vec<Divergence> {
    // It says of what is absent that it is null.
    let present = |map: &Value| -> Value {
        map.as_object()
            .unwrap()
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let named = |values: &[(String, Datum)]| present(&object(values));
    assert_eq!(named(&ours.data), present(&theirs["data"]));
    let steps = theirs["historical_data"].as_array().unwrap();
    assert_eq!(ours.history.len(), steps.len());
    let mut found = Vec::new();
    for (ours, theirs) in ours.history.iter().zip(steps) {
        let mut theirs = present(theirs);
        let at_s = theirs.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert_eq!(named(&ours.values), theirs);
        if at_s != ours.at_s {
            assert_eq!((at_s.as_i64().unwrap() - ours.at_s).abs(), 3600, "{ours:?} {at_s}");
            found = vec![Divergence::LocalTime];
        }
    }
    found
}

fn read(body: &str, case: &Case) -> Metrics {
    let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
    assert_eq!(verified.method(), case.method);
    verified.metrics(Some(case.format()), 0).unwrap()
}

#[test]
fn requests_and_answers_go_round() {
    let (mut random, mut tally) = (Random(seed()), Tally::default());
    let mut peer = Peer::start("UTC");
    for _ in 0..cases(2, 20) / BATCH {
        let cases: Vec<(Case, Response)> =
            (0..BATCH).map(|_| (Case::draw(&mut random), response(&mut random))).collect();
        // Its request is the same text, and is read here.
        let sent = peer.ask(&cases.iter().map(|(case, _)| case.ask_request()).collect::<Vec<_>>());
        // The request of this side is read there, and answered.
        let orders: Vec<Value> =
            cases.iter().map(|(case, response)| case.ask_handle(&case.body(), response, None)).collect();
        let handled = peer.ask(&orders);
        for (((case, response), sent), handled) in cases.iter().zip(&sent).zip(&handled) {
            let theirs = sent["body"].as_str().unwrap_or_else(|| panic!("{sent} {}", case.ask_request()));
            assert_eq!(body_of(theirs), body_of(&case.body()), "{:?}", case.method);
            let ours = read(theirs, case);
            assert_eq!(ours, read(&case.body(), case));
            assert_eq!(handled["valid"], true, "{} {handled}", case.body());
            assert_eq!(handled["expects_tokens"], ours.token_count().is_some());
            tally.add(&compare_metrics(&ours, &handled["metrics"]));
            let answer = handled["answer"].as_str().unwrap();
            let opened =
                ReceivedResponse::from_json(answer.as_bytes()).unwrap().verify(&case.context(), &secret());
            assert!(opened.is_ok_and(|opened| opened == *response), "{answer}");
            let as_json: Value = serde_json::from_str(&response.to_json(&case.context(), &secret())).unwrap();
            assert_eq!(as_json["a"], serde_json::from_str::<Value>(answer).unwrap()["a"], "{answer}");
        }
    }
    tally.close("metrics", &[]);
}

/// A body as JSON; that of a simple request with an empty history has `{}` there, and a signature over that.
fn body_of(text: &str) -> Value {
    let mut body: Value = serde_json::from_str(text).unwrap();
    if body["historical_data"] == json!([]) {
        body["historical_data"] = json!({});
    }
    body
}

/// A body that was signed by the reference's rule for `sa`, which signs the serial number.
fn simple(members: &str) -> String {
    format!(r#"{{"sn":"x","ts":1700000000,{members},"a":"sa{:x}"}}"#, secret().hash(b"x"))
}

#[test]
fn defects_of_the_reference_are_as_they_are_named() {
    let mut peer = Peer::start("Europe/Berlin");
    let mut tally = Tally::default();
    let mut random = Random(1);
    let case = Case::draw(&mut random);
    let mut handle = |body: &str, last_count: Option<u32>, seconds_left: Option<u32>| {
        let mut order = case.ask_handle(body, &Response::default(), last_count);
        order["seconds_left"] = seconds_left.into();
        order["format"] = json!({"data_order": ["a", "b", "c"], "historical_data_order": ["s"], "historical_data_interval": 3600});
        peer.ask(&[order]).remove(0)
    };
    let format = DataFormat {
        data_order: vec!["a".into(), "b".into(), "c".into()],
        historical_data_order: vec!["s".into()],
        historical_data_interval: Some(3600),
        ..DataFormat::default()
    };
    let here = |body: &str| {
        let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
        verified.metrics(Some(&format), 0).unwrap()
    };

    // Three hours left, and it answers none.
    let body = simple(r#""d":{"active_seconds_left_requested":true}"#);
    let answer: Value =
        serde_json::from_str(handle(&body, None, Some(10_800))["answer"].as_str().unwrap()).unwrap();
    assert_eq!(answer["asl"], 0);
    tally.add(&[Divergence::SecondsLeftNegated]);

    // It knows dtc for dct.
    let step = |body: &str, answer: &Value| {
        (here(body).at_s, answer["metrics"]["historical_data"][0]["timestamp"].as_i64())
    };
    let dct = simple(r#""dct":1600000000,"hd":[[1]]"#);
    assert_eq!(step(&dct, &handle(&dct, None, None)), (1_600_000_000, Some(1_700_000_000)));
    let dtc = simple(r#""dtc":1600000000,"hd":[[1]]"#);
    assert_eq!(step(&dtc, &handle(&dtc, None, None)), (1_600_000_000, Some(1_600_000_000)));
    tally.add(&[Divergence::CollectionTimeName]);

    // An hour before clocks go forward in Berlin, and three steps of an hour.
    let change = simple(r#""dtc":1774742400,"hd":[[1],[2],[3],[4]]"#);
    tally.add(&compare_metrics(&here(&change), &handle(&change, None, None)["metrics"]));

    // The same count once more: refused there, a resend here.
    let counted = |count: u32| {
        let request =
            Request { request_count: Some(count), timestamp_s: None, format: None, ..case.request.clone() };
        request.to_json(Style::Simple, Some((AuthMethod::Data, &secret()))).unwrap()
    };
    let body = counted(5);
    assert_eq!(handle(&body, Some(4), None)["valid"], true);
    assert_eq!(handle(&body, Some(5), None)["valid"], false);
    let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap();
    let this = verified.sequence(&secret()).unwrap();
    assert_eq!(this.follows(Some(this)), Ok(Freshness::Resend));
    tally.add(&[Divergence::ResendRefused]);

    // A map with short names.
    let short = simple(r#""d":{"tc":3}"#);
    assert_eq!(
        (handle(&short, None, None)["expects_tokens"].clone(), here(&short).token_count()),
        (false.into(), Some(3))
    );
    tally.add(&[Divergence::CondensedMapNames]);

    // Bodies that are no JSON, no text, or ambiguous.
    for (members, divergence) in [
        (r#""d":[NaN]"#, Divergence::NonFiniteNumber),
        (r#""d":[1e999]"#, Divergence::NonFiniteNumber),
        (r#""d":["\ud800"]"#, Divergence::LoneSurrogate),
        (r#""d":{"a":1,"a":2}"#, Divergence::DuplicateName),
    ] {
        let body = simple(members);
        assert_eq!(handle(&body, None, None)["valid"], true, "{members}");
        assert!(Received::from_json(body.as_bytes()).is_err(), "{members}");
        tally.add(&[divergence]);
    }

    // The same digits, split otherwise: a later request that nobody signed.
    let hash = secret().hash(b"x161158307012[1]");
    let signed = |split: &str| format!(r#"{{"sn":"x",{split},"d":[1],"a":"da{hash:x}"}}"#);
    for (split, billable) in [
        (r#""ts":1611583070,"rc":12"#, true),
        (r#""ts":161158,"rc":307012"#, false),
        (r#""rc":161158,"ts":307012"#, false),
    ] {
        let body = signed(split);
        let valid = handle(&body, Some(11), None)["valid"].clone();
        let verified = Received::from_json(body.as_bytes()).unwrap().verify(&secret());
        assert_eq!(verified.is_ok_and(|verified| verified.is_billable()), billable, "{split}");
        if valid == true && !billable {
            tally.add(&[Divergence::AmbiguousDataAuth]);
        }
    }

    // A format that is sent along and not signed turns the values round.
    let hash = secret().hash(b"x1611583070[1,2]");
    let body = format!(
        r#"{{"sn":"x","ts":1611583070,"d":[1,2],"dfo":{{"data_order":["b","a"]}},"a":"da{hash:x}"}}"#
    );
    let order = json!({
        "order": "handle", "key": KEY, "body": body, "format": null, "last_count": null, "tokens": [],
        "active_until": null, "seconds_left": null, "settings": {}, "extra": {},
    });
    let theirs = peer.ask(&[order]).remove(0);
    assert_eq!((&theirs["valid"], &theirs["metrics"]["data"]["b"]), (&true.into(), &1.into()));
    assert!(!Received::from_json(body.as_bytes()).unwrap().verify(&secret()).unwrap().is_billable());
    tally.add(&[Divergence::UnsignedFormat]);

    tally.close(
        "metrics' defects",
        &[
            Divergence::SecondsLeftNegated,
            Divergence::CollectionTimeName,
            Divergence::LocalTime,
            Divergence::ResendRefused,
            Divergence::CondensedMapNames,
            Divergence::NonFiniteNumber,
            Divergence::LoneSurrogate,
            Divergence::DuplicateName,
            Divergence::AmbiguousDataAuth,
            Divergence::UnsignedFormat,
        ],
    );
}
