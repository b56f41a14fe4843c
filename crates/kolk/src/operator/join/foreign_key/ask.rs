//! The first step of a join by foreign key: changes of left rows become questions about the right rows that they name.

use super::{Said, Word};
use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Event, Mark, Origin};
use crate::operator::column::Vector;
use crate::operator::join::changes::{pick, put_mark};
use crate::operator::operate::{Context, Operate};
use crate::schema::DataType;
use crate::state::Store;
use crate::state::keys::Keys;
use crate::state::row::{Corrupt, RowCodec};
use crate::topology::ForeignKey;
use arrow_array::{Int32Array, Int64Array};

/// Asks. An entry of the store is a left row: `primary key → the sum of the marks of its questions (8), whether it names something (1), the
/// columns of its foreign key`.
#[derive(Debug)]
pub(super) struct Ask {
    of: ForeignKey,
    types: Vec<DataType>,
    codec: RowCodec,
    store: Store,
    keys: Keys,
    foreign: Keys,
    value: Vec<u8>,
}

/// What stands in front of an entry's columns.
const FRONT: usize = 9;

/// An entry: the sum of marks, whether it names something, and its foreign key.
fn entry(value: &[u8]) -> Result<(i64, bool, &[u8]), Corrupt> {
    const SHORT: Corrupt = Corrupt("a row that asks is too short");
    let (sum, rest) = value.split_first_chunk().ok_or(SHORT)?;
    let (names, columns) = rest.split_first().ok_or(SHORT)?;
    Ok((i64::from_le_bytes(*sum), *names != 0, columns))
}

/// Where a row comes from. The left table is that of a topic: its rows have origins.
fn origin(chunk: &Chunk, row: usize) -> Origin {
    let origin = chunk.origins.get(row).copied();
    origin.unwrap_or(Origin { timestamp: chunk.times[row], partition: 0, offset: 0 })
}

/// Questions in the making, columns of the left table aside.
#[derive(Debug, Default)]
struct Questions {
    /// Rows of the chunk, for primary keys …
    rows: Vec<usize>,
    /// … and the same where the left row goes with the question.
    own: Vec<Option<usize>>,
    foreign_key: Vec<Appender>,
    versions: Vec<i64>,
    sums: Vec<i64>,
    words: Vec<i32>,
    times: Vec<i64>,
    origins: Vec<Origin>,
    marks: Vec<Mark>,
}

impl Ask {
    /// Over left rows of these types.
    pub(super) fn new(of: ForeignKey, types: Vec<DataType>) -> Self {
        let mut ask = Self {
            of,
            types,
            codec: RowCodec::new(&[]),
            store: Store::new("asked"),
            keys: Keys::new(),
            foreign: Keys::new(),
            value: Vec::new(),
        };
        ask.codec = RowCodec::new(&ask.foreign_types());
        ask
    }

    fn foreign_types(&self) -> Vec<DataType> {
        self.of.left_key.iter().map(|column| self.types[*column].clone()).collect()
    }

    /// A left row has changed.
    fn row(&mut self, chunk: &Chunk, row: usize, questions: &mut Questions) {
        let key = self.keys.get(row);
        let before = self.store.find(key);
        let found = before.and_then(|id| entry(self.store.value(id)).ok());
        let (asked, named, foreign_key) = found.unwrap_or((0, false, &[]));
        let names = !self.foreign.has_null(row);
        let version = origin(chunk, row).offset;
        if chunk.is_deleted(row) || !self.of.kind.keeps_left() && !names {
            if let Some(id) = before {
                let sum = asked.wrapping_add(Word::Gone.mark(version));
                questions.push_stored(Word::Gone, (chunk, row), sum, (&self.codec, foreign_key));
                self.store.remove(id);
            }
            return;
        }
        self.value.clear();
        self.value.extend_from_slice(&[0; FRONT]);
        let columns: Vec<&Vector> = self.of.left_key.iter().map(|at| &chunk.columns[*at]).collect();
        self.codec.encode(&columns, row, &mut self.value);
        let moved = named && foreign_key != &self.value[FRONT..];
        let mut sum = asked;
        if moved {
            sum = sum.wrapping_add(Word::Left.mark(version));
            questions.push_stored(Word::Left, (chunk, row), sum, (&self.codec, foreign_key));
        }
        let word = if moved { Word::Moved } else { Word::Is };
        sum = sum.wrapping_add(word.mark(version));
        self.value[..8].copy_from_slice(&sum.to_le_bytes());
        self.value[8] = u8::from(names);
        for (column, into) in columns.iter().zip(&mut questions.foreign_key) {
            into.push_from(column, row);
        }
        questions.push(word, (chunk, row), sum);
        self.store.put(key, &self.value);
    }

