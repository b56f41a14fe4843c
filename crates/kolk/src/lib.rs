//! kolk
