//! SQL text in, [`kolk::topology::Topology`] out, with errors that point at the place.
//!
//! The modules stand in the order in which text passes them: lexer, parser, syntax tree, names, types, plan.

pub mod source;
pub mod error;
pub mod lexer;
pub mod parser;
pub mod ast;
