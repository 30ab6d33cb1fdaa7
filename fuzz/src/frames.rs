//! Frames on streams: however the bytes arrive, the same messages come out, in bounded memory.

use crate::heap;
use futures::executor::block_on;
use futures::io::{AsyncRead, AsyncWrite, Cursor};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use wattle_p2p::framing::{Lane, Reader, read};
use wattle_p2p::wire::{Hello, HelloAnswer, Request, Response};
use wattle_primitives::{Decode, Encode, decode, encode};

/// A stream that gives a few bytes at a time.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let take = self.piece.min(into.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(take);
        into[..take].copy_from_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(take))
    }
}

impl AsyncWrite for Pieces<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads a validator stream until it fails: its messages, encoded, and how it ended.
fn messages(bytes: &[u8], lane: Lane, piece: usize) -> (Vec<Vec<u8>>, String) {
    let mut reader = Reader::new(Pieces { bytes, piece }, lane);
    let mut read = Vec::new();
    loop {
        match block_on(std::future::poll_fn(|cx| reader.poll_next(cx))) {
            Ok(message) => read.push(encode(&message)),
            Err(end) => return (read, end.to_string()),
        }
    }
}

/// A validator stream. The first byte says which one, and how small the pieces are.
pub fn validator_stream(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else { return };
    let lane = if first & 1 == 0 { Lane::Votes } else { Lane::Blocks };
    let room = stream.len().saturating_mul(256).saturating_add(256 * 1024);
    let whole = heap::bounded(room, || messages(stream, lane, usize::MAX));
    let pieces = messages(stream, lane, usize::from(first >> 1).max(1));
    assert_eq!(whole, pieces, "the cut of the stream changes what is read");
    let framed: usize = whole.0.iter().map(|message| message.len() + 4).sum();
    assert!(framed <= stream.len(), "more was read than sent");
}

/// A message of a request stream, behind its length.
pub fn frames(bytes: &[u8]) {
    framed::<Hello>(bytes);
    framed::<HelloAnswer>(bytes);
    framed::<Request>(bytes);
    framed::<Response>(bytes);
}

fn framed<M: Decode + Encode>(bytes: &[u8]) {
    let room = bytes.len().saturating_mul(256).saturating_add(256 * 1024);
    let result = heap::bounded(room, || block_on(read::<M>(&mut Cursor::new(bytes))));
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else {
        assert!(result.is_err());
        return;
    };
    let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    match (result, rest.get(..length)) {
        (Ok(message), Some(body)) => assert_eq!(encode(&message), body),
        (Ok(_), None) => panic!("a frame was read that never arrived whole"),
        (Err(error), Some(body)) if length <= M::MAX_BYTES => {
            assert!(decode::<M>(body).is_err(), "a good message is refused: {error}");
        }
        (Err(error), _) if length > M::MAX_BYTES => assert_eq!(error.kind(), io::ErrorKind::InvalidData),
        (Err(error), _) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
    }
}
