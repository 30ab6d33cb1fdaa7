//! A small chain in memory, to stand behind the interface in its tests.

use std::sync::{Mutex, mpsc};
use tokio::sync::watch;
use wattle_chain_spec::Preset;
use wattle_primitives::call::deals::Funding;
use wattle_primitives::call::energy::{ClearingRule, Fees, LossRule, TariffBand, Terms};
use wattle_primitives::call::identity::{Authority, Limits, PerPeriod};
use wattle_primitives::call::ledger::{AccountClass, AccountId, JournalId};
use wattle_primitives::call::market::Side;
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::trie::{Leaf, Step, TrieProof};
use wattle_primitives::units::IntervalId;
use wattle_primitives::validator::VotingPower;
use wattle_primitives::*;
use wattle_rpc::{Backend, Gauges};
use wattle_rpc_types::*;

/// Height of the sample chain when a test begins.
pub(crate) const HEAD: Height = Height(10);

pub(crate) struct Chain {
    heights: watch::Sender<Height>,
    pub(crate) events: Mutex<Vec<EventItem>>,
    pub(crate) horizon: Mutex<Height>,
    pub(crate) seen: Mutex<Vec<Hash>>,
    pub(crate) ready: Mutex<bool>,
    /// The next `chain_getParams` waits until the other end is dropped.
    pub(crate) gate: Mutex<Option<mpsc::Receiver<()>>>,
}

pub(crate) fn secret() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub(crate) fn alice() -> Address {
    Address::of_key(&secret().public())
}

fn set() -> ValidatorSet {
    ValidatorSet::new(vec![Validator { key: secret().public(), power: VotingPower(1) }]).unwrap()
}

fn header(height: Height) -> Header {
    Header {
        version: 1,
        chain: Hash([9; 32]),
        epoch: Epoch(0),
        view: View(height.0),
        height,
        parent: Hash([8; 32]),
        time_ms: TimeMs(1_700_000_000_000 + height.0),
        proposer: secret().public(),
        txs_root: Hash::ZERO,
        state_root: Hash([7; 32]),
        receipts_root: Hash::ZERO,
        validators_hash: set().hash(),
        next_validators_hash: set().hash(),
    }
}

fn vote(block: Hash) -> SignedVote {
    let round = Round { epoch: Epoch(0), view: View(3) };
    let vote = Vote::Finalize(Proposal { round, parent_view: View(2), block });
    let signature = secret().sign(&vote.signing_bytes(&Hash([9; 32])));
    SignedVote { vote, signer: ValidatorIndex(0), signature }
}

fn certificate() -> Option<Certificate> {
    let signed = vote(header(HEAD).hash());
    Certificate::assemble(signed.vote, [&signed], &set())
}

pub(crate) fn event(height: u64, index: u32) -> EventItem {
    EventItem {
        position: EventPosition { height: Height(height), index },
        time_ms: TimeMs(height),
        tx: Some(Hash([5; 32])),
        event: Event::Ledger(LedgerEvent::FeeCharged { payer: alice(), amount: Amount(u128::from(index)) }),
    }
}

fn receipt() -> ReceiptReply {
    Receipt {
        tx: Hash([5; 32]),
        outcome: Outcome::Failed { call: 0, reason: Reason::InsufficientFunds },
        weight: Weight(10),
        fee: Amount(10),
        events: vec![event(1, 0).event],
    }
    .into()
}

fn order(order: Hash) -> OrderInfo {
    OrderInfo {
        order,
        microgrid: Hash([4; 32]),
        interval: IntervalId(4),
        account: alice(),
        side: Side::Sell,
        price: Amount(1),
        wh: WattHours(2),
        partner: Some(alice()),
        expires_ms: Some(TimeMs(3)),
        filled_wh: WattHours(0),
    }
}

