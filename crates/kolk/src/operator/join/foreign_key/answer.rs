//! The second step of a join by foreign key: right rows answer the left rows that name them.

use super::{Said, Word};
use crate::operator::chunk::{Chunk, Event, Mark, Origin};
use crate::operator::column::Vector;
use crate::operator::join::changes::{pick, put_mark};
use crate::operator::join::latest::{Latest, whole};
use crate::operator::join::stored::Stored;
use crate::operator::operate::{Context, Fates, Operate};
use crate::schema::DataType;
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store};
use crate::topology::ForeignKey;
use arrow_array::Int32Array;
use std::collections::BTreeMap;

/// Answers. Left rows that name something are kept as their questions, each with its foreign key in front.
#[derive(Debug)]
pub(super) struct Answer {
    of: ForeignKey,
    /// The types of a question's columns, and of a right row's.
    types: [Vec<DataType>; 2],
    left: Latest,
    right: Latest,
    /// Left rows by foreign and primary key.
    by_foreign_key: BTreeMap<Vec<u8>, EntryId>,
    keys: Keys,
    foreign: Keys,
    front: Vec<u8>,
}

/// Answers in the making, columns of the tables aside.
#[derive(Debug, Default)]
struct Answers {
    words: Vec<i32>,
    times: Vec<i64>,
    origins: Vec<Origin>,
    marks: Vec<Mark>,
}

impl Answers {
    /// An answer that a row of the chunk leads to.
    fn push(&mut self, said: Said, time: i64, (chunk, row): (&Chunk, usize)) {
        self.words.push(said.number());
        self.times.push(time);
        self.origins.extend(chunk.origins.get(row));
    }

    fn mark(&mut self, watermark: i64) {
        put_mark(&mut self.marks, self.words.len(), watermark);
    }

    /// The chunk: a question's columns but for the word, and those of right rows.
    fn finish(self, word: usize, asked: Vec<Vector>, right: Vec<Vector>) -> Chunk {
        let Self { words, times, origins, marks } = self;
        let rows = words.len();
        let mut columns = asked;
        columns[word] = Vector::each(Int32Array::from(words));
        columns.extend(right);
        // Either all rows of a chunk have origins or none.
        let origins = if origins.len() == rows { origins } else { Vec::new() };
        Chunk { rows, columns, times, origins, marks, ..Chunk::default() }
    }
}

impl Answer {
    /// Over questions and right rows of these types.
    pub(super) fn new(of: ForeignKey, asked: Vec<DataType>, right: Vec<DataType>) -> Self {
        Self {
            of,
            left: Latest::new("left", &asked),
            right: Latest::new("right", &right),
            types: [asked, right],
            by_foreign_key: BTreeMap::new(),
            keys: Keys::new(),
            foreign: Keys::new(),
            front: Vec::new(),
        }
    }

    /// What this row's question names.
    fn named(&self, row: usize) -> Option<&[u8]> {
        (!self.foreign.has_null(row)).then(|| self.foreign.get(row))
    }

    /// Notes who asks, or that nobody does any more.
    fn take_question(&mut self, word: Word, chunk: &Chunk, row: usize, columns: &[&Vector]) {
        let key = self.keys.get(row);
        if let Some(before) = self.left.find(key) {
            self.by_foreign_key.remove(&[foreign_key(self.left.columns(before)), key].concat());
            if matches!(word, Word::Left | Word::Gone) {
                self.left.remove(before);
            }
        }
        if let (Word::Is | Word::Moved, false) = (word, self.foreign.has_null(row)) {
            let names = self.foreign.get(row);
            put_front(names, &mut self.front);
            let entry = self.left.put(key, chunk.times[row], &self.front, (columns, row));
            self.by_foreign_key.insert([names, key].concat(), entry);
        }
    }

    fn answer_questions(&mut self, chunk: &Chunk, fates: &mut Fates) -> Chunk {
        let of = |columns: &[usize]| -> Vec<&Vector> {
            columns.iter().map(|column| &chunk.columns[*column]).collect()
        };
        self.keys.encode(&of(&self.of.primary_key), chunk.rows);
        self.foreign.encode(&of(&self.of.left_key), chunk.rows);
        let said = chunk.columns[self.of.word()].int32();
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        let (mut answers, mut rows) = (Answers::default(), Vec::new());
        let mut right = Stored::new(self.right.codec(), &self.types[1]);
        for event in chunk.events() {
            let row = match event {
                Event::Watermark(watermark) => {
                    answers.mark(watermark);
                    continue;
                }
                Event::Row(row) => row,
            };
            fates.taken += 1;
            let Some(Said { word, .. }) = said.get(row).and_then(Said::of) else { continue };
            let named = self.named(row).and_then(|key| self.right.find(key));
            let is_there = matches!(word, Word::Is | Word::Moved);
            let is = is_there && (self.of.kind.keeps_left() || named.is_some());
            let time = chunk.times[row];
            // What a left join loses is as old as its loss, what an inner join loses as the rows that were together.
            let beside = match word {
                Word::Is | Word::Moved => named,
                Word::Gone => named.filter(|_| !self.of.kind.keeps_left()),
                Word::Left | Word::Changed => None,
            };
            let time = beside.map_or(time, |entry| time.max(self.right.time(entry)));
            rows.push(row);
            right.push_option(named.filter(|_| is).map(|entry| self.right.columns(entry)));
            answers.push(Said { word, is }, time, (chunk, row));
            self.take_question(word, chunk, row, &columns);
        }
        fates.made += rows.len() as u64;
        if rows.is_empty() {
            return Chunk { marks: answers.marks, ..Chunk::default() };
        }
        let asked = chunk.columns.iter().map(|column| column.take(&rows)).collect();
        answers.finish(self.of.word(), asked, right.finish())
    }

