//! A server takes what a device measured, and answers with the tokens that it lacks.

use openpaygo::metrics::{DataFormat, Datum, Freshness, LastRequest, Received, Response};
use openpaygo::{Command, Count, Format, Profile, Secret, encode};

/// Answers one request.
///
/// # Errors
/// The fault in the request.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = br#"{"sn":"aaa111222","df":1234,"ts":1611583070,"d":[3,false,"1.2.3"],"hd":[[12.31,12.32,1.23,-1.23],[12.3,12.31,1.22,-1.21]],"a":"raa5cb1fda302cf94e"}"#;

    // Whose is it? Its key, its format and its last request come from the server's own store.
    let received = Received::from_json(body)?;
    println!("from {}", received.serial());
    let secret = Secret::from_hex("dac86b1a29ab82edc5fbbc41ec9530f6", None)?;
    let order = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let format = DataFormat {
        id: Some(Datum::from(1234)),
        data_order: order(&["token_count", "tampered", "firmware_version"]),
        historical_data_order: order(&[
            "panel_voltage",
            "battery_voltage",
            "panel_current",
            "battery_current",
        ]),
        historical_data_interval: Some(60),
    };
    let last: Option<LastRequest> = None;

    let verified = received.verify(&secret)?;
    let this = verified.sequence(&secret).ok_or("nothing tells it from a replay")?;
    if this.follows(last)? == Freshness::New && verified.is_billable() {
        let metrics = verified.metrics(Some(&format), 0)?;
        println!("{:?}", metrics.history);
        let count = Count(metrics.token_count().ok_or("it expects no tokens")?);
        let issued = encode(&secret, Profile::Own, Command::Add { value: 7 }, count, Format::STANDARD)?;
        let response = Response::default().with_tokens(vec![issued]);
        let answer = response.to_json(&verified.context(), &secret);
        println!("201, {} bytes", answer.len());
    }
    Ok(())
}
