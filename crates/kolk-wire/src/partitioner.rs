//! Which partition a key belongs to: the same answer as Java's default partitioner.
