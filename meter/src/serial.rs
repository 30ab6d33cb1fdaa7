//! The serial number of the device that a key has signed for first.
//!
//! Kept in a small file, so that a meter that is changed while the light node is off is noticed as well as one that is
//! changed before its eyes. Another key in the same place begins anew: it is another meter on the chain.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wattle_primitives::Address;

const FILE: &str = "serial.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Known {
    meter: Address,
    serial_number: String,
}

/// The number that one meter's directory remembers.
pub(crate) struct Serial {
    path: PathBuf,
    /// `None` for a meter that signs nothing: nothing is remembered of it.
    meter: Option<Address>,
    known: Option<Known>,
    failing: bool,
}

impl Serial {
    /// The number that the meter's directory remembers for the key with this address.
    pub(crate) fn open(dir: &Path, meter: Option<Address>) -> Self {
        let path = dir.join(FILE);
        let read = crate::files::read(&path).and_then(|text| serde_json::from_str::<Known>(&text).ok());
        let known = read.filter(|known| Some(known.meter) == meter);
        Self { path, meter, known, failing: false }
    }

    /// The number, if there is one.
    pub(crate) fn number(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.serial_number.as_str())
    }

    /// The sensor reads the meter with this number. Returns the bytes that were written.
    pub(crate) fn note(&mut self, number: Option<&str>) -> u64 {
        let (Some(meter), Some(number)) = (self.meter, number) else { return 0 };
        if self.number() == Some(number) {
            return 0;
        }
        let known = Known { meter, serial_number: number.to_owned() };
        let text = serde_json::to_string(&known).unwrap_or_default();
        match crate::files::replace(&self.path, &text, 0o600) {
            Ok(()) => {
                tracing::info!(%meter, number, "the key belongs to the device with this serial number from now on");
                (self.known, self.failing) = (Some(known), false);
                crate::files::written_bytes(&text)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        error = wattle_host::causes(&error),
                        "the meter's serial number is not kept"
                    );
                }
                0
            }
        }
    }
}

#[cfg(test)]
#[path = "serial_tests.rs"]
mod tests;
