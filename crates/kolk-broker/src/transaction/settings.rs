//! What the operator decides about transactions.

/// The feature `transaction.version`, which ApiVersions tells to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    /// Partitions are added before they are written to; the epoch stays through all transactions of a producer (KIP-98).
    One,
    /// Writing adds the partition, and every transaction has an epoch of its own (KIP-890).
    Two,
}

impl TransactionVersion {
    /// The finalized level for ApiVersions.
    #[must_use]
    pub fn level(self) -> i16 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// What a client speaks that sends EndTxn at this version: v5 and later expect a new epoch in the answer.
    #[must_use]
    pub fn of_end_txn(api_version: i16) -> Self {
        if api_version >= 5 { Self::Two } else { Self::One }
    }
}

/// Settings of the transaction coordinator; names and defaults are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`: how long an unused id is remembered.
    pub id_expiration_ms: i64,
    /// After how long an end that could not be carried out (a full disk) is tried again. Not a setting of Kafka.
    pub retry_ms: i64,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self { timeout_ms_max: 900_000, id_expiration_ms: 7 * 24 * 3_600_000, retry_ms: 500 }
    }
}
