//! Joins of two tables where columns of the left one name the right one's primary key: the result has the left one's primary key.
//!
//! A left row stands beside the right row that it names; many may name the same one, and a change of it changes all of them, in the
//! order of their keys. A left row that names none, or one that is not there, is in the result of a left join only. What is told
//! is what Kafka Streams tells: a left row that is deleted, or names another right row, deletes its result also where there was none.
//! The time of a result is the later one of the two rows. Rows whose primary key has a NULL are left out and counted.
//!
//! Left rows lie by their primary key and right ones by theirs, so the join has three steps with repartition topics between them (as
//! KIP-213 has): each change of a left row *asks* in the partition of what it names, and calls off what it asked elsewhere; right rows
//! *answer*; and where the left row lies, answers are *settled*. They come from several partitions, each in the order of its
//! questions, but one partition's behind or before another's. So a question has the left row's version, its offset: an answer to an
//! older version than the last one seen is out of date. A key that is gone is remembered until every question about it has been
//! answered: the last one brings the sum of all their marks, numbers that belong to one question alone. So nothing that was on its way
//! keeps it, and nothing is kept for longer. To say how many there were is not enough: answers of one life of a key, before its end,
//! could make up for those that another still waits for.

mod answer;
mod ask;
mod settle;
#[cfg(test)]
mod tests;

use crate::operator::operate::Operate;
use crate::operator::stateless::types;
use crate::topology::{ForeignKey, ForeignKeyStep, Node, Query};
use answer::Answer;
use ask::Ask;
use settle::Settle;

/// What a question says. Each has one answer with the same word, which says whether there is a result ([`Said::is`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The row is there, and names what it named before, if it was there.
    Is,
    /// The row names something else than before.
    Moved,
    /// The row does not name this any more; the answer is of no matter but that it has come.
    Left,
    /// The row is gone: the last question about it.
    Gone,
    /// No question: a right row has changed.
    Changed,
}

impl Word {
    /// The number of the question with this word that a version of a left row has asked. Sums of some of them agree with sums of others
    /// by chance only: they are spread over 64 bits, as by Vigna's SplitMix64.
    fn mark(self, version: i64) -> i64 {
        let number = version.cast_unsigned() << 3 | self as u64;
        let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).cast_signed()
    }
}

const WORDS: [Word; 5] = [Word::Is, Word::Moved, Word::Left, Word::Gone, Word::Changed];
/// Behind this bit of a column WORD is whether there is a result.
const RESULT: i32 = 8;

/// A column WORD's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    word: Word,
    /// In answers: whether the left row stands in the result.
    is: bool,
}

impl Said {
    fn number(self) -> i32 {
        let word = WORDS.iter().zip(0..).find(|(word, _)| **word == self.word);
        word.map_or(0, |(_, number)| number) | if self.is { RESULT } else { 0 }
    }

    /// Of a number that no step has written, nothing.
    fn of(number: i32) -> Option<Self> {
        let word = usize::try_from(number & !RESULT).ok().and_then(|at| WORDS.get(at))?;
        Some(Self { word: *word, is: number & RESULT != 0 })
    }
}

/// A step of a join.
pub(super) fn step(stage: &Query, node: &Node, of: &ForeignKey) -> Box<dyn Operate> {
    let input = |number: usize| {
        let input = node.inputs.get(number).and_then(|input| stage.nodes.get(*input));
        input.map(|input| types(&input.schema)).unwrap_or_default()
    };
    match of.step {
        ForeignKeyStep::Ask => Box::new(Ask::new(of.clone(), input(0))),
        ForeignKeyStep::Answer => Box::new(Answer::new(of.clone(), input(0), input(1))),
        ForeignKeyStep::Settle => Box::new(Settle::new(of.clone(), &input(0))),
    }
}
