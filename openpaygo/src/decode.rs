//! Reading tokens.

use crate::chain::{Chain, Extended, Standard};
use crate::command::{Command, SYNC_VALUE};
use crate::count::Count;
use crate::digits::{Token, Width};
use crate::profile::{JUMP, OlderSync, Profile, SYNC_JUMP};
use crate::secret::Secret;
use crate::window::Window;
use siphasher::sip::SipHasher24;

/// Result of decoding a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is taken.
    Credit {
        /// Its order to the device.
        command: Command,
        /// Its count: not the device's last one when it is an older one.
        count: Count,
    },
    /// It was taken before, or a later one has made it void.
    AlreadyUsed,
    /// It is none of this device's, or too far ahead.
    Invalid,
}

/// Decodes a token for a device of `profile` that has taken what is in `window`. Returns what the device makes of it,
/// and its window afterwards.
///
/// Keeps nothing between calls, and so hashes once for each count from 0 on: the work grows with the count. A
/// [`Device`](crate::Device) does not.
///
/// ```
/// # use openpaygo::*;
/// let secret = Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b1", Some(123_456_789)).unwrap();
/// let token = Token::parse("662 486 790", Keypad::Full).unwrap();
/// let (outcome, window) = decode(&secret, Profile::Own, Window::new(Count(1)), token);
/// assert_eq!(outcome, Outcome::Credit { command: Command::Add { value: 1 }, count: Count(2) });
/// assert_eq!(decode(&secret, Profile::Own, window, token), (Outcome::AlreadyUsed, window));
/// ```
#[must_use]
pub fn decode(secret: &Secret, profile: Profile, window: Window, token: Token) -> (Outcome, Window) {
    match token.format().width {
        Width::Standard => from_start::<Standard>(secret, profile, window, token),
        Width::Extended => from_start::<Extended>(secret, profile, window, token),
    }
}

fn from_start<C: Chain>(
    secret: &Secret,
    profile: Profile,
    window: Window,
    token: Token,
) -> (Outcome, Window) {
    let Some(wanted) = C::code(token.number()) else { return (Outcome::Invalid, window) };
    let base = C::base(wanted);
    let value = C::value_of(secret.starting_code(), base);
    let code = C::first(secret.starting_code(), base);
    let mut walk = Walk::<C> { hasher: secret.hasher(), at: Count(0), code, wanted, base };
    walk.search(profile, window, token.format().width, value)
}

/// A walk along the chain of one base.
pub(crate) struct Walk<C: Chain> {
    pub(crate) hasher: SipHasher24,
    /// The count of `code`.
    pub(crate) at: Count,
    pub(crate) code: C::Code,
    /// The code that was typed in.
    pub(crate) wanted: C::Code,
    pub(crate) base: u32,
}

impl<C: Chain> Walk<C> {
    /// Walks until a count is found at which the device takes the token, or to the last that it looks at.
    pub(crate) fn search(
        &mut self,
        profile: Profile,
        window: Window,
        width: Width,
        value: u32,
    ) -> (Outcome, Window) {
        let is_sync = width == Width::Standard && value == SYNC_VALUE;
        let end = window.last().plus(if is_sync { SYNC_JUMP } else { JUMP }).min(profile.count_max());
        let mut was_used = false;
        loop {
            if C::with_base(self.code, self.base) == self.wanted
                && let Some(command) = profile.command(width, value, self.at)
            {
                if let Some(window) = take(profile, window, command, self.at) {
                    return (Outcome::Credit { command, count: self.at }, window);
                }
                was_used = true;
            }
            if self.at >= end {
                break;
            }
            self.code = C::next(&self.hasher, self.code);
            self.at = self.at.plus(1);
        }
        (if was_used { Outcome::AlreadyUsed } else { Outcome::Invalid }, window)
    }
}

/// The window after a device has taken a token; `None` when it does not take it.
fn take(profile: Profile, window: Window, command: Command, count: Count) -> Option<Window> {
    let is_new = count > window.last();
    match command {
        Command::Add { .. } => (is_new || window.is_open(count)).then(|| window.taking(count)),
        Command::Set { .. } | Command::Disable => is_new.then(|| window.closing(count)),
        Command::Raw { .. } => is_new.then(|| window.taking(count)),
        Command::Sync if is_new => Some(window.closing(count)),
        Command::Sync => match profile.older_sync() {
            OlderSync::Refused => None,
            _ if window.last().since(count) >= JUMP => None,
            OlderSync::Lowers => Some(Window::closed(count)),
            OlderSync::Stays => Some(window.closing(count)),
        },
    }
}
