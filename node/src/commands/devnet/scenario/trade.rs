//! Members who trade: before each gate closes, everybody offers what it expects to have too much of, or bids for what
//! it expects to lack, in the interval that comes.

use super::super::meters::Meters;
use super::{POLL, Testnet, wrong};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wattle_cli::CliError;
use wattle_cli::client::Client;
use wattle_meter::simulator::Site;
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{
    Address, Amount, Auth, BoundedVec, Call, Hash, SecretKey, TimeMs, Tx, WattHours, call, domain,
};
use wattle_rpc_types::{MicrogridInfo, PrepareRequest};

/// Gates close 5 min before their interval: orders are for the second interval from now.
const INTERVALS_AHEAD: u64 = 2;
/// Price of a bid for a kWh: between the tariff's prices.
const BID_PRICE: Amount = Amount(180_000);
/// Price of an offer of a kWh.
const OFFER_PRICE: Amount = Amount(90_000);
/// Forecasts look at an interval this often.
const FORECAST_STEP_MS: u64 = 60_000;

/// The members at work.
pub(super) struct Traders {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<u64, CliError>>,
}

/// One member: its key and what it owns.
struct Trader {
    key: SecretKey,
    address: Address,
    sites: Vec<Site>,
}

impl Traders {
    /// Lets every member that owns a house trade until told to stop.
    pub(super) fn start(net: &Testnet, meters: &Meters, client: Client, grid: Hash) -> Self {
        let mut traders = Vec::new();
        for wallet in &net.wallets {
            let address = Address::of_key(&wallet.key.public());
            let own = meters.members.iter().filter(|m| m.owner == address && !m.is_feeder);
            let sites: Vec<Site> = own.map(|m| m.site.clone()).collect();
            if !sites.is_empty() {
                traders.push(Trader { key: SecretKey::from_seed(*wallet.key.seed()), address, sites });
            }
        }
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(trade(traders, client, grid, stopped)) }
    }

    /// Whether they have ended by themselves, which they do only when something fails.
    pub(super) fn have_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets them finish. Returns how many orders they placed.
    ///
    /// # Errors
    /// `scenario` when an order was refused for a reason that should not occur.
    pub(super) async fn stop(self) -> Result<u64, CliError> {
        self.stop.send_replace(true);
        self.task.await.map_err(|_| wrong("the traders do not fail"))?
    }
}

async fn trade(
    traders: Vec<Trader>,
    client: Client,
    grid: Hash,
    stopped: watch::Receiver<bool>,
) -> Result<u64, CliError> {
    let (mut placed, mut last) = (0u64, IntervalId(0));
    while !*stopped.borrow() {
        let info: MicrogridInfo = client.call("energy_getMicrogrid", json!({ "id": grid })).await?;
        let interval = IntervalId(info.current.0.saturating_add(INTERVALS_AHEAD));
        if interval > last {
            last = interval;
            for trader in &traders {
                placed = placed.saturating_add(u64::from(
                    trader.order(&client, grid, interval, info.interval_ms).await?,
                ));
            }
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(placed)
}

impl Trader {
    /// Places this member's order for an interval. Returns whether there was one.
    async fn order(
        &self,
        client: &Client,
        grid: Hash,
        interval: IntervalId,
        interval_ms: TimeMs,
    ) -> Result<bool, CliError> {
        let net_wh = self.forecast(interval, interval_ms);
        let (side, price) = if net_wh > 0 { (Side::Buy, BID_PRICE) } else { (Side::Sell, OFFER_PRICE) };
        let wh = WattHours(net_wh.unsigned_abs());
        if wh == WattHours::ZERO {
            return Ok(false);
        }
        let reference = Hash::of(domain::ORDER, &[&interval.0.to_le_bytes(), self.address.as_bytes()]);
        let (microgrid, partner, expires_ms) = (grid, None, None);
        let order = Call::from(call::market::PlaceOrder {
            microgrid,
            reference,
            interval,
            side,
            price,
            wh,
            partner,
            expires_ms,
        });
        let request = PrepareRequest {
            calls: BoundedVec::new(vec![order]).unwrap_or_default(), // one call is within every limit
            sender: self.address,
            grant: None,
            lane: None,
            nonce: None,
            expires_ms: None,
            fee_payer: None,
            max_fee: None,
            tip: None,
        };
        let prepared = client.prepare(&request).await?;
        let signature = self.key.sign(&prepared.body.signing_bytes());
        let tx = Tx::new(prepared.body, vec![Auth { key: self.key.public(), signature }]);
        let tx = tx.map_err(|e| CliError::input("order", e))?;
        client.submit(&tx).await?;
        Ok(true)
    }

    /// Energy that the member will draw from the grid in an interval, Wh; negative when it gives.
    #[expect(clippy::cast_possible_truncation, reason = "watt-hours of a few houses")]
    fn forecast(&self, interval: IntervalId, interval_ms: TimeMs) -> i64 {
        let start = interval.0.saturating_mul(interval_ms.0);
        let end = start.saturating_add(interval_ms.0);
        let mut wh = 0.0;
        let mut at = start;
        while at < end {
            let watts: f64 = self.sites.iter().map(|site| site.flow(at).net()).sum();
            wh += watts * FORECAST_STEP_MS as f64 / 3.6e6;
            at = at.saturating_add(FORECAST_STEP_MS);
        }
        wh as i64
    }
}
