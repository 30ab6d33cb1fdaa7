//! `token`: types a token into a light node.

use super::{LightCliError, TokenArgs, show};
use crate::config::LightConfig;
use crate::paygo::{Answer, answered, order};
use std::io::BufRead as _;
use std::time::{Duration, Instant};
use wattle_primitives::Hash;

/// How long a running light node is waited for: it looks every second.
const WAIT: Duration = Duration::from_secs(6);
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 256;

pub(super) async fn give(args: &TokenArgs, json: bool) -> Result<(), LightCliError> {
    let config = LightConfig::load(&args.config).map_err(LightCliError::Config)?;
    if config.paygo.is_none() {
        return Err(LightCliError::NoPaygo);
    }
    let mut id = Hash::ZERO;
    getrandom::fill(&mut id.0).map_err(LightCliError::Entropy)?;
    order::give(&config.data_dir, &order::Order { id, digits: line()? }).map_err(LightCliError::Token)?;
    let until = Instant::now() + WAIT;
    while !args.no_wait && order::is_given(&config.data_dir) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = answered(&config.data_dir).filter(|(of, _)| *of == id).map(|(_, answer)| answer);
    let value = serde_json::json!({"obeyed": answer.is_some(), "answer": answer});
    show::print(json, &value, || text(answer.as_ref()))
}

/// The line that was typed: never an argument, which other users of the computer can see.
fn line() -> Result<String, LightCliError> {
    let mut line = String::new();
    let stdin = std::io::stdin().lock();
    std::io::Read::take(stdin, LINE_BYTES_MAX).read_line(&mut line).map_err(LightCliError::Stdin)?;
    Ok(line)
}

fn text(answer: Option<&Answer>) -> String {
    let locked = |ms: &u64| format!("nothing more is looked at for {} s", ms.div_ceil(1000));
    match answer {
        Some(Answer::Taken { kind, credit }) => {
            let left = match (credit.unlocked, credit.wh, credit.ms) {
                (true, ..) => "the supply does not end".to_owned(),
                (false, Some(wh), _) => format!("{wh} Wh left"),
                (false, None, ms) => format!("{} s left", ms.unwrap_or(0) / 1000),
            };
            format!("taken ({kind}): {left}")
        }
        Some(Answer::AlreadyUsed) => "used already".to_owned(),
        Some(Answer::Invalid { locked_ms }) => format!("none of this device's; {}", locked(locked_ms)),
        Some(Answer::Locked { locked_ms }) => format!("not looked at: {}", locked(locked_ms)),
        Some(Answer::NotAToken { why }) => format!("no token: {why}"),
        Some(Answer::TooMany) => "not looked at: too many redemptions wait to be reported".to_owned(),
        None => "the token waits: it is taken when the light node runs".to_owned(),
    }
}
