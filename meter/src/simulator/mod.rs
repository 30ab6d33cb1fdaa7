//! A meter for places without one: a real Modbus TCP server with the register map of the SDM630, a household's load
//! and its panels behind it. Demonstrations and tests read it exactly as they would read a meter on the wall.

mod curve;
mod meter;

pub use curve::{Household, Kind};
pub use meter::{EXPORT, IMPORT, Site};

use meter::{Meter, Served};
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

/// Most registers in one answer, as the SDM630 has it.
const REGISTERS_MAX: u16 = 80;

/// Where a simulation's time comes from, ms UTC.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A running simulated meter. Dropping it ends the server.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

struct Shared {
    meter: Mutex<Meter>,
    clock: Clock,
}

#[derive(Clone)]
struct Registers(Arc<Shared>);

/// This process's clock: [`wattle_host::wall`].
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| wattle_host::wall::now().0)
}

impl Simulator {
    /// Listens at `listen` (port 0 takes a free one) and serves until dropped or stopped. The counters began to run at
    /// `start_ms` of the simulation's time: the same start after a restart continues the same counters.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(listen: SocketAddr, site: Site, start_ms: u64, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let meter = Mutex::new(Meter::new(site, start_ms));
        let shared = Arc::new(Shared { meter, clock });
        let registers = Registers(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let accept = |stream, from| {
                let registers = registers.clone();
                async move { accept_tcp_connection(stream, from, |_| Ok(Some(registers.clone()))) }
            };
            let failed = |error| tracing::debug!(%error, "modbus client left");
            // An error of accept() passes, such as too many open files: listen on.
            let serve = async {
                let server = Server::new(listener);
                while let Err(error) = server.serve(&accept, failed).await {
                    tracing::warn!(%error, "simulated meter cannot accept");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            };
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        });
        Ok(Self { address, shared, stop: Some(stop), task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The registers at this moment: two words by address.
    #[must_use]
    pub fn registers(&self) -> BTreeMap<u16, [u16; 2]> {
        self.shared.now().1
    }

    /// The last [`SERVED_MAX`] counter pairs that clients were sent, oldest first.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.shared.lock().served.iter().copied().collect()
    }

    /// Makes a register show `words` whatever flows, as a faulty meter would; `None` ends it.
    pub fn override_register(&self, address: u16, words: Option<[u16; 2]>) {
        let mut meter = self.shared.lock();
        match words {
            Some(words) => meter.overrides.insert(address, words),
            None => meter.overrides.remove(&address),
        };
    }

    /// Ends the server and its connections.
    pub async fn stop(mut self) {
        self.stop.take();
        let _ = (&mut self.task).await; // the task neither panics nor is aborted
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Meter> {
        // Nothing panics while it is held, and a register map is valid after any step.
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> (u64, BTreeMap<u16, [u16; 2]>) {
        let now_ms = (self.clock)();
        let mut meter = self.lock();
        meter.advance(now_ms);
        (now_ms, meter.registers())
    }

    fn read(&self, address: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        // Values are pairs of words: the real meter refuses to take one apart.
        if !address.is_multiple_of(2) || count == 0 || !count.is_multiple_of(2) || count > REGISTERS_MAX {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let end = address.checked_add(count).ok_or(ExceptionCode::IllegalDataAddress)?;
        let (now_ms, registers) = self.now();
        let mut words = Vec::with_capacity(usize::from(count));
        for at in (address..end).step_by(2) {
            words.extend(registers.get(&at).ok_or(ExceptionCode::IllegalDataAddress)?);
        }
        if address <= IMPORT && EXPORT < end {
            self.lock().note_served(now_ms, &registers);
        }
        Ok(words)
    }
}

impl Service for Registers {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(match request {
            Request::ReadInputRegisters(address, count) => {
                self.0.read(address, count).map(Response::ReadInputRegisters)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}
