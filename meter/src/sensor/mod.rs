//! Reads a meter over Modbus TCP by its profile.
//!
//! A failed request drops the connection: what arrives late on the old one can never be taken for the answer to a
//! new question. Energy words are passed on as they were read; telemetry is converted to numbers and goes no further
//! than the status page.

mod filter;
mod profile;

pub use filter::{DROP_CONFIRMATIONS, Energy, Filter, Verdict};
pub use profile::{
    Block, EnergyRegisters, Function, PROFILE_BYTES_MAX, Profile, ProfileError, QUANTITIES_MAX, Quantity,
    REGISTERS_PER_REQUEST_MAX, SDM630, ValueType,
};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;
use tokio_modbus::client::{Context, Reader, tcp};
use tokio_modbus::{ExceptionCode, Slave};
use wattle_primitives::reading::{Words, WordsError};

/// How long a sensor waits and how often it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For a connection.
    pub connect_timeout: Duration,
    /// For the answer to one request.
    pub answer_timeout: Duration,
    /// Tries for one sample, at least 1.
    pub tries: u32,
    /// Between two tries.
    pub pause: Duration,
}

/// Everything read from a meter in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The counters, and whether they are believed. Only good ones may be signed.
    pub energy: Energy,
    /// What the filter says of them.
    pub verdict: Verdict,
    /// Telemetry by name; what the meter gave as NaN is left out.
    pub quantities: BTreeMap<String, f64>,
}

/// Why a meter could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// No connection.
    #[error("cannot connect to {address}")]
    Connect {
        /// The meter's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{address} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// The meter's address.
        address: SocketAddr,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke, or the answer was not Modbus.
    #[error("{address} answered badly")]
    Protocol {
        /// The meter's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: tokio_modbus::Error,
    },
    /// The meter refused.
    #[error("{address} refused registers {:#06x}..+{}: {exception}", block.address, block.count)]
    Refused {
        /// The meter's address.
        address: SocketAddr,
        /// What was asked.
        block: Block,
        /// Its reason.
        exception: ExceptionCode,
    },
    /// The meter sent another number of registers than asked for.
    #[error("{address} sent {got} registers, asked for {}", block.count)]
    Length {
        /// The meter's address.
        address: SocketAddr,
        /// What was asked.
        block: Block,
        /// Registers sent.
        got: usize,
    },
    /// The counters are no amount of energy.
    #[error("{address} sent an energy register that is none")]
    Energy {
        /// The meter's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: WordsError,
    },
}

/// One meter on a Modbus TCP server or gateway.
pub struct Sensor {
    address: SocketAddr,
    unit: u8,
    profile: Profile,
    blocks: Vec<Block>,
    timing: Timing,
    connection: Option<Context>,
    filter: Filter,
}

impl Default for Timing {
    /// Figures that the field has settled on: 300 ms, three tries a second apart.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_millis(300),
            tries: 3,
            pause: Duration::from_secs(1),
        }
    }
}

impl Sensor {
    /// A sensor that connects when it is first read. `unit` is the meter's id behind a gateway, else 1.
    #[must_use]
    pub fn new(address: SocketAddr, unit: u8, profile: Profile, timing: Timing) -> Self {
        let blocks = profile.blocks();
        Self { address, unit, profile, blocks, timing, connection: None, filter: Filter::default() }
    }

    /// Takes a connection that somebody else has opened, such as a tunnel to a gateway. When it breaks, the sensor
    /// connects by itself.
    pub fn attach<T>(&mut self, transport: T)
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        self.connection = Some(tcp::attach_slave(transport, Slave(self.unit)));
    }

    /// Reads everything in the profile, with the tries that the timing allows.
    ///
    /// # Errors
    /// The last try's [`SensorError`]. The next call connects anew.
    pub async fn read(&mut self) -> Result<Sample, SensorError> {
        let mut left = self.timing.tries.max(1);
        loop {
            left = left.saturating_sub(1);
            match self.read_once().await {
                Ok(sample) => return Ok(sample),
                Err(error) if left == 0 => return Err(error),
                Err(error) => tracing::debug!(%error, left, "meter not read, trying again"),
            }
            tokio::time::sleep(self.timing.pause).await;
        }
    }

    async fn read_once(&mut self) -> Result<Sample, SensorError> {
        // Taken out while in use: an error, or a dropped future, leaves no connection with an answer under way.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut registers = BTreeMap::new();
        for block in self.blocks.clone() {
            let words = self.request(&mut connection, block).await?;
            registers.extend((block.address..).zip(words).map(|(at, word)| ((block.function, at), word)));
        }
        self.connection = Some(connection);
        self.sample(&registers)
    }

    async fn connect(&mut self) -> Result<Context, SensorError> {
        let (address, after) = (self.address, self.timing.connect_timeout);
        match timeout(after, tcp::connect_slave(address, Slave(self.unit))).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(source)) => Err(SensorError::Connect { address, source }),
            Err(_) => Err(SensorError::Timeout { address, after }),
        }
    }

    async fn request(&mut self, connection: &mut Context, block: Block) -> Result<Vec<u16>, SensorError> {
        let (address, after) = (self.address, self.timing.answer_timeout);
        let answer = async {
            match block.function {
                Function::Holding => connection.read_holding_registers(block.address, block.count).await,
                Function::Input => connection.read_input_registers(block.address, block.count).await,
            }
        };
        match timeout(after, answer).await {
            Err(_) => Err(SensorError::Timeout { address, after }),
            Ok(Err(source)) => Err(SensorError::Protocol { address, source }),
            Ok(Ok(Err(exception))) => Err(SensorError::Refused { address, block, exception }),
            Ok(Ok(Ok(words))) if words.len() != usize::from(block.count) => {
                Err(SensorError::Length { address, block, got: words.len() })
            }
            Ok(Ok(Ok(words))) => Ok(words),
        }
    }

    fn sample(&mut self, registers: &BTreeMap<(Function, u16), u16>) -> Result<Sample, SensorError> {
        let words = |function, address: u16, count: u16| -> Vec<u16> {
            let end = address.saturating_add(count);
            (address..end).filter_map(|at| registers.get(&(function, at)).copied()).collect()
        };
        let energy = &self.profile.energy;
        let counter = |address| {
            Words::new(words(energy.function, address, self.profile.energy_words()))
                .map_err(|e| WordsError::Count { expected: e.max, got: e.got })
        };
        let decoded = counter(energy.import)
            .and_then(|import| Ok((import, counter(energy.export)?)))
            .and_then(|(import, export)| Energy::decode(energy.encoding, import, export));
        let value = decoded.map_err(|source| SensorError::Energy { address: self.address, source })?;
        let quantities = self.profile.quantities.iter().filter_map(|(name, q)| {
            let number = q.value_type.decode(&words(q.function, q.address, q.value_type.words()))?;
            Some((name.clone(), number * q.scale))
        });
        let quantities = quantities.collect();
        let verdict = self.filter.accept(&value);
        match verdict {
            Verdict::Good => {}
            Verdict::Held { seen } => {
                tracing::warn!(seen, ?value, "energy register fell: last good value held")
            }
            Verdict::Reset => tracing::error!(?value, "energy register was reset: register the meter anew"),
        }
        Ok(Sample { energy: value, verdict, quantities })
    }
}
