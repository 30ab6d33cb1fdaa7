//! What moves the relay: a command of the operator's, or a coil on a Modbus line.

use super::machine::Position;
use crate::sensor::SharedBus;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the relay was not moved.
#[derive(Debug, thiserror::Error)]
pub enum ActuatorError {
    /// The command did not start.
    #[error("cannot run {program:?}")]
    Start {
        /// Its first word.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command says that it failed.
    #[error("{program:?} ended with {status}")]
    Failed {
        /// Its first word.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The command did not end. It was killed.
    #[error("{program:?} did not end within {} s", COMMAND_TIMEOUT.as_secs())]
    Timeout {
        /// Its first word.
        program: String,
    },
    /// The Modbus device did not take it.
    #[error("coil {coil} of unit {unit}")]
    Coil {
        /// Its unit.
        unit: u8,
        /// Its address.
        coil: u16,
        /// Why.
        #[source]
        source: crate::sensor::SensorError,
    },
}

/// Moves a relay.
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
        /// The line.
        bus: SharedBus,
        /// The device.
        unit: u8,
        /// The coil.
        coil: u16,
    },
}

impl Actuator {
    /// Moves the relay to `position`, where it may be already.
    ///
    /// # Errors
    /// [`ActuatorError`]; the relay may have moved all the same.
    pub(crate) async fn set(&self, position: Position) -> Result<(), ActuatorError> {
        match self {
            Self::Command { connect, disconnect } => {
                run(if position == Position::Connected { connect } else { disconnect }).await
            }
            Self::Coil { bus, unit, coil } => {
                let written =
                    bus.lock().await.write_coil(*unit, *coil, position == Position::Connected).await;
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
