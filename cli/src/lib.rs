//! Commands that only talk JSON-RPC.
