//! Who a producer is to the broker, and how its records are counted (KIP-98).

/// A producer's id and epoch. A higher epoch fences whoever still uses a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Given by the broker.
    pub id: i64,
    /// Raised by the broker, or by an idempotent producer without transactions itself (KIP-360).
    pub epoch: i16,
}

impl Identity {
    /// The same producer one epoch later; `None` when epochs are used up and a new id is needed.
    #[must_use]
    pub fn bumped(self) -> Option<Self> {
        // Kafka keeps the last epoch for the coordinator's own fencing.
        let epoch = self.epoch.checked_add(1).filter(|&epoch| epoch < i16::MAX)?;
        Some(Self { epoch, ..self })
    }
}

/// The number of a record within (producer, partition); after 2³¹ − 1 comes 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sequence(pub i32);

impl Sequence {
    /// The number `records` later.
    #[must_use]
    pub fn plus(self, records: i32) -> Self {
        Self(self.0.wrapping_add(records) & i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero_as_in_kafka() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(4), Sequence(2));
        assert_eq!(Sequence(5).plus(3), Sequence(8));
    }

    #[test]
    fn the_last_epoch_is_not_used() {
        assert_eq!(Identity { id: 1, epoch: i16::MAX - 1 }.bumped(), None);
        assert_eq!(Identity { id: 1, epoch: 0 }.bumped(), Some(Identity { id: 1, epoch: 1 }));
    }
}