fn terms() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(2), export_price: Amount(1) };
    Terms {
        tariff: BoundedVec::new(vec![band]).unwrap(),
        utc_offset_minutes: -60,
        clearing: ClearingRule::PayAsBid,
        gate_closure_ms: TimeMs(1),
        grace_ms: TimeMs(2),
        late_window_ms: TimeMs(3),
        fee_per_kwh: Amount(4),
        losses: LossRule::Operator,
        loss_permille_max: 5,
        credit_limit: Amount(6),
        installer: None,
        dispute_votes: 7,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

fn page<T>(items: Vec<T>) -> RpcResult<Page<T>> {
    Ok(Page { at: At::finalized(HEAD), items, next_cursor: Some("1".to_owned()) })
}

fn at<T>(value: T) -> RpcResult<Anchored<T>> {
    Ok(Anchored { at: At::finalized(HEAD), value })
}

fn liveness() -> Liveness {
    Liveness {
        quorum: false,
        quorum_power: VotingPower(3),
        total_power: VotingPower(4),
        missing_power: VotingPower(2),
        validators_missing: vec![secret().public()],
    }
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self {
            heights: watch::Sender::new(HEAD),
            events: Mutex::new((1..=HEAD.0).flat_map(|h| [event(h, 0), event(h, 1)]).collect()),
            horizon: Mutex::new(Height(0)),
            seen: Mutex::new(Vec::new()),
            ready: Mutex::new(true),
            gate: Mutex::default(),
        }
    }

    pub(crate) fn grow(&self, to: u64) {
        let head = self.heights.borrow().0;
        self.events.lock().unwrap().extend((head + 1..=to).flat_map(|h| [event(h, 0), event(h, 1)]));
        self.heights.send_replace(Height(to));
    }

    pub(crate) fn body(&self, request: PrepareRequest) -> TxBody {
        TxBody {
            chain: Hash([9; 32]),
            sender: request.sender,
            grant: request.grant,
            lane: request.lane.unwrap_or_default(),
            nonce: request.nonce.unwrap_or_default(),
            expires_ms: request.expires_ms.unwrap_or(TimeMs(1_700_000_060_000)),
            fee_payer: request.fee_payer.unwrap_or(request.sender),
            max_fee: request.max_fee.unwrap_or(Amount(100)),
            tip: request.tip.unwrap_or_default(),
            calls: request.calls,
        }
    }

    fn admit(&self, tx: &Tx) -> RpcResult<Hash> {
        let id = tx.id();
        if tx.body().nonce.0 > 5 {
            let details = serde_json::json!({ "expected": "5" });
            return Err(RpcError::Rejected {
                id,
                code: "bad_nonce",
                message: "nonce too high".to_owned(),
                details,
            });
        }
        self.seen.lock().unwrap().push(id);
        Ok(id)
    }

    fn status(&self, id: Hash) -> RpcResult<TxStatus> {
        if !self.seen.lock().unwrap().contains(&id) {
            return Err(RpcError::not_found("transaction", id));
        }
        Ok(TxStatus {
            id,
            state: TxState::Finalized,
            finalized: true,
            height: Some(Height(3)),
            index: Some(0),
            head: HEAD,
            expires_ms: Some(TimeMs(1)),
            reason: None,
            receipt: Some(receipt()),
        })
    }

    fn meter(&self) -> MeterInfo {
        MeterInfo {
            address: alice(),
            microgrid: Hash([4; 32]),
            key: secret().public(),
            owner: alice(),
            encoding: RegisterEncoding::Float32Kwh,
            role: MeterRole::Feeder,
            power_max_w: 69_000,
            replaced_by: Some(alice()),
            retired_ms: Some(TimeMs(9)),
            suspended_ms: Some(TimeMs(10)),
            seq: u64::MAX,
            import_wh: WattHours(5),
            export_wh: WattHours(6),
            time_ms: TimeMs(7),
            manual: true,
            settled_until: Some(IntervalId(5)),
            silent_since_ms: Some(TimeMs(6)),
            estimated: Amount(7),
        }
    }

    fn book(&self, id: BookId) -> BookInfo {
        BookInfo { id, owner: alice(), accounts: 3, assets: vec![AssetId(0)], closed_ms: TimeMs(7) }
    }

    fn microgrid(&self) -> MicrogridInfo {
        MicrogridInfo {
            id: Hash([4; 32]),
            operator: alice(),
            asset: AssetId(0),
            interval_ms: TimeMs(900_000),
            meters: 1,
            book: BookId([1; 16]),
            members: 2,
            terms: 1,
            cash: Amount(7),
            wallet: Address::of_microgrid(&Hash([4; 32])),
            paused: Some(PausedInfo {
                since_ms: TimeMs(5),
                needed: Amount(6),
                own: Amount(3),
                available: Amount(7),
            }),
            own_wallet: false,
            waits: true,
            current: IntervalId(4),
            next_clear: Some(IntervalId(5)),
            next_settle: Some(IntervalId(4)),
            next_final: Some(IntervalId(3)),
        }
    }

    fn asset(&self) -> AssetInfo {
        let symbol = "WAT".parse().unwrap();
        AssetInfo { id: AssetId(0), symbol, scale: 6, issuer: Some(alice()), supply: Amount(u128::MAX) }
    }
}

