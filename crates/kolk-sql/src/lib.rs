//! SQL text in, [`kolk::topology::Topology`] out, with errors that point at the place.
//!
//! The modules stand in the order in which text passes them: lexer, parser, syntax tree, names, types, plan.

pub mod source;
pub mod error;
pub mod lexer;
pub mod parser;
pub mod ast;
pub mod settings;
pub mod size;
pub mod options;
pub mod function;
pub mod aggregate;
pub mod catalog;
pub mod compile;
pub mod reference;
mod connector;
mod secrets;
mod duration;
mod variables;
mod resolve;
mod typing;
mod plan;

pub use compile::{CompiledStatement, Program, Session, compile};
pub use error::SqlError;
pub use settings::{Dialect, Settings};
pub use source::{Source, Span};
