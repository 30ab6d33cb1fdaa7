//! `wattle query proof`: a state value that is believed because it is proven.
//!
//! Checked here: the value (or its absence) under the header's state root; the path of headers up to the certified
//! one; the certificate's quorum and signatures. What remains to be trusted is the validator set: without
//! `--validators-hash` it is the node's word.

use super::output::{Report, to_json};
use super::secret::address_of;
use super::{CliError, CliResult, Ctx};
use crate::client::Client;
use clap::Args;
use serde_json::{Value, json};
use wattle_primitives::block::PATH_HEADERS_MAX;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::{self, AccountRecord, BalanceRecord};
use wattle_primitives::{Address, Amount, AssetId, Certificate, Hash, Header, Height, ValidatorSet, Vote};
use wattle_rpc_types::ProofReply;

/// Arguments of `query proof`.
#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// Address, or name of a key, whose account record is proven.
    #[arg(required_unless_present = "key", conflicts_with = "key")]
    account: Option<String>,
    /// Prove the account's balance of this asset instead of its record.
    #[arg(long, value_name = "ASSET", requires = "account")]
    asset: Option<u32>,
    /// Any state key, in hex.
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
    /// Hash of the validator set that you trust, instead of the node's word for it.
    #[arg(long, value_name = "HASH")]
    validators_hash: Option<Hash>,
    /// Genesis hash of the chain that you trust.
    #[arg(long, value_name = "HASH", env = "WATTLE_CHAIN")]
    chain: Option<Hash>,
}

/// Runs `query proof`.
///
/// # Errors
/// `proof` when any part of the proof does not hold.
pub(crate) async fn run(args: &ProofArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let address = args.account.as_deref().map(|text| address_of(text, ctx)).transpose()?;
    let (key, what) = subject(args, address)?;
    let target = match (address, what) {
        (Some(address), Subject::Account) => json!({ "address": address }),
        _ => json!({ "key": hex::encode(&key) }),
    };
    let reply = client.proof(target).await?;
    check_state(&reply, &key)?;
    let genesis = reply.header.height == Height::ZERO;
    let chain = match args.chain {
        Some(chain) => chain,
        None => client.chain_status().await?.genesis_hash,
    };
    if genesis {
        check(reply.header.hash() == chain, "the header of height 0 is not the chain's genesis")?;
    } else {
        finality(&reply).verify(&client, &chain, args.validators_hash).await?;
    }
    report(&reply, what, args.validators_hash.is_some() || genesis)
}

/// The kind of value that is proven, and so how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Account,
    Balance,
    Other,
}

fn subject(args: &ProofArgs, address: Option<Address>) -> Result<(Vec<u8>, Subject), CliError> {
    match (address, args.asset, &args.key) {
        (Some(owner), Some(asset), _) => {
            Ok((state_key::balance(&AccountId::Wallet { owner }, AssetId(asset)).to_vec(), Subject::Balance))
        }
        (Some(address), None, _) => Ok((state_key::account(&address).to_vec(), Subject::Account)),
        (None, _, Some(key)) => {
            Ok((hex::decode(key).map_err(|e| CliError::input("key", e))?, Subject::Other))
        }
        (None, _, None) => Err(CliError::Usage { detail: "name an account or a key".into() }),
    }
}

pub(super) fn check(holds: bool, detail: &str) -> Result<(), CliError> {
    if holds { Ok(()) } else { Err(CliError::Proof { detail: detail.into() }) }
}

pub(super) fn check_state(reply: &ProofReply, key: &[u8]) -> Result<(), CliError> {
    check(reply.key == key, "it is about another key")?;
    let proven = reply.proof.verify(&reply.header.state_root, key, reply.value.as_deref());
    proven.map_err(|e| CliError::Proof { detail: e.to_string() })
}

/// A header, and what proves that it is final.
pub(super) struct Finality<'a> {
    /// The header.
    pub(super) header: &'a Header,
    /// Headers above it up to the certified one.
    pub(super) path: &'a [Header],
    /// The certified one's certificate.
    pub(super) finalization: Option<&'a Certificate>,
}