impl ChainQueries for Chain {
    fn chain_status(&self) -> RpcResult<ChainStatus> {
        Ok(ChainStatus {
            at: At::finalized(*self.heights.borrow()),
            chain_id: "test".to_owned(),
            genesis_hash: Hash([9; 32]),
            hash: Hash([2; 32]),
            state_root: Hash([7; 32]),
            time_ms: TimeMs(1),
            epoch: Epoch(0),
            view: View(4),
            validators: 1,
            peers: 0,
            syncing: false,
            liveness: liveness(),
            horizon: Height(0),
            mempool_txs: 0,
            version: "0.1.0".to_owned(),
            protocol_version: 1,
        })
    }

    fn chain_block(&self, id: BlockId) -> RpcResult<BlockReply> {
        let height = match id {
            BlockId::Height(height) if height <= HEAD => height,
            BlockId::Height(height) => return Err(RpcError::not_found("block", height)),
            BlockId::Hash(hash) => return Err(RpcError::not_found("block", hash)),
        };
        Ok(BlockReply {
            at: At::finalized(height),
            header: header(height),
            hash: header(height).hash(),
            tx_ids: vec![Hash([5; 32])],
            event_count: 2,
            size_bytes: 100,
            weight: Weight(10),
            finalization: certificate(),
            path: vec![header(HEAD)],
        })
    }

    fn chain_light_block(&self, height: Option<Height>) -> RpcResult<LightBlock> {
        let height = height.unwrap_or(HEAD);
        Ok(LightBlock {
            at: At::finalized(height),
            header: header(height),
            hash: header(height).hash(),
            finalization: certificate(),
            path: Vec::new(),
            validators: set(),
        })
    }

    fn chain_validators(&self, epoch: Option<Epoch>) -> RpcResult<ValidatorsReply> {
        Ok(ValidatorsReply {
            at: At::finalized(HEAD),
            epoch: epoch.unwrap_or_default(),
            hash: set().hash(),
            validators: set(),
            total_power: set().total(),
            quorum: set().quorum(),
        })
    }

    fn chain_params(&self) -> RpcResult<ParamsReply> {
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.recv(); // an end of the other side is what is waited for
        }
        let params = Preset::Devnet.template().unwrap().genesis.params;
        let params = ChainParams { registrar: Some(alice()), ..ChainParams::from(&params) };
        Ok(ParamsReply { at: At::finalized(HEAD), epoch: Epoch(0), params })
    }

    fn chain_event_proof(&self, place: EventPosition) -> RpcResult<EventProof> {
        let siblings = BoundedVec::new(vec![Hash([1; 32])]).unwrap();
        Ok(EventProof {
            at: At::finalized(place.height),
            index: place.index,
            event: event(3, 0).event,
            place: 0,
            leaf: vec![1, 2],
            proof: merkle::ListProof { index: 0, count: 2, siblings },
            header: header(place.height),
            finalization: certificate(),
            path: Vec::new(),
        })
    }
}

