//! Making tokens.

use crate::chain::{Chain, Extended, Standard};
use crate::command::Command;
use crate::count::Count;
use crate::digits::{Format, Token, Width};
use crate::profile::{IssueError, Profile};
use crate::secret::Secret;

/// A token that was made, and the count that its device stands at once it has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// Its count: keep it as the last one, whether or not the token is ever typed in.
    pub count: Count,
}

/// Makes the token that follows the one of count `last`.
///
/// Hashes once for each count from 0 on: the work grows with the count (60,000: under a millisecond on a server).
///
/// # Errors
/// [`IssueError`] when a device of this firmware has no such token.
pub fn encode(
    secret: &Secret,
    profile: Profile,
    command: Command,
    last: Count,
    format: Format,
) -> Result<Issued, IssueError> {
    profile.check(command, format.width)?;
    let count = profile.next_count(command.kind(), last)?;
    let number = match format.width {
        Width::Standard => number::<Standard>(secret, command.value(), count),
        Width::Extended => number::<Extended>(secret, command.value(), count),
    };
    Ok(Issued { token: Token::new(number, format), count })
}

fn number<C: Chain>(secret: &Secret, value: u32, count: Count) -> u64 {
    let (base, hasher) = (C::base_of(secret.starting_code(), value), secret.hasher());
    let code = (0..count.0).fold(C::first(secret.starting_code(), base), |code, _| C::next(&hasher, code));
    C::with_base(code, base).into()
}
