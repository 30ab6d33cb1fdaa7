//! An issuer sells seven days; the customer types nine digits into a box without a network, and the light comes on.

use openpaygo::device::State;
use openpaygo::{
    Command, Control, Count, Device, Divider, Format, Keypad, Outcome, Profile, Secret, Token, encode,
};

const DAY_S: u32 = 86_400;

/// Sells and redeems one token.
///
/// # Errors
/// The fault in the key, the value or the digits.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = || Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b1", Some(123_456_789));

    // The issuer: knows the device's secret, its firmware, and the count of the last token it made.
    let value = Divider::ONE.units("7".parse()?).ok_or("too many days")?;
    let issued = encode(&secret()?, Profile::Own, Command::Add { value }, Count(1), Format::STANDARD)?;
    println!("the customer gets: {:#}", issued.token);

    // The device: knows the secret and its state.
    let mut device = Device::new(secret()?, State::new(Count(1)));
    let mut control = Control::On { active_until_s: 0 };
    let (now_s, uptime_ms) = (1_800_000_000, 60_000);
    let typed = Token::parse(&format!("{:#}", issued.token), Keypad::Full)?;
    let applied = device.apply(typed, uptime_ms)?;
    if let Outcome::Credit { command, .. } = applied.outcome {
        control = control.apply(command, now_s, DAY_S);
    }
    // Here both go to disk in one atomic write: device.state_bytes(applied.state), and control.
    device.commit(applied.state);
    println!("{:?}: active now: {}", applied.outcome, control.is_active(now_s));

    // Typed again, it is worth nothing, and no error.
    let again = device.apply(typed, uptime_ms)?;
    if again.outcome == Outcome::AlreadyUsed && control.is_active(now_s) {
        Ok(())
    } else {
        Err("credited twice".into())
    }
}
