//! EXPLODE: a row for each item of arrays, side by side; the shorter arrays end in NULLs, and NULL is an array without items.

use crate::codec::json::{Token, each_item};
use crate::expression::Expression;
use crate::operator::builder::Builder;
use crate::operator::chunk::{Chunk, Mark};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::operator::stateless::{over_chunk, values};
use crate::schema::DataType;

/// Makes rows of the items of arrays.
#[derive(Debug)]
pub(crate) struct Explode {
    /// The arrays, over the input's columns.
    arrays: Vec<Expression>,
    /// The types of their items.
    types: Vec<DataType>,
}

impl Explode {
    /// Over rows of so many columns. What is no array has no items.
    pub(crate) fn new(arrays: &[Expression], columns: usize) -> Self {
        let item = |array: &Expression| match &array.data_type {
            DataType::Array(item) => (**item).clone(),
            other => other.clone(),
        };
        Self {
            types: arrays.iter().map(item).collect(),
            arrays: arrays.iter().map(|array| over_chunk(array, columns)).collect(),
        }
    }
}

/// The new rows in the making.
struct Making {
    /// The row of which each is made.
    rows: Vec<usize>,
    items: Vec<Builder>,
}

impl Making {
    /// Appends the rows that the arrays of one row give; how many.
    fn take(
        &mut self,
        (arrays, row): (&[Vector], usize),
        tokens: &mut [Vec<Token>],
        context: &mut Context<'_>,
    ) -> usize {
        let mut most = 0;
        for (array, tokens) in arrays.iter().zip(tokens.iter_mut()) {
            tokens.clear();
            let text = array.text().get(row).unwrap_or_default();
            each_item(text.as_bytes(), |token| tokens.push(token));
            most = most.max(tokens.len());
        }
        self.rows.extend(std::iter::repeat_n(row, most));
        for ((array, tokens), items) in arrays.iter().zip(tokens).zip(&mut self.items) {
            let text = array.text().get(row).unwrap_or_default().as_bytes();
            tokens.resize(most, Token::default());
            for token in tokens {
                let pushed = items.push_token(*token, text, &mut context.session.zone);
                context.fates.failed_expressions += u64::from(pushed.is_err());
            }
        }
        most
    }
}

