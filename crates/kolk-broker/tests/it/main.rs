//! The broker as clients meet it: requests written byte by byte over TCP, restarts, crashes, limits.

#![expect(
    clippy::disallowed_methods,
    reason = "tests look at the clock, sleep, and start what they kill"
)]
#![expect(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod child;
mod client;
mod server;

mod bounds;
mod crash;
mod groups;
mod round_trip;
mod transactions;
mod waiting;
