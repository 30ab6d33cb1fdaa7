//! The interface as its clients meet it: a real server, a small chain behind it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod admin;
mod backend;
mod client;
mod discover;
mod events;
mod explorer;
mod fair;
mod hostile;
mod methods;
mod shapes;