    /// The questions as a chunk.
    fn finish(&self, chunk: &Chunk, questions: Questions) -> Chunk {
        let Questions { rows, own, foreign_key, versions, sums, words, times, origins, marks } =
            questions;
        if rows.is_empty() {
            return Chunk { marks, ..Chunk::default() };
        }
        let mut columns = pick(&chunk.columns, &self.types, &own);
        for (column, mut of) in self.of.left_key.iter().zip(foreign_key) {
            columns[*column] = Vector::each(of.finish());
        }
        for column in &self.of.primary_key {
            columns[*column] = chunk.columns[*column].take(&rows);
        }
        columns.push(Vector::each(Int64Array::from(versions)));
        columns.push(Vector::each(Int64Array::from(sums)));
        columns.push(Vector::each(Int32Array::from(words)));
        Chunk { rows: rows.len(), columns, times, origins, marks, ..Chunk::default() }
    }
}

impl Questions {
    /// A question of a row that is there; its foreign key is appended already.
    fn push(&mut self, word: Word, (chunk, row): (&Chunk, usize), sum: i64) {
        self.own.push(matches!(word, Word::Is | Word::Moved).then_some(row));
        self.rows.push(row);
        let origin = origin(chunk, row);
        self.versions.push(origin.offset);
        self.sums.push(sum);
        self.words.push(Said { word, is: false }.number());
        self.times.push(chunk.times[row]);
        self.origins.push(origin);
    }

    /// A question that goes where the one before it went.
    fn push_stored(
        &mut self,
        word: Word,
        at: (&Chunk, usize),
        sum: i64,
        (codec, foreign_key): (&RowCodec, &[u8]),
    ) {
        let before = self.rows.len();
        if codec.decode(foreign_key, &mut self.foreign_key).is_err() {
            // Entries are checked when they are restored.
            for into in self.foreign_key.iter_mut().filter(|into| into.len() == before) {
                into.push_null();
            }
        }
        self.push(word, at, sum);
    }
}

impl Operate for Ask {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        if chunk.rows == 0 {
            return Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        }
        let of = |columns: &[usize]| -> Vec<&Vector> {
            columns.iter().map(|column| &chunk.columns[*column]).collect()
        };
        self.keys.encode(&of(&self.of.primary_key), chunk.rows);
        self.foreign.encode(&of(&self.of.left_key), chunk.rows);
        let foreign_key = self.foreign_types().iter().map(Appender::new).collect();
        let mut questions = Questions { foreign_key, ..Questions::default() };
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => {
                    put_mark(&mut questions.marks, questions.rows.len(), watermark);
                }
                Event::Row(row) if self.keys.has_null(row) => context.fates.null_key += 1,
                Event::Row(row) => {
                    context.fates.taken += 1;
                    self.row(chunk, row, &mut questions);
                }
            }
        }
        context.fates.made += questions.rows.len() as u64;
        self.finish(chunk, questions)
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        let mut check = crate::operator::join::stored::Check::new(&self.foreign_types());
        for (_, _, value) in self.store.iter() {
            check.row(&self.codec, entry(value)?.2)?;
        }
        Ok(())
    }
}
