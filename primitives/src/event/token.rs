use super::Concerns;
use crate::call::token::Symbol;
use crate::{Address, AssetId};

events! {
    /// Events of the token module.
    Token(TokenEvent) {
        /// An asset was created.
        asset_issued: AssetIssued {
            /// Its id.
            asset: AssetId,
            /// Its symbol.
            symbol: Symbol,
            /// Its decimal places.
            scale: u8,
            /// Who may mint it.
            issuer: Address,
        } = 0,
    }
}

impl TokenEvent {
    /// Whom the event concerns.
    #[must_use]
    pub const fn concerns(&self) -> Concerns {
        match self {
            Self::AssetIssued { issuer, .. } => Concerns::party(*issuer),
        }
    }
}
