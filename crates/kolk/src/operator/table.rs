//! The table that a topic is, remembered: each change learns what its key held before.
//!
//! An entry of the store is a row: `key's columns → all columns`.

use crate::operator::PlanError;
use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Old};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::operator::stateless::types;
use crate::schema::{DataType, Role, Schema};
use crate::state::Store;
use crate::state::keys::Keys;
use crate::state::row::{Corrupt, RowCodec};

/// The rows of a table by their keys.
#[derive(Debug)]
pub(crate) struct Table {
    key: Vec<usize>,
    types: Vec<DataType>,
    codec: RowCodec,
    store: Store,
    keys: Keys,
    row: Vec<u8>,
}

impl Table {
    /// A table of this schema; `source` is its name.
    ///
    /// # Errors
    /// [`PlanError`] for a schema without a key.
    pub(crate) fn new(source: &str, schema: &Schema) -> Result<Self, PlanError> {
        let is_key = |role: &Role| matches!(role, Role::Key | Role::WindowStart | Role::WindowEnd);
        let columns = schema.columns.iter().enumerate();
        let key: Vec<usize> =
            columns.filter(|(_, column)| is_key(&column.role)).map(|(at, _)| at).collect();
        if key.is_empty() {
            return Err(PlanError::Graph {
                query: source.to_owned(),
                why: "a table needs a column of its key: its rows are told apart by it".to_owned(),
            });
        }
        let types = types(schema);
        let codec = RowCodec::new(&types);
        let (store, keys, row) = (Store::new(source), Keys::new(), Vec::new());
        Ok(Self { key, types, codec, store, keys, row })
    }

    /// The rows whose key is not NULL, which no table has; the others are counted.
    fn keyed(&self, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let has_key = |row: &usize| self.key.iter().any(|at| !chunk.columns[*at].is_null(*row));
        let kept: Vec<usize> = (0..chunk.rows).filter(has_key).collect();
        context.fates.null_key += (chunk.rows - kept.len()) as u64;
        chunk.select(&kept)
    }

    /// Takes the change of a row in, and appends what was there before.
    fn change(&mut self, chunk: &Chunk, row: usize, before: &mut [Appender]) -> bool {
        let entry = self.store.find(self.keys.get(row));
        match entry.map(|entry| self.codec.decode(self.store.value(entry), before)) {
            Some(Ok(())) => {}
            _ => before.iter_mut().for_each(Appender::push_null),
        }
        if chunk.is_deleted(row) {
            entry.into_iter().for_each(|entry| self.store.remove(entry));
        } else {
            let columns: Vec<&Vector> = chunk.columns.iter().collect();
            self.row.clear();
            self.codec.encode(&columns, row, &mut self.row);
            self.store.put(self.keys.get(row), &self.row);
        }
        entry.is_some()
    }
}

impl Operate for Table {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let mut chunk = self.keyed(chunk, context);
        let key: Vec<&Vector> = self.key.iter().map(|at| &chunk.columns[*at]).collect();
        self.keys.encode(&key, chunk.rows);
        let mut before: Vec<Appender> = self.types.iter().map(Appender::new).collect();
        let present = (0..chunk.rows).map(|row| self.change(&chunk, row, &mut before)).collect();
        let columns = before.iter_mut().map(|of| Vector::each(of.finish())).collect();
        chunk.old = Some(Old { present, columns });
        chunk
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        let mut into: Vec<Appender> = self.types.iter().map(Appender::new).collect();
        self.store.iter().try_for_each(|(_, _, row)| self.codec.decode(row, &mut into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::chunk::{Mark, Origin};
    use crate::operator::evaluate::Session;
    use crate::operator::operate::Fates;
    use crate::schema::Column;
    use crate::topology::Conventions;
    use arrow_array::{Int64Array, LargeStringArray};

    fn schema() -> Schema {
        let column =
            |name: &str, data_type, role| Column { name: name.to_owned(), data_type, role };
        Schema {
            columns: vec![
                column("id", DataType::Bigint, Role::Key),
                column("name", DataType::String, Role::Value),
            ],
        }
    }

    fn changes(rows: &[(Option<i64>, Option<&str>)]) -> Chunk {
        let origin =
            |row: usize| Origin { timestamp: 0, partition: 0, offset: row.try_into().unwrap() };
        Chunk {
            rows: rows.len(),
            columns: vec![
                Vector::each(rows.iter().map(|row| row.0).collect::<Int64Array>()),
                Vector::each(rows.iter().map(|row| row.1).collect::<LargeStringArray>()),
            ],
            times: (0..).take(rows.len()).collect(),
            deleted: rows.iter().map(|row| row.1.is_none()).collect(),
            origins: (0..rows.len()).map(origin).collect(),
            marks: vec![Mark { at: rows.len(), watermark: 7 }],
            old: None,
        }
    }

    fn process(table: &mut Table, chunk: &Chunk) -> (Vec<Option<String>>, Chunk, Fates) {
        let mut session = Session::new(&Conventions::default()).unwrap();
        let mut fates = Fates::default();
        let mut context = Context { session: &mut session, fates: &mut fates };
        let chunk = table.process(0, chunk, &mut context);
        let old = chunk.old.as_ref().unwrap();
        let name = |row: usize| {
            let name = old.columns[1].text().get(row).map(str::to_owned);
            assert_eq!(old.present[row], name.is_some());
            assert_eq!(old.columns[0].int64().get(row), name.is_some().then_some(1));
            name
        };
        ((0..chunk.rows).map(name).collect(), chunk, fates)
    }

    #[test]
    fn a_change_learns_what_its_key_held_before() {
        let mut table = Table::new("users", &schema()).unwrap();
        let first = changes(&[(Some(1), Some("a")), (Some(1), Some("b")), (Some(1), None)]);
        let (names, chunk, _) = process(&mut table, &first);
        assert_eq!(names, [None, Some("a".to_owned()), Some("b".to_owned())]);
        assert_eq!((chunk.rows, chunk.marks.len()), (3, 1));
        let (names, ..) = process(&mut table, &changes(&[(Some(1), None), (Some(1), Some("c"))]));
        assert_eq!(names, [None, None]);
        let mut next = Table::new("users", &schema()).unwrap();
        table.store.drain_changes(|key, value| next.store.restore(key, value));
        next.restored(None).unwrap();
        let (names, ..) = process(&mut next, &changes(&[(Some(1), Some("d"))]));
        assert_eq!(names, [Some("c".to_owned())]);
    }

    #[test]
    fn a_row_without_a_key_is_no_row_of_a_table() {
        let mut table = Table::new("users", &schema()).unwrap();
        let (names, chunk, fates) =
            process(&mut table, &changes(&[(None, Some("a")), (Some(1), Some("b"))]));
        assert_eq!((names.len(), fates.null_key), (1, 1));
        assert_eq!(chunk.marks[0], Mark { at: 1, watermark: 7 });
    }

    #[test]
    fn rows_of_another_schema_are_refused() {
        let mut table = Table::new("users", &schema()).unwrap();
        table.store.restore(b"key", Some(&[0, 1]));
        assert!(table.restored(None).is_err());
        let keyless = Schema { columns: vec![schema().columns[1].clone()] };
        assert!(Table::new("users", &keyless).unwrap_err().to_string().contains("key"));
    }
}