fn balance() -> Balance {
    Balance {
        asset: AssetId(0),
        symbol: "WAT".parse().unwrap(),
        scale: 6,
        available: Amount(u128::MAX),
        pending: Amount(0),
        incoming: Amount(0),
    }
}

impl AccountQueries for Chain {
    fn account(&self, address: Address) -> RpcResult<AccountReply> {
        Ok(AccountReply {
            at: At::finalized(HEAD),
            address,
            exists: true,
            nonce: [(Lane(0), Nonce(5))].into(),
            balances: vec![balance()],
            balances_cursor: Some("1".to_owned()),
            authority: Some(Authority::single(secret().public())),
            bandwidth: Weight(1000),
        })
    }

    fn account_balances(&self, _: Address, _: PageRequest) -> RpcResult<Page<Balance>> {
        page(vec![balance()])
    }

    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply> {
        let (key, value) = match target {
            ProofTarget::Address(address) => (address.as_bytes().to_vec(), Some(vec![1, 2, 3])),
            ProofTarget::Key(key) => (key, None),
        };
        let leaf = Leaf { key_hash: Hash([1; 32]), value_hash: Hash([2; 32]) };
        let path = BoundedVec::new(vec![Step { bit: 3, sibling: Hash([3; 32]) }]).unwrap();
        Ok(ProofReply {
            at: At::finalized(HEAD),
            key,
            value,
            proof: TrieProof { path, leaf: Some(leaf) },
            header: header(HEAD),
            finalization: certificate(),
            path: Vec::new(),
        })
    }

    fn account_history(&self, _address: Address, request: PageRequest) -> RpcResult<Page<HistoryItem>> {
        assert!(request.limit <= limits::PAGE_ITEMS_MAX);
        let events = self.events.lock().unwrap();
        let at = EventPosition { height: Height(3), index: 0 };
        page(vec![HistoryItem {
            height: at.height,
            index: 0,
            id: Hash([5; 32]),
            time_ms: TimeMs(1),
            sender: alice(),
            calls: vec!["token.transfer".to_owned()],
            code: "success".to_owned(),
            fee: Amount(10),
            events: events.iter().filter(|e| e.position == at).map(|e| e.event.clone()).collect(),
        }])
    }
}

impl TxQueries for Chain {
    fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx> {
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(
            serde_json::from_str::<PrepareRequest>(&json).unwrap(),
            request,
            "what is written is read"
        );
        let body = self.body(request);
        Ok(PreparedTx {
            at: At::finalized(HEAD),
            id: body.id(),
            body_hex: encode(&body),
            signing_hex: body.signing_bytes(),
            fee: Amount(10),
            weight: Weight(10),
            body,
        })
    }

    fn tx_submit(&self, txs: Vec<Tx>) -> Answers<'_> {
        Box::pin(async move { txs.iter().map(|tx| self.admit(tx)).collect() })
    }

    fn tx_status(&self, id: Hash) -> RpcResult<TxStatus> {
        self.status(id)
    }

    fn tx_get(&self, id: Hash) -> RpcResult<TxReply> {
        Ok(TxReply { status: self.status(id)?, tx: None, tx_hex: None })
    }

    fn tx_simulate(&self, body: TxBody, _: &[Auth]) -> RpcResult<Simulation> {
        assert_eq!(decode::<TxBody>(&encode(&body)).as_ref(), Ok(&body));
        Ok(Simulation {
            at: At::finalized(HEAD),
            id: body.id(),
            receipt: receipt(),
            weight: Weight(10),
            fee: Amount(10),
        })
    }
}

impl EventQueries for Chain {
    fn events(&self, from: EventPosition, limit: u32) -> RpcResult<EventPage> {
        let horizon = *self.horizon.lock().unwrap();
        if from.height < horizon {
            return Err(RpcError::Pruned { horizon });
        }
        let head = *self.heights.borrow();
        let events = self.events.lock().unwrap();
        let begin = events.partition_point(|e| e.position < from);
        let mut rest = events[begin..].iter().take_while(|e| e.position.height <= head).cloned();
        let items: Vec<EventItem> = rest.by_ref().take(limit as usize).collect();
        let next = rest.next().map_or(EventPosition { height: head.next(), index: 0 }, |e| e.position);
        Ok(EventPage { items, next })
    }
}

