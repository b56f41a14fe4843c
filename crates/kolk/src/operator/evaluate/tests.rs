//! Expressions, row by row.
