//! The token module's keys in state.

use super::records::Asset;
use crate::keys::{Key, tag};
use wattle_primitives::AssetId;

/// An asset.
#[must_use]
pub fn asset(asset: AssetId) -> Key<Asset> {
    Key::new(tag::ASSET).with(&asset.0.to_le_bytes())
}