impl SearchQueries for Chain {
    fn search(&self, text: &str) -> RpcResult<SearchReply> {
        match text.parse::<Height>() {
            Ok(height) if height <= HEAD => Ok(SearchReply {
                at: At::finalized(HEAD),
                best: SearchHit { kind: SearchKind::Block, target: height.to_string() },
                also: vec![SearchHit { kind: SearchKind::Asset, target: height.to_string() }],
                truncated: false,
            }),
            _ => Err(RpcError::not_found("match for", text)),
        }
    }
}

fn hold_info(id: Hash, debit: AccountId) -> HoldInfo {
    let credit = AccountId::Book { book: BookId([1; 16]), code: 2 };
    let (asset, amount, captor) = (AssetId(0), Amount(1), alice());
    HoldInfo { id, debit, credit, asset, amount, captor, expires_ms: Some(TimeMs(9)) }
}

impl LedgerQueries for Chain {
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>> {
        at(hold_info(id, AccountId::Wallet { owner: alice() }))
    }

    fn ledger_holds(&self, account: AccountId, _: PageRequest) -> RpcResult<Page<HoldInfo>> {
        page(vec![hold_info(Hash([3; 32]), account)])
    }

    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>> {
        at(LedgerAccountInfo {
            account,
            asset,
            class: AccountClass::Liability,
            debit_max: Some(Amount::ZERO),
            credit_max: None,
            debits_pending: Amount(0),
            debits_posted: Amount(1),
            credits_pending: Amount(2),
            credits_posted: Amount(3),
        })
    }

    fn ledger_book(&self, book: BookId) -> RpcResult<Anchored<BookInfo>> {
        at(self.book(book))
    }

    fn ledger_books(&self, _owner: Option<Address>, _page: PageRequest) -> RpcResult<Page<BookInfo>> {
        page(vec![self.book(BookId([1; 16]))])
    }

    fn ledger_chart(&self, _book: BookId, _page: PageRequest) -> RpcResult<Page<ChartItem>> {
        page(vec![ChartItem {
            code: 4100,
            name: Some(Hash([2; 32])),
            asset: AssetId(0),
            class: AccountClass::Revenue,
            parent: Some(4000),
            debit_max: Some(Amount::ZERO),
            credit_max: None,
        }])
    }

    fn ledger_trial_balance(
        &self,
        book: BookId,
        _until: Until,
        _page: PageRequest,
    ) -> RpcResult<Page<TrialBalanceItem>> {
        page(vec![TrialBalanceItem {
            account: AccountId::Cash { book },
            asset: AssetId(0),
            class: AccountClass::Asset,
            parent: None,
            debits: Amount(5),
            credits: Amount(3),
        }])
    }

    fn ledger_dues(&self, asset: AssetId, _until: Until, _page: PageRequest) -> RpcResult<Page<DueInfo>> {
        let (owed, reserved) = (Amount(2), Amount(1));
        page(vec![DueInfo { book: BookId([1; 16]), owner: alice(), asset, owed, reserved }])
    }

    fn ledger_statement(
        &self,
        request: StatementRequest,
        _page: PageRequest,
    ) -> RpcResult<Page<StatementLine>> {
        let journal = JournalId { height: Height(4), index: 7 };
        page(vec![StatementLine {
            height: Height(4),
            index: Some(8),
            time_ms: TimeMs(9),
            date_ms: TimeMs(8),
            tx: Some(Hash([3; 32])),
            debit: Amount(5),
            credit: Amount(0),
            against: Some(request.account),
            journal: Some(journal),
            reference: Some(Hash([4; 32])),
            memo: Some(Hash([5; 32])),
            reverses: Some(journal),
            debits: Amount(5),
            credits: Amount(0),
        }])
    }
}

