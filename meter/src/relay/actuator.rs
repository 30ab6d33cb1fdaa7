//! Moves the relay: by a command of the operator's, or by a coil on a Modbus line.

use super::machine::Position;
use crate::sensor::SharedBus;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Reasons why the relay was not moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActuatorError {
    /// The command did not start.
    #[error("cannot run {program:?}")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    /// The command says that it failed.
    #[error("{program:?} ended with {status}")]
    Failed { program: String, status: std::process::ExitStatus },
    /// The command did not end. It was killed.
    #[error("{program:?} did not end within {} s", COMMAND_TIMEOUT.as_secs())]
    Timeout { program: String },
    /// The Modbus device did not take it.
    #[error("coil {coil} of unit {unit}")]
    Coil {
        unit: u8,
        coil: u16,
        #[source]
        source: crate::sensor::SensorError,
    },
}

/// The means to move a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actuator {
    /// Runs one of two commands. Each must leave the relay as it is when it is there already.
    Command {
        /// Program and arguments; not empty.
        connect: Vec<String>,
        /// Program and arguments; not empty.
        disconnect: Vec<String>,
    },
    /// Writes a coil: on is connected.
    Coil {
        /// Index of the line.
        bus: usize,
        /// The device's id on it.
        unit: u8,
        /// Address of the coil.
        coil: u16,
    },
}

impl Actuator {
    /// Moves the relay to `position`, where it may be already.
    ///
    /// # Errors
    /// [`ActuatorError`]; the relay may have moved all the same.
    pub(crate) async fn set(&self, buses: &[SharedBus], position: Position) -> Result<(), ActuatorError> {
        let on = position == Position::Connected;
        match self {
            Self::Command { connect, disconnect } => run(if on { connect } else { disconnect }).await,
            Self::Coil { bus, unit, coil } => {
                let Some(bus) = buses.get(*bus) else { return Ok(()) }; // its index comes from the same list
                let written = bus.lock().await.write_coil(*unit, *coil, on).await;
                written.map_err(|source| ActuatorError::Coil { unit: *unit, coil: *coil, source })
            }
        }
    }
}

async fn run(words: &[String]) -> Result<(), ActuatorError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) }; // refused by the configuration
    let program = || program.clone();
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ActuatorError::Start { program: program(), source })?;
    match tokio::time::timeout(COMMAND_TIMEOUT, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(ActuatorError::Failed { program: program(), status }),
        Ok(Err(source)) => Err(ActuatorError::Start { program: program(), source }),
        Err(_) => Err(ActuatorError::Timeout { program: program() }),
    }
}
