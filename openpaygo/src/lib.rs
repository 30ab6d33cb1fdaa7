#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "metrics")]
extern crate alloc;

mod chain;
mod command;
mod control;
mod count;
mod decode;
pub mod device;
mod digits;
mod divergence;
mod encode;
#[cfg(feature = "metrics")]
pub mod metrics;
mod profile;
mod secret;
mod value;
mod window;

pub use command::{Command, DISABLE_VALUE, EXTENDED_VALUE_MAX, Kind, SYNC_VALUE, VALUE_MAX};
pub use control::Control;
pub use count::Count;
pub use decode::{Outcome, decode};
pub use device::Device;
pub use digits::{Format, Keypad, Token, TokenError, Width};
pub use divergence::{Divergence, Reference};
pub use encode::{Issued, encode};
pub use profile::{IssueError, JUMP, Profile, SYNC_JUMP};
pub use secret::{KEY_BYTES, STARTING_CODE_MAX, Secret, SecretError};
pub use value::{Divider, PLACES_MAX, Value, ValueError};
pub use window::{OLDER_WINDOW, Window};
