//! JSON: one pass over the bytes finds the fields that a plan names; what is only passed on is never taken apart.

mod paths;
mod token;
mod cursor;
mod scan;
mod quoted;
pub mod value;
mod shape;
#[cfg(test)]
mod tests;

pub use paths::Paths;
pub use quoted::{plain_name, unescape, write_quoted};
pub use scan::{DEPTH_MAX, JsonError, Scanner, document, each_item, each_member};
pub use token::{Kind, Token};
