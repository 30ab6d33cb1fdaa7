//! Cursors: numbers with dashes between them. Clients do not look into them.

use std::str::FromStr;
use wattle_rpc_types::PageRequest;
use wattle_rpc_types::{RpcError, RpcResult};

/// The request's limit as a count.
pub(super) fn limit(page: &PageRequest) -> usize {
    usize::try_from(page.limit).unwrap_or(usize::MAX).max(1)
}

/// A cursor of one number.
pub(super) fn one<T: FromStr>(page: &PageRequest) -> RpcResult<Option<T>> {
    page.cursor.as_deref().map(|text| number(Some(text))).transpose()
}

/// A cursor of two numbers.
pub(super) fn two<A: FromStr, B: FromStr>(page: &PageRequest) -> RpcResult<Option<(A, B)>> {
    let Some(text) = &page.cursor else { return Ok(None) };
    let (a, b) = text.split_once('-').ok_or_else(foreign)?;
    Ok(Some((number(Some(a))?, number(Some(b))?)))
}

/// A cursor of three numbers.
pub(super) fn three<A: FromStr, B: FromStr, C: FromStr>(page: &PageRequest) -> RpcResult<Option<(A, B, C)>> {
    let Some(text) = &page.cursor else { return Ok(None) };
    let mut parts = text.splitn(3, '-');
    Ok(Some((number(parts.next())?, number(parts.next())?, number(parts.next())?)))
}

fn number<T: FromStr>(text: Option<&str>) -> RpcResult<T> {
    text.and_then(|text| text.parse().ok()).ok_or_else(foreign)
}

fn foreign() -> RpcError {
    RpcError::params("parameter \"cursor\" was not handed out by this method")
}