impl Operate for Explode {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let arrays = self.arrays.iter().map(|of| values(of, chunk, &chunk.columns, context));
        let arrays: Vec<Vector> = arrays.collect();
        let items = self.types.iter().map(|of| Builder::new(of, chunk.rows)).collect();
        let mut making = Making { rows: Vec::new(), items };
        let mut tokens: Vec<Vec<Token>> = vec![Vec::new(); arrays.len()];
        // Where the rows of each row begin.
        let mut starts = Vec::with_capacity(chunk.rows + 1);
        for row in 0..chunk.rows {
            starts.push(making.rows.len());
            let is_there = !chunk.is_deleted(row);
            match if is_there { making.take((&arrays, row), &mut tokens, context) } else { 0 } {
                0 => context.fates.filtered += 1,
                made => context.fates.made += made as u64 - 1,
            }
        }
        let Making { rows, items } = making;
        starts.push(rows.len());
        let input = chunk.columns.iter().map(|column| column.take(&rows));
        let items = items.into_iter().map(|items| Vector::each(items.finish()));
        Chunk {
            rows: rows.len(),
            columns: input.chain(items).collect(),
            times: rows.iter().map(|row| chunk.times[*row]).collect(),
            deleted: Vec::new(),
            old: None,
            origins: rows.iter().filter_map(|row| chunk.origins.get(*row).copied()).collect(),
            marks: chunk.marks.iter().map(|mark| Mark { at: starts[mark.at], ..*mark }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Kind;
    use crate::operator::chunk::Origin;
    use crate::operator::evaluate::Session;
    use crate::operator::operate::Fates;
    use crate::topology::Conventions;
    use arrow_array::{Int64Array, LargeStringArray};

    fn array_of(item: DataType, index: usize) -> Expression {
        let kind = Kind::Column { index, name: String::new() };
        Expression { kind, data_type: DataType::Array(Box::new(item)) }
    }

    fn explode(item: DataType, chunk: &Chunk) -> (Chunk, Fates) {
        let arrays = [array_of(item, 1), array_of(DataType::String, 2)];
        let mut session = Session::new(&Conventions::default()).unwrap();
        let mut fates = Fates::default();
        let mut context = Context { session: &mut session, fates: &mut fates };
        (Explode::new(&arrays, 3).process(0, chunk, &mut context), fates)
    }

    fn chunk(rows: &[(Option<&str>, Option<&str>)]) -> Chunk {
        let first: LargeStringArray = rows.iter().map(|row| row.0).collect();
        let second: LargeStringArray = rows.iter().map(|row| row.1).collect();
        let offsets = 0..i64::try_from(rows.len()).unwrap();
        Chunk {
            rows: rows.len(),
            columns: vec![
                Vector::each(Int64Array::from_iter_values(offsets.clone())),
                Vector::each(first),
                Vector::each(second),
            ],
            times: offsets.clone().map(|row| row * 10).collect(),
            origins: offsets.map(|offset| Origin { timestamp: 0, partition: 0, offset }).collect(),
            ..Chunk::default()
        }
    }

    fn shown(chunk: &Chunk) -> Vec<(i64, i64, Option<i64>, Option<&str>)> {
        let row = |row: usize| {
            let [id, .., number, text] = &chunk.columns[..] else { panic!() };
            let id = id.int64().get(row).unwrap();
            assert_eq!(chunk.origins[row].offset, id);
            (id, chunk.times[row], number.int64().get(row), text.text().get(row))
        };
        (0..chunk.rows).map(row).collect()
    }

    #[test]
    fn arrays_lie_side_by_side_and_the_shorter_ones_end_in_nulls() {
        let mut rows = chunk(&[
            (Some("[1, null,3]"), Some(r#"["a","b\n"]"#)),
            (Some("[]"), None),
            (None, Some(r#"[7]"#)),
        ]);
        rows.marks = (0..=3).map(|at| Mark { at, watermark: at.try_into().unwrap() }).collect();
        let (made, fates) = explode(DataType::Bigint, &rows);
        let expected = [
            (0, 0, Some(1), Some("a")),
            (0, 0, None, Some("b\n")),
            (0, 0, Some(3), None),
            (2, 20, None, Some("7")),
        ];
        assert_eq!(shown(&made), expected);
        assert_eq!((fates.filtered, fates.made, fates.failed_expressions), (1, 2, 0));
        let marks: Vec<(usize, i64)> =
            made.marks.iter().map(|mark| (mark.at, mark.watermark)).collect();
        assert_eq!(marks, [(0, 0), (3, 1), (3, 2), (4, 3)]);
    }

    #[test]
    fn an_item_of_another_type_is_null_and_counted() {
        let (made, fates) = explode(DataType::Bigint, &chunk(&[(Some(r#"[1,"x"]"#), None)]));
        assert_eq!(shown(&made), [(0, 0, Some(1), None), (0, 0, None, None)]);
        assert_eq!(fates.failed_expressions, 1);
    }

    #[test]
    fn a_row_without_a_value_gives_nothing() {
        let mut rows = chunk(&[(Some("[1]"), None)]);
        rows.deleted = vec![true];
        let (made, fates) = explode(DataType::Bigint, &rows);
        assert_eq!((made.rows, fates.filtered), (0, 1));
    }

    #[test]
    fn structs_stay_what_they_are() {
        let fields = vec![("page".to_owned(), DataType::String)];
        let rows = chunk(&[(Some(r#"[{"page":"home"}]"#), None)]);
        let (made, _) = explode(DataType::Struct(fields), &rows);
        assert_eq!(made.columns[3].text().get(0), Some(r#"{"page":"home"}"#));
    }
}
