//! What queries remember: stores of keys and values in memory, and what makes them outlive the process.
//!
//! Operators meet [`Store`] and [`TimeIndex`] only; they see no file and no topic. The runtime takes the changes of a commit
//! out of the stores, and puts them into the changelog topics.

pub(crate) mod keys;
pub(crate) mod row;
mod arena;
mod shape;
mod store;
mod time_index;
pub mod local;
pub mod budget;

pub use shape::{NumberForm, Part, Shape, show};
pub use store::{EntryId, Store};
pub use time_index::TimeIndex;
