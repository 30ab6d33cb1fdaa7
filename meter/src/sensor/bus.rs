//! One line with one or more meters: one question at a time, and no answer is taken for another's.
//!
//! Modbus TCP numbers its frames, so a connection that failed is dropped and the late answer with it. A serial line
//! has no numbers: after a time-out or a bad frame it is drained until it has been silent for as long as an answer
//! may take, and only then the next question goes out.

use super::error::{Endpoint, SensorError};
use super::link::{Link, Timing};
use super::profile::{Block, Function};
use super::rtu::{self, Failure, Question, Transport};
use std::io;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_modbus::Slave;
use tokio_modbus::client::{Context, Reader, Writer, tcp};
use tokio_modbus::slave::SlaveContext;
use tokio_serial::SerialStream;

/// A bus that several sensors take turns on.
pub type SharedBus = Arc<Mutex<Bus>>;

/// A line with one or more meters. Connects when it is first needed.
pub struct Bus {
    link: Link,
    timing: Timing,
    /// Only ever reached through `&mut self`: the lock makes a bus that can be lent across an await.
    line: StdMutex<Option<Line>>,
    /// Bytes that come in may answer a question that nobody waits for any more.
    stale: bool,
    /// Who was asked last, and when that ended.
    last: Option<(u8, Instant)>,
}

enum Line {
    Tcp(Context),
    Rtu(Box<dyn Transport>),
}

impl Bus {
    /// A bus that connects when it is first read.
    #[must_use]
    pub fn new(link: Link, timing: Timing) -> Self {
        // Whoever used the line before may have left with a question open.
        let stale = link.is_rtu();
        Self { link, timing, line: StdMutex::new(None), stale, last: None }
    }

    /// A bus for several sensors.
    #[must_use]
    pub fn shared(link: Link, timing: Timing) -> SharedBus {
        Arc::new(Mutex::new(Self::new(link, timing)))
    }

    /// Takes a line that somebody else has opened, such as a tunnel to a gateway. When it breaks, the bus connects by
    /// itself.
    pub fn attach(&mut self, transport: impl Transport + 'static) {
        self.stale = false;
        let line = match self.link {
            Link::Tcp { .. } => Line::Tcp(tcp::attach(transport)),
            _ => Line::Rtu(Box::new(transport)),
        };
        *self.line() = Some(line);
    }

    /// How it is reached.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// How patient it is.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// A unit on this bus, for errors.
    #[must_use]
    pub fn endpoint(&self, unit: u8) -> Endpoint {
        Endpoint { link: self.link.to_string(), unit }
    }

    /// Asks `unit` for a block of registers, once.
    ///
    /// # Errors
    /// [`SensorError`].
    pub async fn read(&mut self, unit: u8, block: Block) -> Result<Vec<u16>, SensorError> {
        self.ask(unit, Question::Read(block)).await
    }

    /// Writes a coil of `unit`, once. Only the device's own echo counts as done.
    ///
    /// # Errors
    /// [`SensorError`]; the coil may have been written all the same.
    pub(crate) async fn write_coil(&mut self, unit: u8, coil: u16, on: bool) -> Result<(), SensorError> {
        self.ask(unit, Question::WriteCoil { coil, on }).await.map(|_| ())
    }

    async fn ask(&mut self, unit: u8, question: Question) -> Result<Vec<u16>, SensorError> {
        self.wait_for_turn(unit).await;
        let (mut line, stale) = self.take_line(unit).await?;
        let answer = match &mut line {
            Line::Tcp(context) => self.ask_tcp(context, unit, question).await,
            Line::Rtu(line) => self.ask_rtu(line.as_mut(), unit, question, stale).await,
        };
        let answer = answer.and_then(|words| match question {
            Question::Read(block) if words.len() != usize::from(block.count) => {
                Err(SensorError::Length { at: self.endpoint(unit), block, got: words.len() })
            }
            _ => Ok(words),
        });
        self.put_line(unit, line, &answer);
        answer
    }

