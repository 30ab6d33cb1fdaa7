//! A serial line between two pseudo-terminals: what goes over it is written down, and answers can be spoiled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_serial::{SerialPort, SerialStream};
use wattle_meter::sensor::{Link, Parity};

/// Silence that ends an answer.
const SILENCE: Duration = Duration::from_millis(10);

/// A fault in one answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Its second half is lost.
    Half,
    /// It is held up.
    Late(Duration),
    /// These bytes come in its place.
    Instead(Vec<u8>),
    /// It is lost.
    Lost,
}

/// The bytes that went over the line.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Questions, and when they came.
    pub(crate) asked: Vec<(Instant, Vec<u8>)>,
    /// Answers, as the server gave them.
    pub(crate) answered: Vec<Vec<u8>>,
    faults: VecDeque<Fault>,
}

/// A line with a server's end and a client's end.
pub(crate) struct Line {
    record: Arc<Mutex<Record>>,
    /// Open ends keep the pseudo-terminals alive between two users.
    ends: [SerialStream; 2],
}

impl Line {
    pub(crate) fn open() -> Self {
        let (server, server_end) = SerialStream::pair().unwrap();
        let (client, client_end) = SerialStream::pair().unwrap();
        let record = Arc::default();
        let ((server_in, server_out), (client_in, client_out)) = (split(server), split(client));
        let (late, held) = mpsc::unbounded_channel();
        tokio::spawn(questions(client_in, server_out, Arc::clone(&record)));
        tokio::spawn(answers(server_in, late, Arc::clone(&record)));
        tokio::spawn(write(held, client_out));
        Self { record, ends: [server_end, client_end] }
    }

    /// How the server is told to serve.
    pub(crate) fn server(&self) -> String {
        format!("rtu:{}", self.ends[0].name().unwrap())
    }

    /// How a client reaches it.
    pub(crate) fn link(&self) -> Link {
        let device = self.ends[1].name().unwrap().into();
        Link::Rtu { device, baud: 9600, parity: Parity::None, stop_bits: 1 }
    }

    /// Spoils the next answers, each by one fault.
    pub(crate) fn spoil(&self, faults: impl IntoIterator<Item = Fault>) {
        self.record().faults.extend(faults);
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn questions(
    mut from: ReadHalf<SerialStream>,
    mut to: WriteHalf<SerialStream>,
    record: Arc<Mutex<Record>>,
) {
    let mut bytes = [0; 256];
    while let Ok(n) = from.read(&mut bytes).await {
        record.lock().unwrap().asked.push((Instant::now(), bytes[..n].to_vec()));
        to.write_all(&bytes[..n]).await.unwrap();
    }
}

async fn answers(
    mut from: ReadHalf<SerialStream>,
    to: mpsc::UnboundedSender<Vec<u8>>,
    record: Arc<Mutex<Record>>,
) {
    let mut bytes = [0; 256];
    while let Ok(n) = from.read(&mut bytes).await {
        let mut answer = bytes[..n].to_vec();
        while let Ok(Ok(n)) = timeout(SILENCE, from.read(&mut bytes)).await {
            answer.extend(&bytes[..n]);
        }
        let mut record = record.lock().unwrap();
        record.answered.push(answer.clone());
        match record.faults.pop_front() {
            None => drop(to.send(answer)),
            Some(Fault::Half) => drop(to.send(answer[..answer.len() / 2].to_vec())),
            Some(Fault::Instead(other)) => drop(to.send(other)),
            Some(Fault::Lost) => {}
            Some(Fault::Late(delay)) => {
                let to = to.clone();
                tokio::spawn(async move {
                    sleep(delay).await;
                    let _ = to.send(answer);
                });
            }
        }
    }
}

async fn write(mut from: mpsc::UnboundedReceiver<Vec<u8>>, mut to: WriteHalf<SerialStream>) {
    while let Some(bytes) = from.recv().await {
        to.write_all(&bytes).await.unwrap();
    }
}
