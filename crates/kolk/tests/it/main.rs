//! Applications on the embedded broker, from topic to topic.

mod cluster;
mod delivery;
mod sharing;