impl TokenQueries for Chain {
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>> {
        if id.0 == 0 { at(self.asset()) } else { Err(RpcError::not_found("asset", id)) }
    }

    fn token_supply(&self, asset: AssetId) -> RpcResult<Anchored<SupplyInfo>> {
        let [issued, burned] = [1000, 1].map(Amount);
        let [wallets, held, fees, deposits, books] = [900, 50, 40, 8, 1].map(Amount);
        at(SupplyInfo { asset, issued, burned, wallets, held, fees, deposits, books })
    }

    fn token_assets(&self, _page: PageRequest) -> RpcResult<Page<AssetInfo>> {
        page(vec![self.asset()])
    }
}

impl EnergyQueries for Chain {
    fn energy_microgrids(&self, _page: PageRequest) -> RpcResult<Page<MicrogridInfo>> {
        page(vec![self.microgrid()])
    }

    fn energy_microgrid(&self, _id: Hash) -> RpcResult<Anchored<MicrogridInfo>> {
        at(self.microgrid())
    }

    fn energy_meters(&self, _microgrid: Option<Hash>, _page: PageRequest) -> RpcResult<Page<MeterInfo>> {
        page(vec![self.meter()])
    }

    fn energy_meter(&self, _address: Address) -> RpcResult<Anchored<MeterInfo>> {
        at(self.meter())
    }

    fn energy_readings(&self, request: ReadingsRequest, _: PageRequest) -> RpcResult<Page<ReadingItem>> {
        let meter = request.meter;
        page(vec![ReadingItem {
            position: EventPosition { height: Height(3), index: 1 },
            tx: Hash([5; 32]),
            meter,
            seq: 1 << 60,
            import_wh: WattHours(5),
            export_wh: WattHours(6),
            time_ms: TimeMs(7),
            manual: Some(alice()),
            block_time_ms: TimeMs(8),
        }])
    }

    fn energy_terms(&self, microgrid: Hash, interval: Option<IntervalId>) -> RpcResult<Anchored<TermsInfo>> {
        at(TermsInfo { microgrid, version: 0, from: interval.unwrap_or(IntervalId(4)), terms: terms() })
    }

    fn energy_mandate(&self, _: Hash, _: Address) -> RpcResult<Anchored<MandateInfo>> {
        at(mandate_info())
    }

    fn energy_members(&self, _: Hash, _: Option<Address>, _: PageRequest) -> RpcResult<Page<MemberInfo>> {
        page(vec![MemberInfo {
            account: alice(),
            code: 2,
            owes: Amount(1),
            due: Amount(0),
            credit_limit: Some(Amount(9)),
            reserved: Amount(2),
            estimated: Amount(3),
            escrow: Amount(5),
            paid_out: Amount(6),
            mandate: Some(mandate_info()),
            exposed: Amount(4),
            meters: 1,
            suspended: 1,
            until: IntervalId(5),
        }])
    }

    fn energy_interval(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<IntervalInfo>> {
        at(IntervalInfo {
            microgrid,
            interval,
            start_ms: TimeMs(1),
            end_ms: TimeMs(2),
            state: IntervalState::Open,
            orders: Some(3),
            traded_wh: WattHours(4),
            trades: Some(2),
            price: Some(Amount(5)),
            settlement: Some(SettlementInfo { accounts: 6, members: measured(7), feeders: measured(8) }),
            events: vec![event(3, 0)],
        })
    }

    fn energy_intervals(&self, _: Hash, _: PageRequest) -> RpcResult<Page<EventItem>> {
        page(vec![event(3, 0)])
    }

    fn energy_bill(&self, _: BillRequest, _: PageRequest) -> RpcResult<Page<EventItem>> {
        page(vec![event(3, 0)])
    }
}

impl MarketQueries for Chain {
    fn market_trades(&self, _: Hash, _: IntervalId, _: PageRequest) -> RpcResult<Page<EventItem>> {
        page(vec![event(3, 0)])
    }

