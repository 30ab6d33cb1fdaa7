//! Which request is new, which one comes again because its answer was lost, and which one is a replay.
//!
//! A device sends the same body until it gets an answer, and only then forgets what it has stored. So a resend is
//! answered as the first was, and its data counted once.

/// A request's number in its device's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceNumber {
    /// The request count, which goes before a timestamp.
    Count(u32),
    /// The timestamp, of devices that do not count: seconds since 1970.
    Time(i64),
}

/// The last request of a device that was accepted: its number, and a keyed hash of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRequest {
    /// Its number.
    pub number: SequenceNumber,
    /// SipHash-2-4 of the body as it was sent.
    pub body: u64,
}

/// Handling of a request that is no replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Count its data and answer it.
    New,
    /// Answer it as before, and count nothing.
    Resend,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It is older than the last one.
    #[error("older than the last request")]
    Older,
    /// It has the last one's number and another body.
    #[error("another body with the number of the last request")]
    OtherBody,
    /// It has no count, and the last one had.
    #[error("a request without a count after one with a count")]
    Uncounted,
}

impl LastRequest {
    /// Whether this request may follow `last`, the one that was accepted before it, if any.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn follows(self, last: Option<Self>) -> Result<Freshness, ReplayError> {
        let Some(last) = last else { return Ok(Freshness::New) };
        let order = match (self.number, last.number) {
            (SequenceNumber::Count(this), SequenceNumber::Count(last)) => this.cmp(&last),
            (SequenceNumber::Time(this), SequenceNumber::Time(last)) => this.cmp(&last),
            (SequenceNumber::Count(_), SequenceNumber::Time(_)) => return Ok(Freshness::New),
            (SequenceNumber::Time(_), SequenceNumber::Count(_)) => return Err(ReplayError::Uncounted),
        };
        match order {
            core::cmp::Ordering::Greater => Ok(Freshness::New),
            core::cmp::Ordering::Equal if self.body == last.body => Ok(Freshness::Resend),
            core::cmp::Ordering::Equal => Err(ReplayError::OtherBody),
            core::cmp::Ordering::Less => Err(ReplayError::Older),
        }
    }
}
