//! TOPK and TOPKDISTINCT: the greatest values, the greatest first; of equal ones the first that came.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::u32_at;
use super::item::{items, push_array, put_item, write_item};
use crate::codec::json::write_quoted;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::keys::encode_value;
use crate::topology::JsonNulls;

/// The greatest values of the first argument. An item each: the length (4) and the bytes of a key that sorts as the value does,
/// and the JSON that stands in the result.
#[derive(Debug)]
pub(super) struct Top {
    types: Vec<DataType>,
    /// The names of the struct's fields, where there are further arguments.
    names: Option<Vec<String>>,
    k: usize,
    distinct: bool,
}

/// The key of an item, and its JSON.
fn split(item: &[u8]) -> (&[u8], &[u8]) {
    let rest = item.get(4..).unwrap_or_default();
    rest.split_at_checked(u32_at(item, 0) as usize).unwrap_or_default()
}

impl Top {
    /// With the types of the arguments and of the result.
    pub(super) fn new(types: &[DataType], result: &DataType, k: usize, distinct: bool) -> Self {
        let names = match result {
            DataType::Array(item) => match &**item {
                DataType::Struct(fields) => {
                    Some(fields.iter().map(|field| field.0.clone()).collect())
                }
                _ => None,
            },
            _ => None,
        };
        Self { types: types.to_vec(), names, k, distinct }
    }

    fn write(&self, of: &[&Vector], row: usize, scope: &mut Scope<'_>, into: &mut Vec<u8>) {
        put_item(into, |into| {
            put_item(into, |into| {
                encode_value(of[0], row, into);
            });
            let Some(names) = &self.names else {
                write_item(of[0], row, &self.types[0], scope, into);
                return;
            };
            into.push(b'{');
            let mut is_first = true;
            for ((name, data_type), vector) in names.iter().zip(&self.types).zip(of) {
                if vector.is_null(row) && scope.session.style.nulls == JsonNulls::Omit {
                    continue;
                }
                if !std::mem::take(&mut is_first) {
                    into.push(b',');
                }
                write_quoted(name.as_bytes(), into);
                into.push(b':');
                write_item(vector, row, data_type, scope, into);
            }
            into.push(b'}');
        });
    }
}

impl Variable for Top {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        if of[0].is_null(row) {
            return false;
        }
        let Growth { state, new } = growth;
        self.write(of, row, scope, new);
        let (key, _) = split(&new[4..]);
        let place = items(state).take_while(|item| split(item).0 >= key).count();
        let is_there = self.distinct && items(state).any(|item| split(item).0 == key);
        if place >= self.k || is_there {
            return false;
        }
        let own = new.len();
        for item in items(state).take(place) {
            put_item(new, |into| into.extend_from_slice(item));
        }
        let before = new.len() - own;
        for item in items(state).skip(place).take(self.k - place - 1) {
            put_item(new, |into| into.extend_from_slice(item));
        }
        new[..own + before].rotate_left(own);
        true
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let (mut left, mut right) = (items(state).peekable(), items(other).peekable());
        let mut last: Option<&[u8]> = None;
        let mut room = self.k;
        while room > 0 {
            let item = match (left.peek(), right.peek()) {
                (Some(one), Some(two)) if split(one).0 < split(two).0 => right.next(),
                (Some(_), _) => left.next(),
                (None, _) => right.next(),
            };
            let Some(item) = item else { break };
            let key = split(item).0;
            if !self.distinct || last != Some(key) {
                put_item(new, |into| into.extend_from_slice(item));
                room -= 1;
            }
            last = Some(key);
        }
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        push_array(items(state).map(|item| split(item).1), into, text);
    }
}
