//! What a client is told: the coordinator's codes in terms that the client's version of an API knows.

use kolk_wire::ErrorCode;

/// For InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn and EndTxn: clients before `fenced_from` (4, 2, 2 and 2) know
/// only INVALID_PRODUCER_EPOCH (KIP-588).
#[must_use]
pub fn coordinator_error(error: ErrorCode, version: i16, fenced_from: i16) -> ErrorCode {
    match error {
        ErrorCode::PRODUCER_FENCED if version < fenced_from => ErrorCode::INVALID_PRODUCER_EPOCH,
        other => other,
    }
}

/// For Produce: the error of [`super::Transactions::verify_partition`] or [`super::Transactions::ensure_partition`].
/// TRANSACTION_ABORTABLE is known from v11 on, CONCURRENT_TRANSACTIONS from v12 on (KIP-890); older producers retry
/// NOT_ENOUGH_REPLICAS.
#[must_use]
pub fn produce_error(error: ErrorCode, version: i16) -> ErrorCode {
    match error {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if version < 11 => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::CONCURRENT_TRANSACTIONS if version < 12 => ErrorCode::NOT_ENOUGH_REPLICAS,
        other => other,
    }
}

/// For TxnOffsetCommit: the error of [`super::Transactions::verify_group`] or [`super::Transactions::add_group`].
/// TRANSACTION_ABORTABLE is known from v4 on, CONCURRENT_TRANSACTIONS from v5 on.
#[must_use]
pub fn txn_offset_commit_error(error: ErrorCode, version: i16) -> ErrorCode {
    match error {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if version < 4 => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::CONCURRENT_TRANSACTIONS if version < 5 => {
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_clients_hear_codes_that_they_know() {
        let fenced = ErrorCode::PRODUCER_FENCED;
        let epoch = ErrorCode::INVALID_PRODUCER_EPOCH;
        let abortable = ErrorCode::TRANSACTION_ABORTABLE;
        let concurrent = ErrorCode::CONCURRENT_TRANSACTIONS;
        assert_eq!(coordinator_error(fenced, 3, 4), epoch);
        assert_eq!(coordinator_error(fenced, 4, 4), fenced);
        assert_eq!(coordinator_error(concurrent, 0, 2), concurrent);
        assert_eq!(produce_error(fenced, 12), epoch);
        assert_eq!(produce_error(abortable, 10), ErrorCode::INVALID_TXN_STATE);
        assert_eq!(produce_error(abortable, 11), abortable);
        assert_eq!(produce_error(concurrent, 11), ErrorCode::NOT_ENOUGH_REPLICAS);
        assert_eq!(produce_error(concurrent, 12), concurrent);
        assert_eq!(txn_offset_commit_error(fenced, 5), epoch);
        assert_eq!(txn_offset_commit_error(abortable, 3), ErrorCode::INVALID_TXN_STATE);
        assert_eq!(txn_offset_commit_error(concurrent, 4), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert_eq!(txn_offset_commit_error(concurrent, 5), concurrent);
        assert_eq!(produce_error(ErrorCode::NONE, 3), ErrorCode::NONE);
    }
}
