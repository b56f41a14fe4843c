//! Where rows came from, in the words of Kafka: what a store that keeps positions names them by.

use std::sync::Arc;

/// A topic that is read, as long as it lives: one that was deleted and made anew has another id, and counts its offsets from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct InputTopic {
    /// Its name.
    pub name: String,
    /// Its id; zeros where the cluster gives none.
    pub id: [u8; 16],
}

/// A partition of a topic that is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: Arc<InputTopic>,
    /// The partition.
    pub partition: i32,
}

/// A part of a place: all records that rows of a batch were made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The place.
    pub place: Place,
    /// The offset of the first record.
    pub first: i64,
    /// The offset behind the last one.
    pub end: i64,
}

/// Where a row came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The topic.
    pub topic: &'a Arc<InputTopic>,
    /// The partition.
    pub partition: i32,
    /// The offset of the record.
    pub offset: i64,
}

impl Origin<'_> {
    /// The partition of the topic.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { topic: Arc::clone(self.topic), partition: self.partition }
    }

    /// Whether it is in `place`.
    #[must_use]
    pub fn is_of(&self, place: &Place) -> bool {
        let same = Arc::ptr_eq(self.topic, &place.topic) || *self.topic == place.topic;
        self.partition == place.partition && same
    }
}

/// The topics of a query's sources, by the node that reads each.
#[derive(Debug, Default)]
pub(super) struct InputTopics(Vec<(usize, Arc<InputTopic>)>);

impl InputTopics {
    /// The node reads this topic from now on.
    pub(super) fn set(&mut self, source: usize, name: &str, id: [u8; 16]) {
        match self.0.iter_mut().find(|(of, _)| *of == source) {
            Some((_, topic)) if topic.id == id && topic.name == name => {}
            Some((_, topic)) => *topic = Arc::new(InputTopic { name: name.to_owned(), id }),
            None => self.0.push((source, Arc::new(InputTopic { name: name.to_owned(), id }))),
        }
    }

    /// What the node reads.
    pub(super) fn get(&self, source: usize) -> Option<&Arc<InputTopic>> {
        self.0.iter().find(|(of, _)| *of == source).map(|(_, topic)| topic)
    }
}