    fn market_order_book(&self, microgrid: Hash, interval: IntervalId) -> RpcResult<Anchored<OrderBook>> {
        let level = BookLevel { price: Amount(1), wh: WattHours(2), orders: 3 };
        at(OrderBook { microgrid, interval, bids: vec![level], offers: vec![level], truncated: false })
    }

    fn market_orders(&self, _: Hash, _: IntervalId, _: PageRequest) -> RpcResult<Page<OrderInfo>> {
        page(vec![order(Hash([3; 32]))])
    }

    fn market_order(&self, id: Hash) -> RpcResult<Anchored<OrderInfo>> {
        at(order(id))
    }
}

fn allowance_info() -> AllowanceInfo {
    let (asset, total, period) = (AssetId(0), Amount(3), Amount(0));
    let spent = SpentInfo { asset, total, period, period_from_ms: TimeMs(1), left: Some(Amount(97)) };
    AllowanceInfo { limits: Limits::allowance(Amount(100), TimeMs(9)), spent: vec![spent], uses: 2 }
}

const fn mandate_info() -> MandateInfo {
    MandateInfo {
        per_charge: Some(Amount(6)),
        per_period: Some(PerPeriod { amount: Amount(7), period_ms: TimeMs(8) }),
        left: Some(Amount(5)),
        expires_ms: TimeMs(9),
        notice_ms: TimeMs(10),
        given_ms: TimeMs(11),
    }
}

fn grant_info(grant: Hash) -> GrantInfo {
    GrantInfo { grant, grantor: alice(), grantee: Address([7; 32]), allowance: allowance_info() }
}

fn sponsorship_info(sponsor: Address, grantee: Address) -> SponsorshipInfo {
    SponsorshipInfo { sponsor, grantee, allowance: allowance_info() }
}

impl IdentityQueries for Chain {
    fn identity_grant(&self, grant: Hash) -> RpcResult<Anchored<GrantInfo>> {
        at(grant_info(grant))
    }

    fn identity_grants_by(&self, _: Address, _: PageRequest) -> RpcResult<Page<GrantInfo>> {
        page(vec![grant_info(Hash([3; 32]))])
    }

    fn identity_grants_to(&self, _: Address, _: PageRequest) -> RpcResult<Page<GrantInfo>> {
        page(vec![grant_info(Hash([4; 32]))])
    }

    fn identity_sponsorship(
        &self,
        sponsor: Address,
        grantee: Address,
    ) -> RpcResult<Anchored<SponsorshipInfo>> {
        at(sponsorship_info(sponsor, grantee))
    }

    fn identity_sponsorships_by(&self, sponsor: Address, _: PageRequest) -> RpcResult<Page<SponsorshipInfo>> {
        page(vec![sponsorship_info(sponsor, Address([7; 32]))])
    }

    fn identity_sponsorships_for(
        &self,
        grantee: Address,
        _: PageRequest,
    ) -> RpcResult<Page<SponsorshipInfo>> {
        page(vec![sponsorship_info(alice(), grantee)])
    }
}

impl DealQueries for Chain {
    fn deals_get(&self, deal: Hash) -> RpcResult<Anchored<DealInfo>> {
        at(deal_info(deal))
    }

    fn deals_list(&self, _: Hash, _: PageRequest) -> RpcResult<Page<DealInfo>> {
        page(vec![deal_info(Hash([3; 32]))])
    }
}

impl DisputeQueries for Chain {
    fn disputes_list(&self, _: DisputesRequest, _: PageRequest) -> RpcResult<Page<DisputeInfo>> {
        page(vec![dispute_info(Hash([3; 32]))])
    }

