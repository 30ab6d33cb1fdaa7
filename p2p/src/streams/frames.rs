//! Length-prefixed frames over a stream: `u32` little endian, then as many bytes.
//!
//! The length is checked before anything is allocated, and memory then grows only as bytes really arrive.

use crate::shared::{Frame, Lane, Link, PREFIX_BYTES};
use crate::wire::ValidatorMessage;
use futures::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wattle_primitives::{DecodeError, codec};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// Small frames are joined into writes of at most this many bytes.
const WRITE_BYTES: usize = 32 * 1024;
/// Most capacity that a reader keeps for the next frame once a large one is done.
const KEEP_BYTES: usize = 64 * 1024;

/// Why a stream cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream broke or ended.
    #[error("stream broke")]
    Io(#[source] io::Error),
    /// A frame claims more than its stream allows. The sender pays.
    #[error("frame of {got} bytes exceeds the limit of {max}")]
    TooLong {
        /// Limit in bytes.
        max: usize,
        /// Bytes claimed.
        got: usize,
    },
    /// A frame is no message. The sender pays.
    #[error("frame is no message: {0}")]
    Decode(DecodeError),
    /// The message belongs on the other stream. The sender pays.
    #[error("message on the wrong stream")]
    Lane,
}

/// Takes messages from a validator stream.
#[derive(Debug)]
pub struct Reader<S> {
    stream: S,
    lane: Lane,
    bytes: Vec<u8>,
    /// Start of the next frame in `bytes`.
    at: usize,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// A reader at the start of `stream`.
    pub const fn new(stream: S, lane: Lane) -> Self {
        Self { stream, lane, bytes: Vec::new(), at: 0 }
    }

    /// The next message.
    ///
    /// # Errors
    /// [`ReadError`]; the stream cannot be read any further then.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<ValidatorMessage, ReadError>> {
        let mut chunk = [0u8; READ_BYTES];
        loop {
            if let Some(message) = self.parse()? {
                return Poll::Ready(Ok(message));
            }
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk)).map_err(ReadError::Io)?;
            if read == 0 {
                return Poll::Ready(Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into())));
            }
            self.bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
    }

    /// Takes one whole frame out of what has been read.
    fn parse(&mut self) -> Result<Option<ValidatorMessage>, ReadError> {
        let Some((prefix, rest)) =
            self.bytes.get(self.at..).and_then(|b| b.split_first_chunk::<PREFIX_BYTES>())
        else {
            self.compact();
            return Ok(None);
        };
        let max = self.lane.frame_bytes_max();
        let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > max {
            return Err(ReadError::TooLong { max, got: length });
        }
        let Some(body) = rest.get(..length) else {
            self.compact();
            return Ok(None);
        };
        let message: ValidatorMessage = codec::decode_bounded(body, max).map_err(ReadError::Decode)?;
        self.at = self.at.saturating_add(PREFIX_BYTES).saturating_add(length);
        if Lane::of(&message) != self.lane {
            return Err(ReadError::Lane);
        }
        Ok(Some(message))
    }

    /// Drops what has been parsed. Runs once per read at most, so that moving the rest stays cheap.
    fn compact(&mut self) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
    }
}

/// Writes what its queue holds, joins small frames, and flushes as soon as the queue is empty.
#[derive(Debug)]
pub(crate) struct Writer<S> {
    stream: S,
    current: Option<(Frame, usize)>,
    flushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, current: None, flushed: false }
    }

    /// Goes on until there is nothing to write (pending) or the stream breaks.
    ///
    /// # Errors
    /// When the stream is to be opened anew.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, link: &Link, lane: Lane) -> Poll<io::Error> {
        // The reader says nothing on this stream: anything but silence means that it has let go of it.
        let mut byte = [0u8; 1];
        match Pin::new(&mut self.stream).poll_read(cx, &mut byte) {
            Poll::Ready(Ok(_)) => return Poll::Ready(io::ErrorKind::ConnectionReset.into()),
            Poll::Ready(Err(error)) => return Poll::Ready(error),
            Poll::Pending => {}
        }
        loop {
            if let Some((frame, at)) = &mut self.current {
                let rest = frame.get(*at..).unwrap_or_default();
                match ready!(Pin::new(&mut self.stream).poll_write(cx, rest)) {
                    Ok(0) => return Poll::Ready(io::ErrorKind::WriteZero.into()),
                    Ok(written) => *at = at.saturating_add(written),
                    Err(error) => return Poll::Ready(error),
                }
                self.flushed = false;
                if *at < frame.len() {
                    continue;
                }
                self.current = None;
            }
            if let Some(frame) = link.outbox(lane).take(cx, WRITE_BYTES) {
                self.current = Some((frame, 0));
                continue;
            }
            if !self.flushed {
                if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                    return Poll::Ready(error);
                }
                self.flushed = true;
            }
            return Poll::Pending;
        }
    }
}
