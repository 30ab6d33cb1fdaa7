//! Peers, consensus, evidence.

use super::{NodeBackend, at, page, storage};
use crate::run::shared::View;
use std::cmp::Reverse;
use wattle_consensus::Rotation;
use wattle_p2p::wire::Role;
use wattle_primitives::evidence::EvidenceKind;
use wattle_primitives::{Accusation, BlockId, Height, Round, TimeMs};
use wattle_rpc_types::{
    Anchored, ConsensusReply, EvidenceItem, NodeQueries, Page, PageRequest, PeerBan, PeerDirection, PeerInfo,
    Peers, RpcError, RpcResult,
};

impl NodeQueries for NodeBackend {
    fn node_peers(&self) -> RpcResult<Anchored<Peers>> {
        let view = self.shared.view();
        let shown = self.network.peers().into_iter().filter(|peer| peer.ready || peer.is_banned());
        Ok(Anchored { at: at(&view), value: Peers { peers: shown.map(peer_info).collect() } })
    }

    fn node_consensus(&self) -> RpcResult<ConsensusReply> {
        let (view, status) = (self.shared.view(), self.status()?);
        let round =
            if status.voting { Round { epoch: status.epoch, view: status.view } } else { next_round(&view) };
        let set = view.schedule.validators(round.epoch);
        let leader_index = match status.leader.filter(|_| status.voting).and_then(|key| set.index_of(&key)) {
            Some(index) => index,
            None => Rotation::new(round.epoch, set).leader(round.view),
        };
        let leader = set.get(leader_index).map(|member| member.key);
        Ok(ConsensusReply {
            at: at(&view),
            validating: status.voting,
            index: self.shared.key.filter(|_| status.voting).and_then(|key| set.index_of(&key)),
            epoch: round.epoch,
            view: round.view,
            leader: leader.ok_or_else(|| RpcError::internal("the leader is not in the set"))?,
            leader_index,
            notarized_height: status.certified_height.max(view.header.height),
            view_age_ms: status.view_age_ms,
            leader_timeout_ms: status.leader_timeout_ms,
            advance_timeout_ms: status.advance_timeout_ms,
            nullifications: status.nullifications,
            commit_backlog: super::chain::count(status.commit_backlog),
        })
    }

    fn evidence(&self, page: PageRequest) -> RpcResult<Page<EvidenceItem>> {
        let view = self.shared.view();
        let mut held = self.shared.store.accusations().map_err(storage)?;
        held.sort_by_key(|accusation| Reverse(accusation.evidence.first.vote.round()));
        let (found, next_cursor) = page::numbered(&page, |from, limit| {
            held.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)).take(limit).collect()
        })?;
        let items: RpcResult<Vec<EvidenceItem>> =
            found.into_iter().map(|accusation| item(self, &view, accusation)).collect();
        Ok(Page { at: at(&view), items: items?, next_cursor })
    }
}

fn peer_info(peer: wattle_p2p::PeerInfo) -> PeerInfo {
    let direction = if peer.outbound { PeerDirection::Outbound } else { PeerDirection::Inbound };
    let role = |role| match role {
        Role::Validator => "validator",
        Role::Full => "full",
        Role::Light => "light",
    };
    PeerInfo {
        peer_id: peer.peer.to_string(),
        connected: peer.ready,
        address: peer.address.map(|address| address.to_string()),
        direction: peer.ready.then_some(direction),
        role: peer.role.map(|r| role(r).to_owned()),
        validator: peer.validator,
        height: peer.ready.then_some(peer.height),
        agent: peer.agent,
        rtt_us: peer.rtt_us.map(|us| u32::try_from(us).unwrap_or(u32::MAX)),
        score: peer.score,
        penalties: peer.penalties.iter().map(|(for_what, n)| (for_what.code().to_owned(), *n)).collect(),
        ban: peer.ban.map(|ban| PeerBan {
            reason: ban.reason.code().to_owned(),
            remaining_ms: u64::try_from(ban.remaining().as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

fn next_round(view: &View) -> Round {
    let header = &view.header;
    let epoch = view.next_epoch();
    let started = header.height > Height::ZERO && epoch == header.epoch;
    Round { epoch, view: if started { header.view.next() } else { wattle_primitives::View(1) } }
}

fn item(node: &NodeBackend, view: &View, accusation: &Accusation) -> RpcResult<EvidenceItem> {
    let Accusation { validator, evidence } = accusation;
    let round = evidence.first.vote.round();
    let kind = match evidence.kind() {
        EvidenceKind::NullifyAndFinalize => "nullify_and_finalize",
        EvidenceKind::Notarizes | EvidenceKind::Finalizes => "double_vote",
    };
    Ok(EvidenceItem {
        validator: *validator,
        index: evidence.culprit(),
        epoch: round.epoch,
        view: round.view,
        kind: kind.to_owned(),
        first: evidence.first,
        second: evidence.second,
        seen_ms: time_of(node, view, round)?,
    })
}

/// About when a round took place: the time of the first final block of that round or a later one.
///
/// Conflicting votes reach a validator while their round runs, so this is when they were seen, to within a round.
fn time_of(node: &NodeBackend, view: &View, round: Round) -> RpcResult<TimeMs> {
    let params = view.schedule.params();
    let (mut low, mut high) = (params.floor_height(round.epoch).next(), params.terminal_height(round.epoch));
    high = high.min(view.header.height);
    let mut time = view.header.time_ms;
    while low <= high {
        let middle = Height(low.0.midpoint(high.0));
        let header = node.shared.store.header(BlockId::Height(middle)).map_err(storage)?;
        let Some(header) = header else { break };
        if header.view < round.view {
            low = middle.next();
        } else {
            time = header.time_ms;
            let Some(below) = middle.prev() else { break };
            high = below;
        }
    }
    Ok(time)
}