    /// A right row has changed: all left rows that name it have a new answer.
    fn right_row(
        &self,
        (chunk, row): (&Chunk, usize),
        left: &mut Stored,
        own: &mut Vec<Option<usize>>,
        answers: &mut Answers,
    ) {
        let key = self.keys.get(row);
        let is_there = !chunk.is_deleted(row);
        if self.right.find(key).is_none() && !is_there {
            return;
        }
        let said = Said { word: Word::Changed, is: is_there || self.of.kind.keeps_left() };
        let naming = self.by_foreign_key.range(key.to_vec()..);
        for (_, entry) in naming.take_while(|(keys, _)| keys.starts_with(key)) {
            left.push(without_front(self.left.columns(*entry)));
            own.push(is_there.then_some(row));
            let time = chunk.times[row].max(self.left.time(*entry));
            answers.push(said, time, (chunk, row));
        }
    }

    fn take_right(&mut self, chunk: &Chunk, row: usize, columns: &[&Vector]) {
        let key = self.keys.get(row);
        if !chunk.is_deleted(row) {
            self.right.put(key, chunk.times[row], &[], (columns, row));
        } else if let Some(entry) = self.right.find(key) {
            self.right.remove(entry);
        }
    }

    fn answer_changes(&mut self, chunk: &Chunk, fates: &mut Fates) -> Chunk {
        let key: Vec<&Vector> = self.of.right_key.iter().map(|at| &chunk.columns[*at]).collect();
        self.keys.encode(&key, chunk.rows);
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        let (mut answers, mut own) = (Answers::default(), Vec::new());
        let mut left = Stored::new(self.left.codec(), &self.types[0]);
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => answers.mark(watermark),
                Event::Row(row) if self.keys.has_null(row) => fates.null_key += 1,
                Event::Row(row) => {
                    fates.taken += 1;
                    self.right_row((chunk, row), &mut left, &mut own, &mut answers);
                    self.take_right(chunk, row, &columns);
                }
            }
        }
        fates.made += own.len() as u64;
        if own.is_empty() {
            return Chunk { marks: answers.marks, ..Chunk::default() };
        }
        let right = pick(&chunk.columns, &self.types[1], &own);
        answers.finish(self.of.word(), left.finish(), right)
    }
}

impl Operate for Answer {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        if chunk.rows == 0 {
            return Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        }
        if input == 0 {
            self.answer_questions(chunk, context.fates)
        } else {
            self.answer_changes(chunk, context.fates)
        }
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.left.store, &mut self.right.store]
    }

    fn index_bytes(&self) -> usize {
        let keys = self.left.store.data_bytes().min(self.by_foreign_key.len() * KEY_BYTES);
        self.by_foreign_key.len() * size_of::<(Vec<u8>, EntryId)>() + keys
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        self.left.check(&self.types[0], |bytes| Ok(split_front(bytes)?.1))?;
        self.right.check(&self.types[1], whole)?;
        self.by_foreign_key.clear();
        for (entry, key, _) in self.left.store.iter() {
            let foreign = foreign_key(self.left.columns(entry));
            self.by_foreign_key.insert([foreign, key].concat(), entry);
        }
        Ok(())
    }
}

/// What the two keys of an entry of the index have of bytes, more or less.
const KEY_BYTES: usize = 32;

/// Writes a foreign key behind its length.
fn put_front(names: &[u8], into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(&u32::try_from(names.len()).unwrap_or(u32::MAX).to_le_bytes());
    into.extend_from_slice(names);
}

/// The foreign key in front of the columns, and the columns.
fn split_front(bytes: &[u8]) -> Result<(&[u8], &[u8]), Corrupt> {
    const SHORT: Corrupt = Corrupt("a row of a join has no foreign key");
    let (len, rest) = bytes.split_first_chunk().ok_or(SHORT)?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or(SHORT)
}

/// The foreign key of a stored row, which was checked when it was restored.
fn foreign_key(bytes: &[u8]) -> &[u8] {
    split_front(bytes).map(|(key, _)| key).unwrap_or_default()
}

fn without_front(bytes: &[u8]) -> &[u8] {
    split_front(bytes).map(|(_, columns)| columns).unwrap_or_default()
}
