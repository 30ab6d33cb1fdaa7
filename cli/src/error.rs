//! Why commands fail: a stable code, words for people, a hint, and fields for scripts.

use super::amount::AmountError;
use crate::client::ClientError;
use crate::keystore::{KeystoreError, MnemonicError, file_code};
use serde_json::{Value, json};
use std::path::PathBuf;
use wattle_host::FileError;
use wattle_host::seal::SealError;
use wattle_host::secret::SecretError;
use wattle_primitives::{Hash, Height, TimeMs};

/// Exit code of a command that did what it was asked.
pub const EXIT_OK: u8 = 0;
/// Exit code of a command that failed.
pub const EXIT_FAILED: u8 = 1;
/// Exit code of a command that was not understood.
pub const EXIT_USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments do not fit together.
    #[error("{detail}")]
    Usage {
        /// Their fault.
        detail: String,
    },
    /// A key.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// A mnemonic.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// The node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An amount.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Input that is not what the command reads.
    #[error("{what}: {detail}")]
    Input {
        /// The kind of thing it should have been.
        what: &'static str,
        /// Its fault.
        detail: String,
    },
    /// A password is needed and there is nobody to ask.
    #[error("a password is needed and there is no terminal to ask for it")]
    NoPassword,
    /// The two entries of a new password differ.
    #[error("the passwords differ")]
    PasswordMismatch,
    /// No key was named, and there is not exactly one to choose.
    #[error("no signing key: {detail}")]
    NoSigner {
        /// Where a key was looked for.
        detail: String,
    },
    /// The node prepared something else than what was asked: it is broken, or lies.
    #[error("the node changed {field} of the transaction: nothing was signed")]
    Prepared {
        /// Which field differs.
        field: &'static str,
    },
    /// The node is on another chain than the one named.
    #[error("the node is on chain {got}, not on {expected}")]
    WrongChain {
        /// Chain named by the user.
        expected: Hash,
        /// Chain of the node.
        got: Hash,
    },
    /// A transaction that was only tried, and failed.
    #[error("it would fail at height {height}: {code}; nothing was signed or sent")]
    WouldFail {
        /// The receipt's code.
        code: String,
        /// Height of the state on which it was tried.
        height: Height,
    },
    /// The transaction stands on the chain but failed: the fee is spent, nothing else happened.
    #[error("transaction {id} failed: {code}")]
    TxFailed {
        /// Its id.
        id: Hash,
        /// The receipt's code.
        code: String,
        /// The whole status.
        status: Value,
    },
    /// The transaction will never be on the chain.
    #[error("transaction {id} {state}: {reason}")]
    TxDead {
        /// Its id.
        id: Hash,
        /// `expired` or `rejected`.
        state: &'static str,
        /// The node's reason.
        reason: String,
    },
    /// Time ran out before the transaction's fate was known.
    #[error("transaction {id} was sent, but is not {wanted} after {waited_s} s; it may still be")]
    Undecided {
        /// Its id.
        id: Hash,
        /// State that was waited for.
        wanted: &'static str,
        /// Seconds waited.
        waited_s: u64,
        /// From when on it can no longer be included, ms UTC.
        expires_ms: TimeMs,
        /// The signed transaction, to send again.
        tx_hex: String,
        /// The file that has it, if it could be written.
        file: Option<PathBuf>,
    },
    /// A proof that the node gave does not hold.
    #[error("the node's proof does not hold: {detail}")]
    Proof {
        /// Which part.
        detail: String,
    },
    /// A failure of another part of the program.
    #[error("{message}")]
    Other {
        /// Stable code.
        code: &'static str,
        /// For people.
        message: String,
        /// The way out, if there is one.
        hint: Option<String>,
    },
}

impl CliError {
    /// A failure of another part of the program, with its causes.
    #[must_use]
    pub fn failed(code: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Other { code, message: wattle_host::causes(error), hint: None }
    }

