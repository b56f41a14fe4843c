//! What tests, examples and demonstrations need: data that looks real and is the same for the same seed.

pub mod visits;
