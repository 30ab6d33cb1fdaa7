//! A stream that gives up on a client that takes its bytes too slowly.
//!
//! Request headers and bodies have time limits of their own; without this one a client could still hold a connection
//! and its answer for ever by not reading, or by reading a byte now and then. Patience is used up while bytes wait and
//! comes back with the bytes that are taken, at [`READ_BYTES_PER_SECOND_MIN`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use wattle_rpc_types::limits::READ_BYTES_PER_SECOND_MIN;

/// See the module.
pub(crate) struct TimedStream<S> {
    inner: S,
    patience_max: Duration,
    patience: Duration,
    /// Since when a write waits.
    waiting: Option<Instant>,
    deadline: Pin<Box<Sleep>>,
}

impl<S> TimedStream<S> {
    pub(crate) fn new(inner: S, patience: Duration) -> Self {
        let deadline = Box::pin(sleep(patience));
        Self { inner, patience_max: patience, patience, waiting: None, deadline }
    }

    /// Passes `poll` on, which has moved `taken(..)` bytes, unless patience has run out.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
        taken: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = poll {
            if let Some(since) = self.waiting.take() {
                self.patience = self.patience.saturating_sub(since.elapsed());
            }
            let bytes = result.as_ref().map_or(0, |value| u64::try_from(taken(value)).unwrap_or(u64::MAX));
            let earned = Duration::from_millis(bytes.saturating_mul(1000) / READ_BYTES_PER_SECOND_MIN);
            self.patience = self.patience.saturating_add(earned).min(self.patience_max);
            return Poll::Ready(result);
        }
        if self.waiting.is_none() {
            let now = Instant::now();
            self.waiting = Some(now);
            self.deadline.as_mut().reset(now.checked_add(self.patience).unwrap_or(now));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes its bytes too slowly")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.timed(cx, poll, |taken| *taken)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.timed(cx, poll, |taken| *taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.timed(cx, poll, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.timed(cx, poll, |()| 0)
    }
}

#[cfg(test)]
#[path = "io_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
