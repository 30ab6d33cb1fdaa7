//! Carries borsh messages over request-response: a `u32` length, little endian, then as many bytes.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::io;
use std::marker::PhantomData;
use wattle_primitives::{Decode, Encode, decode, encode, planted};

/// Memory set aside before the first byte of a message has arrived.
const READ_AHEAD_BYTES: usize = 4096;

/// A request came that is no message. The library drops such a request without a word to anybody, so the codec hands
/// it on as what it is: the peer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbage;

/// Requests `Q`, answers `A`.
pub(crate) struct Wire<Q, A> {
    /// Most bytes of the answer to a request.
    answer_max: fn(&Q) -> usize,
    /// Most bytes of the answer to the request that was written: each stream has a codec of its own.
    max: usize,
    answers: PhantomData<fn() -> A>,
}

impl<Q, A: Decode> Wire<Q, A> {
    /// Takes answers of at most so many bytes to a request; never more than `A` may have.
    pub(crate) fn within(answer_max: fn(&Q) -> usize) -> Self {
        Self { answer_max, max: A::MAX_BYTES, answers: PhantomData }
    }
}

impl<Q, A: Decode> Default for Wire<Q, A> {
    fn default() -> Self {
        Self::within(|_| A::MAX_BYTES)
    }
}

impl<Q, A> Clone for Wire<Q, A> {
    fn clone(&self) -> Self {
        Self { answer_max: self.answer_max, max: self.max, answers: PhantomData }
    }
}

impl<Q, A> request_response::Codec for Wire<Q, A>
where
    Q: Encode + Decode + Send + Sync + 'static,
    A: Encode + Decode + Send + Sync + 'static,
{
    type Protocol = StreamProtocol;
    type Request = Result<Q, Garbage>;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Result<Q, Garbage>>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read(io).await {
            Ok(request) => Ok(Ok(request)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(Garbage)),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        let any = planted!("answers-of-any-length", self.max < A::MAX_BYTES);
        read_within(io, if any { A::MAX_BYTES } else { self.max }).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Result<Q, Garbage>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match request {
            Ok(request) => {
                self.max = (self.answer_max)(&request).min(A::MAX_BYTES);
                write(io, &request).await
            }
            Err(Garbage) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: A) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let bytes = frame(&response)?;
        drop(response); // its reader may take its time
        end(io, &bytes).await
    }
}

/// Reads one message. The length is checked first, and memory grows only as bytes arrive.
///
/// # Errors
/// `InvalidData` for a length beyond the message's cap and for bytes that are no message: the sender pays.
/// `UnexpectedEof` and others when the stream ends or breaks.
pub async fn read<M: Decode>(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<M> {
    read_within(io, M::MAX_BYTES).await
}

/// As [`read`], for a message of at most `max` bytes.
async fn read_within<M: Decode>(io: &mut (impl AsyncRead + Unpin + Send), max: usize) -> io::Result<M> {
    let mut prefix = [0u8; 4];
    io.read_exact(&mut prefix).await?;
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if length > max {
        let detail = format!("message of {length} bytes exceeds the limit of {max}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
    }
    let mut bytes = Vec::with_capacity(length.min(READ_AHEAD_BYTES));
    let take = u64::try_from(length).unwrap_or(u64::MAX);
    io.take(take).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes one message and ends the stream's writing half.
///
/// # Errors
/// `InvalidInput` for a message beyond its own cap, and what the stream says.
pub async fn write<M: Encode + Decode + Sync>(
    io: &mut (impl AsyncWrite + Unpin + Send),
    message: &M,
) -> io::Result<()> {
    end(io, &frame(message)?).await
}

fn frame<M: Encode + Decode>(message: &M) -> io::Result<Vec<u8>> {
    let bytes = encode(message);
    if bytes.len() > M::MAX_BYTES {
        // Our own fault: nothing a peer sends gets here. The stream ends and the peer tries elsewhere.
        let detail = format!("own message of {} bytes exceeds the limit of {}", bytes.len(), M::MAX_BYTES);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, detail));
    }
    let length = u32::try_from(bytes.len()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    Ok([&length.to_le_bytes()[..], &bytes].concat())
}

async fn end(io: &mut (impl AsyncWrite + Unpin + Send), frame: &[u8]) -> io::Result<()> {
    io.write_all(frame).await?;
    io.close().await
}
