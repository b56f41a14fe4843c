//! The Kafka protocol, for clients and for brokers: no I/O, no clock, no state.
//!
//! A frame arrives as one [`bytes::Bytes`]; messages are read out of it ([`message`]), and the record batches inside
//! stay slices of it ([`record`]). Bytes from the network are hostile until read: see [`read`] for the bounds.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod read;
pub mod write;
pub mod wire;
pub mod sequence;
pub mod spliced;
pub mod frame;
pub mod api;
pub mod error_code;
pub mod message;
pub mod record;
pub mod partitioner;
#[cfg(test)]
mod allocation;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod sample;

pub use api::ApiKey;
pub use error_code::ErrorCode;
pub use read::{DecodeError, Reader};
pub use sequence::Sequence;
pub use spliced::Spliced;
pub use wire::{Version, Wire};
pub use write::Writer;
