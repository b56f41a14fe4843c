//! Where rows leave: one place decides order, flushes and retries ([`delivery`]), and an [`outlet::Outlet`] for each
//! kind of store carries requests there.

pub mod delivery;
pub mod bins;
pub mod connector;
pub mod held;
pub mod kafka;
pub mod outlet;
pub mod progress;
mod stream;
