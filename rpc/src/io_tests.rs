use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// Writes `bytes` to a reader that takes `step` bytes at a time, with a pause before each; whether all came.
async fn written(bytes: usize, step: usize, pause: Duration) -> io::Result<()> {
    let (near, mut far) = duplex(step);
    let mut near = TimedStream::new(near, Duration::from_secs(3));
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; step];
        loop {
            sleep(pause).await;
            if far.read(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
    });
    let result = near.write_all(&vec![1; bytes]).await;
    reader.abort();
    result
}

#[tokio::test]
async fn who_reads_steadily_gets_all_and_who_trickles_does_not() {
    let pause = Duration::from_millis(10);
    written(1024 * 1024, 64 * 1024, pause).await.unwrap();
    let error = written(1024 * 1024, 16, pause).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}
