//! What the stores of a task hold, so that their files can be read without the program.

use crate::schema::DataType;
use crate::state::row::{Corrupt, put_bytes, put_varint, take, take_bytes, take_varint};
use crate::state::shape::{NumberForm, Part, Shape};
use crate::state::store::Store;

/// What a task's folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The application's name.
    pub application: String,
    /// The stage's name.
    pub stage: String,
    /// The partition.
    pub partition: i32,
    /// The stores. A store's number is its place here.
    pub stores: Vec<StoreLayout>,
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLayout {
    /// Its name, unique in the application.
    pub name: String,
    /// The id of its changelog topic, 0 where the broker has none: a topic that was deleted and made again is another one.
    pub topic_id: [u8; 16],
    /// What its keys and values are made of.
    pub shape: Shape,
}

impl StoreLayout {
    /// The layout of a store.
    #[must_use]
    pub fn new(name: &str, topic_id: [u8; 16], store: &Store) -> Self {
        Self { name: name.to_owned(), topic_id, shape: store.shape().clone() }
    }

    /// The store's changelog topic.
    #[must_use]
    pub fn changelog(&self, application: &str) -> String {
        changelog_topic(application, &self.name)
    }
}

/// The changelog topic of a store of an application.
#[must_use]
pub fn changelog_topic(application: &str, store: &str) -> String {
    format!("{application}-{store}-changelog")
}

impl Layout {
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        put_bytes(self.application.as_bytes(), into);
        put_bytes(self.stage.as_bytes(), into);
        into.extend_from_slice(&self.partition.to_le_bytes());
        put_varint(self.stores.len() as u64, into);
        for store in &self.stores {
            put_bytes(store.name.as_bytes(), into);
            into.extend_from_slice(&store.topic_id);
            put_parts(&store.shape.key, into);
            put_parts(&store.shape.value, into);
        }
    }

    pub(super) fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let (application, stage) = (take_text(rest)?, take_text(rest)?);
        let partition = i32::from_le_bytes(take(rest)?);
        let mut stores = Vec::new();
        for _ in 0..take_varint(rest)? {
            let (name, topic_id) = (take_text(rest)?, take(rest)?);
            let shape = Shape { key: take_parts(rest)?, value: take_parts(rest)? };
            stores.push(StoreLayout { name, topic_id, shape });
        }
        Ok(Self { application, stage, partition, stores })
    }
}

fn put_parts(parts: &[Part], into: &mut Vec<u8>) {
    put_varint(parts.len() as u64, into);
    for part in parts {
        match part {
            Part::Key(columns) => put_columns(0, columns, into),
            Part::Row(columns) => put_columns(1, columns, into),
            Part::Number(name, form) => {
                let tag = match form {
                    NumberForm::Sorted => [2, 8],
                    NumberForm::BigEndian(bytes) => [3, *bytes],
                    NumberForm::LittleEndian(bytes) => [4, *bytes],
                };
                into.extend_from_slice(&tag);
                put_bytes(name.as_bytes(), into);
            }
            Part::Opaque(text) => {
                into.push(5);
                put_bytes(text.as_bytes(), into);
            }
        }
    }
}

fn put_columns(tag: u8, columns: &[(String, DataType)], into: &mut Vec<u8>) {
    into.push(tag);
    put_varint(columns.len() as u64, into);
    for (name, data_type) in columns {
        put_bytes(name.as_bytes(), into);
        put_type(data_type, into);
    }
}

fn take_parts(rest: &mut &[u8]) -> Result<Vec<Part>, Corrupt> {
    let mut parts = Vec::new();
    for _ in 0..take_varint(rest)? {
        let [tag] = take(rest)?;
        parts.push(match tag {
            0 => Part::Key(take_columns(rest)?),
            1 => Part::Row(take_columns(rest)?),
            5 => Part::Opaque(take_text(rest)?),
            _ => {
                let [bytes] = take(rest)?;
                let form = match tag {
                    2 => NumberForm::Sorted,
                    3 => NumberForm::BigEndian(bytes),
                    4 => NumberForm::LittleEndian(bytes),
                    _ => return Err(Corrupt("a layout has an unknown part")),
                };
                Part::Number(take_text(rest)?, form)
            }
        });
    }
    Ok(parts)
}