    fn line(&mut self) -> &mut Option<Line> {
        self.line.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line, taken out while in use: a dropped future leaves none with an answer under way. And whether what comes
    /// in may answer an older question.
    async fn take_line(&mut self, unit: u8) -> Result<(Line, bool), SensorError> {
        let line = match self.line().take() {
            Some(line) => line,
            None => self.connect(unit).await?,
        };
        let stale = std::mem::replace(&mut self.stale, self.link.is_rtu());
        Ok((line, stale))
    }

    fn put_line(&mut self, unit: u8, line: Line, answer: &Result<Vec<u16>, SensorError>) {
        self.last = Some((unit, Instant::now()));
        let answered = matches!(answer, Ok(_) | Err(SensorError::Refused { .. }));
        self.stale = !answered && self.link.is_rtu();
        // A port that still works stays open and is drained; a socket may be dead without saying so.
        let works = !matches!(answer, Err(SensorError::Broken { .. }));
        if answered || works && matches!(self.link, Link::Rtu { .. }) {
            *self.line() = Some(line);
        }
    }

    /// Meters need a pause when the line turns to another unit.
    async fn wait_for_turn(&self, unit: u8) {
        let Some((last, at)) = self.last else { return };
        let pause = if last == unit { self.link.frame_gap() } else { self.timing.unit_pause };
        sleep_until(at + pause).await;
    }

    async fn ask_tcp(
        &self,
        line: &mut Context,
        unit: u8,
        question: Question,
    ) -> Result<Vec<u16>, SensorError> {
        line.set_slave(Slave(unit));
        let after = self.timing.answer_timeout;
        let answer = async {
            match question {
                Question::Read(Block { function: Function::Holding, address, count }) => {
                    line.read_holding_registers(address, count).await
                }
                Question::Read(Block { function: Function::Input, address, count }) => {
                    line.read_input_registers(address, count).await
                }
                Question::WriteCoil { coil, on } => {
                    line.write_single_coil(coil, on).await.map(|done| done.map(|()| Vec::new()))
                }
            }
        };
        let at = || self.endpoint(unit);
        match timeout(after, answer).await {
            Err(_) => Err(SensorError::Timeout { at: at(), after }),
            Ok(Err(source)) => Err(SensorError::Protocol { at: at(), source }),
            Ok(Ok(Err(exception))) => Err(SensorError::Refused { at: at(), question, exception }),
            Ok(Ok(Ok(words))) => Ok(words),
        }
    }

    async fn ask_rtu(
        &self,
        line: &mut dyn Transport,
        unit: u8,
        question: Question,
        stale: bool,
    ) -> Result<Vec<u16>, SensorError> {
        self.quieten(line, unit, stale).await?;
        let bytes = rtu::REQUEST_BYTES.saturating_add(question.answer_bytes());
        let after = self.timing.answer_timeout.saturating_add(self.link.transmit_time(bytes));
        let at = || self.endpoint(unit);
        match timeout(after, rtu::ask(line, unit, question)).await {
            Err(_) => Err(SensorError::Timeout { at: at(), after }),
            Ok(Err(Failure::Io(source))) => Err(SensorError::Broken { at: at(), source }),
            Ok(Err(Failure::Frame(source))) => Err(SensorError::Frame { at: at(), source }),
            Ok(Err(Failure::Exception(exception))) => {
                Err(SensorError::Refused { at: at(), question, exception })
            }
            Ok(Ok(words)) => Ok(words),
        }
    }

    /// Nothing may be there before a question; if something is, more of it may be under way.
    async fn quieten(&self, line: &mut dyn Transport, unit: u8, stale: bool) -> Result<(), SensorError> {
        let broken = |source| SensorError::Broken { at: self.endpoint(unit), source };
        let waiting = rtu::drain(line, Duration::ZERO, rtu::DRAIN_MAX).await.map_err(broken)?;
        if stale || waiting > 0 {
            let quiet = self.timing.answer_timeout;
            let thrown = rtu::drain(line, quiet, rtu::DRAIN_MAX).await.map_err(broken)?;
            tracing::debug!(bytes = waiting.saturating_add(thrown), link = %self.link, "line drained");
        }
        Ok(())
    }

    async fn connect(&self, unit: u8) -> Result<Line, SensorError> {
        let connect = |source| SensorError::Connect { at: self.endpoint(unit), source };
        if let Some(port) = self.link.serial_port() {
            let stream = SerialStream::open(&port).map_err(|e| connect(e.into()))?;
            return Ok(Line::Rtu(Box::new(stream)));
        }
        let after = self.timing.connect_timeout;
        match timeout(after, socket(&self.link.place())).await {
            Ok(Ok(stream)) if self.link.is_rtu() => Ok(Line::Rtu(Box::new(stream))),
            Ok(Ok(stream)) => Ok(Line::Tcp(tcp::attach(stream))),
            Ok(Err(source)) => Err(connect(source)),
            Err(_) => Err(SensorError::Timeout { at: self.endpoint(unit), after }),
        }
    }
}

async fn socket(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?; // a question is one small packet
    Ok(stream)
}