impl<'a> Finality<'a> {
    /// The certified header at the end of the path.
    ///
    /// # Errors
    /// `proof` when the path is broken.
    pub(super) fn certified(&self) -> Result<&'a Header, CliError> {
        check(self.path.len() <= PATH_HEADERS_MAX, "the path is too long")?;
        let mut at = self.header;
        for next in self.path {
            check(
                next.parent == at.hash() && next.height == at.height.next(),
                "the path of headers is broken",
            )?;
            at = next;
        }
        Ok(at)
    }

    /// Checks that the certificate is of `certified`, which is what [`Finality::certified`] returned, and by its
    /// validators.
    ///
    /// # Errors
    /// `proof` when it is not.
    pub(super) fn check(
        &self,
        certified: &Header,
        set: &ValidatorSet,
        chain: &Hash,
        trusted: Option<Hash>,
    ) -> Result<(), CliError> {
        check(certified.chain == *chain && self.header.chain == *chain, "the header is of another chain")?;
        check(set.hash() == certified.validators_hash, "the validator set is not the header's")?;
        check(
            trusted.is_none_or(|hash| hash == certified.validators_hash),
            "other validators than the trusted ones decided",
        )?;
        let Some(certificate) = self.finalization else {
            return Err(CliError::Proof { detail: "there is no certificate".into() });
        };
        let about = match certificate.vote {
            Vote::Finalize(proposal) => {
                proposal.block == certified.hash() && proposal.round.epoch == certified.epoch
            }
            Vote::Notarize(_) | Vote::Nullify(_) => false,
        };
        check(about, "the certificate does not finalize this header")?;
        certificate.verify(chain, set).map_err(|e| CliError::Proof { detail: e.to_string() })
    }

    /// Checks everything, with the validators that the node names.
    ///
    /// # Errors
    /// `proof` when a part does not hold.
    pub(super) async fn verify(
        &self,
        client: &Client,
        chain: &Hash,
        trusted: Option<Hash>,
    ) -> Result<(), CliError> {
        let certified = self.certified()?;
        let set = client.light_block(certified.height).await?.validators;
        self.check(certified, &set, chain, trusted)
    }
}

pub(super) const fn finality(reply: &ProofReply) -> Finality<'_> {
    Finality { header: &reply.header, path: reply.path.as_slice(), finalization: reply.finalization.as_ref() }
}

fn report(reply: &ProofReply, what: Subject, anchored: bool) -> CliResult {
    let value: Option<Value> = match (&reply.value, what) {
        (Some(bytes), Subject::Account) => Some(account(bytes)?),
        (Some(bytes), Subject::Balance) => Some(balance(bytes)?),
        (Some(_), Subject::Other) | (None, _) => None,
    };
    let trust = if anchored { "anchored" } else { "validators_from_node" };
    let json = json!({
        "verified": { "state": true, "finality": true, "trust": trust },
        "exists": reply.value.is_some(),
        "value": value,
        "proof": to_json(reply),
    });
    let mut text = format!(
        "verified: the state of height {} {} this key\nheader  {}\nroot    {}\nkey     {}\n",
        reply.header.height,
        if reply.value.is_some() { "holds a value for" } else { "holds nothing for" },
        reply.header.hash(),
        reply.header.state_root,
        hex::encode(&reply.key),
    );
    if let Some(bytes) = &reply.value {
        text.push_str(&format!("value   {}\n", hex::encode(bytes)));
    }
    if let Some(value) = &value {
        text.push_str(&super::output::render(value));
    }
    if !anchored {
        text.push_str(
            "The validator set is this node's word; --validators-hash checks it against one you trust.\n",
        );
    }
    Ok(Report::new(json, text))
}

fn account(bytes: &[u8]) -> Result<Value, CliError> {
    let record: AccountRecord =
        wattle_primitives::decode(bytes).map_err(|e| CliError::input("account record", e))?;
    let nonces: serde_json::Map<String, Value> =
        (0u16..).zip(record.nonces.iter()).map(|(lane, nonce)| (lane.to_string(), to_json(nonce))).collect();
    Ok(json!({ "nonce": nonces, "authority": record.authority }))
}

/// The four counters, and what of them can be spent: a wallet is a liability, which credits increase.
fn balance(bytes: &[u8]) -> Result<Value, CliError> {
    let record: BalanceRecord =
        wattle_primitives::decode(bytes).map_err(|e| CliError::input("balance", e))?;
    let reserved = record.debits_posted.saturating_add(record.debits_pending);
    Ok(json!({
        "available": Amount(record.credits_posted.saturating_sub(reserved)),
        "debitsPending": Amount(record.debits_pending),
        "debitsPosted": Amount(record.debits_posted),
        "creditsPending": Amount(record.credits_pending),
        "creditsPosted": Amount(record.credits_posted),
    }))
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
