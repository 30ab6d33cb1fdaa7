//! A client's message, from its text to every method's parameters.

use crate::heap;
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;
use wattle_rpc::{Local, Metrics};
use wattle_rpc_types::limits::{BATCH_CALLS_MAX, RESPONSE_BYTES_MAX};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
static LOCAL: LazyLock<Local> = LazyLock::new(|| {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let nothing = Arc::new(backend::Nothing::default());
    Local::new(nothing.clone(), Some(nothing), metrics).expect("the description is written")
});

/// A request, a notification or a batch.
pub fn rpc(bytes: &[u8]) {
    let Ok(message) = std::str::from_utf8(bytes) else { return };
    let local = &*LOCAL;
    let discover = message.contains("discover"); // the one long answer
    let room = if discover { 256 << 20 } else { bytes.len().saturating_mul(600) + (4 << 20) };
    let answer = heap::bounded(room, || RUNTIME.block_on(local.answer(message)));
    let parsed = serde_json::from_str::<Value>(message);
    let Some(text) = answer else {
        let notification = |value: &Value| value.is_object() && value.get("id").is_none();
        let silent = match &parsed {
            Ok(Value::Array(calls)) => calls.iter().all(notification),
            Ok(value) => notification(value),
            // A number too large for a `Value` is still JSON.
            Err(_) => true,
        };
        assert!(silent, "no answer to {message}");
        return;
    };
    assert!(text.len() <= RESPONSE_BYTES_MAX + BATCH_CALLS_MAX * 4096 + bytes.len());
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        // The id is given back as it came: only there can a number be too large for a `Value`.
        assert!(parsed.is_err(), "{text} is no JSON");
        return;
    };
    let answers = answer.as_array().map_or(std::slice::from_ref(&answer), Vec::as_slice);
    for answer in answers {
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(
            answer.get("id").is_some() && answer.get("result").is_some() != answer.get("error").is_some()
        );
        assert!(answer["error"].is_null() || answer["error"]["data"]["code"].is_string(), "{text}");
    }
}

/// A node that knows nothing.
mod backend {
    use tokio::sync::watch;
    use wattle_primitives::call::ledger::AccountId;
    use wattle_primitives::units::IntervalId;
    use wattle_primitives::{Address, AssetId, BlockId, Epoch, Hash, Height, Tx, TxBody, decode, encode};
    use wattle_rpc::Backend;
    use wattle_rpc_types::*;

    #[derive(Default)]
    pub(super) struct Nothing(watch::Sender<Height>);

    fn none<T>() -> RpcResult<T> {
        Err(RpcError::not_found("thing", "here"))
    }

    macro_rules! nothing {
        ($($name:ident($($arg:ty),*) -> $reply:ty;)*) => {
            $(fn $name(&self, $(_: $arg),*) -> RpcResult<$reply> { none() })*
        };
    }

    impl Admin for Nothing {
        nothing! {
            node_info() -> NodeInfo;
            add_peer(&str) -> ();
            remove_peer(&str) -> ();
            ban_peer(&str, std::time::Duration) -> ();
            unban_peer(&str) -> ();
            set_log_filter(&str) -> String;
            stop() -> ();
        }
    }

    impl ChainQueries for Nothing {
        nothing! {
            chain_status() -> ChainStatus;
            chain_block(BlockId) -> BlockReply;
            chain_light_block(Option<Height>) -> LightBlock;
            chain_validators(Option<Epoch>) -> ValidatorsReply;
            chain_params() -> ParamsReply;
            chain_event_proof(EventPosition) -> EventProof;
        }
    }

    impl AccountQueries for Nothing {
        nothing! {
            account(Address) -> AccountReply;
            account_proof(ProofTarget) -> ProofReply;
            account_history(Address, PageRequest) -> Page<HistoryItem>;
        }
    }

    impl TxQueries for Nothing {
        nothing! {
            tx_status(Hash) -> TxStatus;
            tx_get(Hash) -> TxReply;
        }

        fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx> {
            let json = serde_json::to_string(&request).expect("a request has a JSON form");
            let again: PrepareRequest = serde_json::from_str(&json).expect("what is written is read");
            assert_eq!(again, request);
            none()
        }

        fn tx_submit(&self, txs: Vec<Tx>) -> Answers<'_> {
            let ids = txs.iter().map(|tx| Ok(tx.id())).collect();
            Box::pin(std::future::ready(ids))
        }

        fn tx_simulate(&self, body: TxBody) -> RpcResult<Simulation> {
            assert_eq!(decode::<TxBody>(&encode(&body)).as_ref(), Ok(&body));
            none()
        }
    }

    impl EventQueries for Nothing {
        nothing! {
            events(EventPosition, u32) -> EventPage;
        }
    }

    impl SearchQueries for Nothing {
        nothing! {
            search(&str) -> SearchReply;
        }
    }

    impl LedgerQueries for Nothing {
        nothing! {
            ledger_hold(Hash) -> Anchored<HoldInfo>;
            ledger_account(AccountId, AssetId) -> Anchored<LedgerAccountInfo>;
        }
    }

    impl TokenQueries for Nothing {
        nothing! {
            token_asset(AssetId) -> Anchored<AssetInfo>;
            token_assets(PageRequest) -> Page<AssetInfo>;
        }
    }

    impl EnergyQueries for Nothing {
        nothing! {
            energy_microgrids(PageRequest) -> Page<MicrogridInfo>;
            energy_microgrid(Hash) -> Anchored<MicrogridInfo>;
            energy_meters(Option<Hash>, PageRequest) -> Page<MeterInfo>;
            energy_meter(Address) -> Anchored<MeterInfo>;
            energy_readings(ReadingsRequest, PageRequest) -> Page<ReadingItem>;
            energy_terms(Hash, Option<IntervalId>) -> Anchored<TermsInfo>;
            energy_members(Hash, Option<Address>, PageRequest) -> Page<MemberInfo>;
            energy_interval(Hash, IntervalId) -> Anchored<IntervalInfo>;
            energy_intervals(Hash, PageRequest) -> Page<EventItem>;
            energy_bill(BillRequest, PageRequest) -> Page<EventItem>;
        }
    }

    impl MarketQueries for Nothing {
        nothing! {
            energy_trades(Hash, IntervalId, PageRequest) -> Page<EventItem>;
            energy_order_book(Hash, IntervalId) -> Anchored<OrderBook>;
            energy_orders(Hash, IntervalId, PageRequest) -> Page<OrderInfo>;
            energy_order(Hash) -> Anchored<OrderInfo>;
        }
    }

    impl DealQueries for Nothing {
        nothing! {
            energy_deal(Hash) -> Anchored<DealInfo>;
            energy_deals(Hash, PageRequest) -> Page<DealInfo>;
        }
    }

    impl DisputeQueries for Nothing {
        nothing! {
            energy_disputes(DisputesRequest, PageRequest) -> Page<DisputeInfo>;
            energy_dispute(Hash) -> Anchored<DisputeInfo>;
        }
    }

    impl NodeQueries for Nothing {
        nothing! {
            node_peers() -> Anchored<Peers>;
            node_consensus() -> ConsensusReply;
            evidence(PageRequest) -> Page<EvidenceItem>;
        }
    }

    impl HealthQueries for Nothing {
        fn health(&self) -> Health {
            Health { status: HealthStatus::Ok, reasons: Vec::new() }
        }

        fn readiness(&self) -> Readiness {
            Readiness { ready: true, height: Height(0), lag_heights: 0, lag_ms: 0, reasons: Vec::new() }
        }
    }

    impl Backend for Nothing {
        fn subscribe_heights(&self) -> watch::Receiver<Height> {
            self.0.subscribe()
        }

        fn gauges(&self) -> wattle_rpc::Gauges {
            wattle_rpc::Gauges::default()
        }
    }
}