    /// Input that is not what it should be.
    #[must_use]
    pub fn input(what: &'static str, detail: impl ToString) -> Self {
        Self::Input { what, detail: detail.to_string() }
    }

    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Keystore(error) => error.code(),
            Self::Mnemonic(_) => "mnemonic",
            Self::Client(error) => error.code(),
            Self::Amount(_) => "amount",
            Self::File(error) => file_code(error),
            Self::Input { .. } => "input",
            Self::NoPassword => "no_password",
            Self::PasswordMismatch => "password_mismatch",
            Self::NoSigner { .. } => "no_signer",
            Self::Prepared { .. } => "node_changed_tx",
            Self::WrongChain { .. } => "wrong_chain",
            Self::TxFailed { code, .. } | Self::WouldFail { code, .. } => code,
            Self::TxDead { state: "expired", .. } => "tx_expired",
            Self::TxDead { .. } => "tx_superseded",
            Self::Undecided { .. } => "tx_undecided",
            Self::Proof { .. } => "proof",
            Self::Other { code, .. } => code,
        }
    }

    /// The process's exit code.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        match self {
            Self::Usage { .. } => EXIT_USAGE,
            _ => EXIT_FAILED,
        }
    }

    /// A way out, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Keystore(KeystoreError::NotFound { .. }) => "`wattle keys list` shows what there is".into(),
            Self::Keystore(KeystoreError::Exists { .. }) => {
                "choose another name; keys are never overwritten".into()
            }
            Self::File(FileError::LooseMode { path, .. })
            | Self::Keystore(KeystoreError::File(FileError::LooseMode { path, .. })) => {
                format!("`chmod go= {}`, and consider the key known to others", path.display())
            }
            Self::Mnemonic(_) => {
                "words are from the English BIP-39 list, in the order they were shown".into()
            }
            Self::Client(ClientError::Unreachable { .. }) => {
                "is the node running? name another with --rpc or WATTLE_RPC; `wattle devnet` starts one"
                    .into()
            }
            Self::Client(ClientError::Refused { code, data, .. }) => return refusal_hint(code, data),
            Self::Client(error) => return refusal_hint(error.code(), &Value::Null),
            Self::NoPassword => {
                "give it with --password-file FILE, or --password-file - for standard input".into()
            }
            Self::NoSigner { .. } => "name one with --from NAME or --secret-key-file FILE".into(),
            Self::Prepared { .. } => "use another node, and report this one".into(),
            Self::WouldFail { code, .. } => {
                let more = "--force sends it all the same: what it lacks may come before it is included";
                refusal_hint(code, &Value::Null).map_or_else(|| more.into(), |hint| format!("{hint}; {more}"))
            }
            Self::TxFailed { code, .. } => {
                let spent = "the fee is spent, nothing else has changed";
                refusal_hint(code, &Value::Null)
                    .map_or_else(|| spent.into(), |hint| format!("{hint}; {spent}"))
            }
            Self::TxDead { .. } => {
                "it has had no effect and will have none; it is safe to send a new one".into()
            }
            Self::Undecided { id, expires_ms, file, .. } => {
                let with = file.as_ref().map(|path| format!(" with `wattle tx submit {}`", path.display()));
                format!(
                    "do not send a new one before {}; ask with `wattle tx status {id}`, or send this same one again{}",
                    super::output::time(*expires_ms),
                    with.unwrap_or_default()
                )
            }
            Self::Other { hint, .. } => return hint.clone(),
            _ => return None,
        };
        Some(text)
    }

    /// Everything, for `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.message() });
        if let Some(hint) = self.hint() {
            error["hint"] = hint.into();
        }
        match self {
            Self::Client(ClientError::Refused { data, .. }) => error["data"] = data.clone(),
            Self::TxFailed { id, status, .. } => {
                error["id"] = id.to_string().into();
                error["status"] = status.clone();
            }
            Self::TxDead { id, .. } => error["id"] = id.to_string().into(),
            Self::Undecided { id, expires_ms, tx_hex, file, .. } => {
                error["id"] = id.to_string().into();
                error["expiresMs"] = expires_ms.to_string().into();
                error["txHex"] = tx_hex.clone().into();
                error["file"] = file.as_ref().map(|path| path.display().to_string()).into();
            }
            _ => {}
        }
        json!({ "error": error })
    }

    /// The error with its causes, in one line.
    #[must_use]
    pub fn message(&self) -> String {
        wattle_host::causes(self)
    }
}

/// Where to look when something is not there, by its kind.
fn not_found_hint(what: &str) -> String {
    match what {
        "block" => "`wattle query status` shows the last final height, and whether the node is still catching up",
        "transaction" => "it was never sent to this node, or was forgotten after it expired; check the id",
        "hold" => "it was never made, or was captured, voided or has expired",
        "mandate" => "its owner gave none, or took it back; `wattle energy mandate set` gives one",
        "asset" => "`wattle query call token_listAssets` shows what there is",
        "meter" => "`wattle energy meters` shows what there is",
        "microgrid" => "`wattle energy microgrids` shows what there is",
        "order" => "an order that was cancelled, has expired or was cleared is in its owner's history only; `wattle energy orders` shows those that stand",
        "deal" => "a deal that ended is in its parties' bills only; `wattle energy deal list` shows the open ones",
        "dispute" => "a dispute that was decided is in the claimant's bill, one that was withdrawn in its history only; `wattle energy dispute list` shows the open ones",
        "interval" | "terms" => "the microgrid had no terms then; `wattle energy terms` shows from which interval on it has",
        _ => "check how it is written; a node that is still catching up may not have it yet: `wattle query status`",
    }
    .into()
}