fn take_columns(rest: &mut &[u8]) -> Result<Vec<(String, DataType)>, Corrupt> {
    let mut columns = Vec::new();
    for _ in 0..take_varint(rest)? {
        columns.push((take_text(rest)?, take_type(rest, NESTING_MAX)?));
    }
    Ok(columns)
}

/// Types nested deeper are damage.
const NESTING_MAX: usize = 1_000;

fn put_type(data_type: &DataType, into: &mut Vec<u8>) {
    match data_type {
        DataType::Boolean => into.push(0),
        DataType::Integer => into.push(1),
        DataType::Bigint => into.push(2),
        DataType::Double => into.push(3),
        DataType::Decimal { precision, scale } => into.extend_from_slice(&[4, *precision, *scale]),
        DataType::String => into.push(5),
        DataType::Bytes => into.push(6),
        DataType::Timestamp => into.push(7),
        DataType::Date => into.push(8),
        DataType::Time => into.push(9),
        DataType::Array(item) => {
            into.push(10);
            put_type(item, into);
        }
        DataType::Map(key, value) => {
            into.push(11);
            put_type(key, into);
            put_type(value, into);
        }
        DataType::Struct(fields) => {
            into.push(12);
            put_varint(fields.len() as u64, into);
            for (name, data_type) in fields {
                put_bytes(name.as_bytes(), into);
                put_type(data_type, into);
            }
        }
    }
}

fn take_type(rest: &mut &[u8], depth: usize) -> Result<DataType, Corrupt> {
    let deeper = depth.checked_sub(1).ok_or(Corrupt("a type is nested too deep"))?;
    let [tag] = take(rest)?;
    Ok(match tag {
        0 => DataType::Boolean,
        1 => DataType::Integer,
        2 => DataType::Bigint,
        3 => DataType::Double,
        4 => {
            let [precision, scale] = take(rest)?;
            DataType::Decimal { precision, scale }
        }
        5 => DataType::String,
        6 => DataType::Bytes,
        7 => DataType::Timestamp,
        8 => DataType::Date,
        9 => DataType::Time,
        10 => DataType::Array(Box::new(take_type(rest, deeper)?)),
        11 => {
            let key = take_type(rest, deeper)?;
            DataType::Map(Box::new(key), Box::new(take_type(rest, deeper)?))
        }
        12 => {
            let mut fields = Vec::new();
            for _ in 0..take_varint(rest)? {
                fields.push((take_text(rest)?, take_type(rest, deeper)?));
            }
            DataType::Struct(fields)
        }
        _ => return Err(Corrupt("a layout has an unknown type")),
    })
}

fn take_text(rest: &mut &[u8]) -> Result<String, Corrupt> {
    let text = std::str::from_utf8(take_bytes(rest)?);
    Ok(text.map_err(|_| Corrupt("a name is not UTF-8"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_comes_back_and_no_part_of_it_is_one() {
        let nested = DataType::Struct(vec![
            ("a".to_owned(), DataType::Array(Box::new(DataType::Date))),
            ("b".to_owned(), DataType::Map(Box::new(DataType::String), Box::new(DataType::Time))),
        ]);
        let columns = vec![
            ("user".to_owned(), DataType::String),
            ("price".to_owned(), DataType::Decimal { precision: 9, scale: 2 }),
            ("nested".to_owned(), nested),
        ];
        let store = StoreLayout {
            name: "visits-aggregate-1".to_owned(),
            topic_id: [7; 16],
            shape: Shape {
                key: vec![
                    Part::Key(columns.clone()),
                    Part::Number("start".to_owned(), NumberForm::Sorted),
                ],
                value: vec![
                    Part::Number("time".to_owned(), NumberForm::LittleEndian(8)),
                    Part::Number("task".to_owned(), NumberForm::BigEndian(4)),
                    Part::Row(columns),
                    Part::Opaque("SUM(price)".to_owned()),
                ],
            },
        };
        assert_eq!(store.changelog("shop"), "shop-visits-aggregate-1-changelog");
        let layout = Layout {
            application: "shop".to_owned(),
            stage: "visits".to_owned(),
            partition: 3,
            stores: vec![store],
        };
        let mut bytes = Vec::new();
        layout.encode(&mut bytes);
        assert_eq!(Layout::decode(&mut &bytes[..]).unwrap(), layout);
        for cut in 0..bytes.len() {
            assert!(Layout::decode(&mut &bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_type_without_end_is_refused() {
        assert!(take_type(&mut &[10; 100_000][..], NESTING_MAX).is_err());
    }
}
