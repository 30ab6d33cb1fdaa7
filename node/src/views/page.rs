//! Cursors: numbers with dashes between them. Clients do not look into them.

use std::str::FromStr;
use wattle_rpc_types::{PageRequest, RpcError, RpcResult, limits};

// One more than a page is asked for, to know whether there is more.
const _: () = assert!((limits::PAGE_ITEMS_MAX as usize) < wattle_runtime::query::PAGE_ITEMS_MAX);

/// The request's limit as a count.
pub(super) fn limit(page: &PageRequest) -> usize {
    usize::try_from(page.limit).unwrap_or(usize::MAX).max(1)
}

/// A page of a list without gaps, whose places are numbered from 0 on, and the cursor of the next. `list` gives the
/// items from a place on, at most so many.
pub(super) fn numbered<T>(
    page: &PageRequest,
    list: impl FnOnce(u32, usize) -> Vec<T>,
) -> RpcResult<(Vec<T>, Option<String>)> {
    let (from, limit) = (one::<u32>(page)?.unwrap_or(0), limit(page));
    let mut items = list(from, limit.saturating_add(1));
    let next = from.saturating_add(u32::try_from(limit).unwrap_or(u32::MAX));
    let next_cursor = (items.len() > limit).then(|| next.to_string());
    items.truncate(limit);
    Ok((items, next_cursor))
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
