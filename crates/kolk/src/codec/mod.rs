//! Bytes ↔ values: JSON text, text with delimiters, Kafka's own serializers, time-stamps, and byte strings that sort as the values do.

pub mod json;
pub mod number;
pub mod decimal;
pub mod calendar;
pub mod timestamp;
pub mod zone;
pub mod order;
pub mod kafka;
pub mod delimited;
pub mod pattern;
pub mod regex;
pub mod text_encoding;
pub mod url;
pub mod md5;
