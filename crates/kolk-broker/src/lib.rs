//! kolk-broker