    fn disputes_get(&self, dispute: Hash) -> RpcResult<Anchored<DisputeInfo>> {
        at(dispute_info(dispute))
    }
}

impl NodeQueries for Chain {
    fn node_peers(&self) -> RpcResult<Anchored<Peers>> {
        let peer = PeerInfo {
            peer_id: "12D3".to_owned(),
            connected: true,
            address: Some("/ip4/127.0.0.1/tcp/1".to_owned()),
            direction: Some(PeerDirection::Inbound),
            role: Some("validator".to_owned()),
            validator: Some(secret().public()),
            height: Some(HEAD),
            agent: "wattle/0.1.0".to_owned(),
            rtt_us: Some(250),
            score: 25,
            penalties: [("vote".to_owned(), 1), ("transaction".to_owned(), 1)].into(),
            ban: Some(PeerBan { reason: "vote".to_owned(), remaining_ms: 1000 }),
        };
        at(Peers { peers: vec![peer] })
    }

    fn node_consensus(&self) -> RpcResult<ConsensusReply> {
        Ok(ConsensusReply {
            at: At::finalized(HEAD),
            validating: true,
            index: Some(ValidatorIndex(0)),
            epoch: Epoch(0),
            view: View(4),
            leader: secret().public(),
            leader_index: ValidatorIndex(0),
            notarized_height: HEAD,
            view_age_ms: 1,
            leader_timeout_ms: 2,
            advance_timeout_ms: 3,
            nullifications: 4,
            commit_backlog: 0,
        })
    }

    fn evidence(&self, _page: PageRequest) -> RpcResult<Page<EvidenceItem>> {
        page(vec![EvidenceItem {
            validator: secret().public(),
            index: ValidatorIndex(0),
            epoch: Epoch(0),
            view: View(3),
            kind: "double_vote".to_owned(),
            first: vote(Hash([1; 32])),
            second: vote(Hash([2; 32])),
            seen_ms: TimeMs(1),
        }])
    }
}

impl HealthQueries for Chain {
    fn health(&self) -> Health {
        let reasons = vec!["no_peers".to_owned()];
        Health { status: HealthStatus::Degraded, reasons, liveness: Some(liveness()) }
    }

    fn readiness(&self) -> Readiness {
        let ready = *self.ready.lock().unwrap();
        let reasons = if ready { Vec::new() } else { vec!["behind".to_owned()] };
        Readiness { ready, height: HEAD, lag_heights: 0, lag_ms: 5, reasons, liveness: None }
    }
}

impl Backend for Chain {
    fn subscribe_heights(&self) -> watch::Receiver<Height> {
        self.heights.subscribe()
    }

    fn gauges(&self) -> Gauges {
        Gauges { finalized_height: HEAD.0, notarized_height: HEAD.0, peers_light: 3, ..Gauges::default() }
    }
}

fn deal_info(deal: Hash) -> DealInfo {
    DealInfo {
        deal,
        microgrid: Hash([4; 32]),
        state: "authorised".to_owned(),
        requester: alice(),
        side: Side::Buy,
        wh: WattHours(5000),
        wh_min: WattHours(50),
        unit_wh: WattHours(50),
        price: Amount(1),
        expires_ms: TimeMs(2),
        partner: Some(alice()),
        funding: Some(Funding::Credit),
        reserved: Amount(3),
        margin_wh: WattHours(40),
        meter: Some(alice()),
        seq: 1 << 60,
        used_wh: WattHours(100),
        remaining_wh: WattHours(4900),
        stop: false,
        acceptances: vec![AcceptanceInfo { account: alice(), wh_max: WattHours(1), price: Amount(2) }],
    }
}

fn dispute_info(dispute: Hash) -> DisputeInfo {
    DisputeInfo {
        dispute,
        microgrid: Hash([4; 32]),
        account: alice(),
        meter: alice(),
        claim: Amount(1),
        note: Hash([5; 32]),
        upheld: 1,
        rejected: 0,
        votes_needed: 2,
        electorate: 5,
        expires_ms: TimeMs(9),
        opened: Some(OpenedInfo { height: Height(3), tx: Hash([6; 32]), first_seq: 1, second_seq: 1 << 60 }),
    }
}

const fn measured(meters: u32) -> MeasuredInfo {
    MeasuredInfo { meters, estimated: 1, import_wh: WattHours(2), export_wh: WattHours(3) }
}
