//! Record batches, format v2 (KIP-98): read in place, written a whole batch at a time.