/// A way out of a node's refusal, by its code.
fn refusal_hint(code: &str, data: &Value) -> Option<String> {
    let text = match code {
        "insufficient_funds" | "tx_insufficient_funds" => "`wattle wallet balance` shows what is available",
        "cash_exceeded" => {
            "a book pays out no more than was paid into it: pay in first, from a wallet or another book"
        }
        "supply_exceeded" => "burn some first, or issue an asset with fewer decimal places",
        "tx_bad_nonce" | "nonce_used" => {
            "another transaction of this account came first; build it again, or use another --lane"
        }
        "gate_closed" => {
            "`wattle energy microgrid` shows `nextClear`, the first interval whose market is still open"
        }
        "not_member" => "the microgrid's operator makes an account a member with `wattle energy set-member`",
        "mandate_required" => {
            "the meter's owner lets the operator do that with `wattle energy mandate set`, or calls itself"
        }
        "bad_time" => {
            "a time in it is past, or still to come: that of a reading, or an end; or a clock is off. Compare it with \
             `wattle query status`, and make it anew"
        }
        "meter_suspended" => "`wattle energy read-meter` enters what it shows; or swap it, or retire it",
        "reading_required" => {
            "a reading that the meter has signed comes first: `wattle energy readings` shows its last one"
        }
        "meter_retired" => "its key counts no more: register a meter with a new one",
        "duplicate_reading" => {
            "the chain has it already; a closing reading is its last one, no older than an interval"
        }
        "microgrid_paused" => {
            "`wattle energy microgrid` shows what is needed: pay it into its wallet, then `wattle energy resume-microgrid`"
        }
        "not_paused" => "it is at work: `wattle energy microgrid`",
        "member_engaged" => {
            "`wattle energy members` shows its meters and `until`, the interval that must be final first"
        }
        "credit_exceeded" => {
            "`wattle energy members` shows what is owed and exposed; `wattle energy pay-tab` pays it"
        }
        "no_terms" => {
            "`wattle energy terms` shows whether the microgrid has any, and whether they have a market"
        }
        "unmetered" => {
            "report no more than the charging side's meter has shown; `wattle energy meter` shows its last reading"
        }
        "unknown_order" | "unknown_deal" | "unknown_dispute" => {
            "it has ended, or never was; its events tell: `wattle wallet history`"
        }
        "deal_state" => "`wattle energy deal show` shows where it stands",
        "below_minimum" => {
            "`wattle energy deal show` shows the least amount and the unit that the request names"
        }
        "meter_replaced" => "`wattle energy meter` shows which meter took its place",
        "bad_evidence" => {
            "both readings must be of one meter of the sender's, the later one with the higher number"
        }
        "tab_not_even" => {
            "what is owed to the member comes with the next settlement, as far as there is cash: `wattle energy members`"
        }
        "dispute_expired" => "`wattle energy dispute withdraw` ends it and gives its deposit back",
        "book_full" => "cancelled orders count as well; try another interval",
        "too_many" => {
            "page by page: the commands that list take --limit and --cursor; a bill takes --from and --to"
        }
        "busy" | "unavailable" => "try again in a moment",
        "rpc_timeout" => "raise --rpc-timeout, or ask another node with --rpc",
        "pruned" | "not_indexed" => "ask a node that keeps the whole history, with --rpc",
        "not_found" => {
            return Some(not_found_hint(data.get("what").and_then(Value::as_str).unwrap_or_default()));
        }
        "admin_only" => "`wattle admin --home DIR` reaches it, on the node's own machine",
        "timeout" => {
            "ask for less at once; if it was a transaction, ask for its fate with `wattle tx status ID`"
        }
        _ => return None,
    };
    Some(text.into())
}

impl From<SealError> for CliError {
    fn from(error: SealError) -> Self {
        Self::Keystore(error.into())
    }
}

impl From<SecretError> for CliError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::File(error) => Self::File(error),
            SecretError::NotText => Self::input("secret", error),
            SecretError::NoTerminal => Self::NoPassword,
        }
    }
}
