//! Rows out of fetched batches: which, from where, and where they are cut.

use super::*;
use kolk_wire::record::{BatchBuilder, Batches, Header, set_base_offset};

fn batch(compression: Compression, base: i64, values: &[&[u8]]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(compression);
    for (i, value) in (0..).zip(values) {
        let headers = [Header::new("n", b"1")];
        let headers = if i % 2 == 0 { &headers[..] } else { &[] };
        builder.push(1000 + i, Some(b"k"), Some(value), headers).unwrap();
    }
    let mut bytes = builder.finish();
    set_base_offset(&mut bytes, base, 3);
    bytes.to_vec()
}

type Seen = Vec<(i64, Vec<u8>)>;

fn read_all(fetched: &Bytes, position: i64) -> (Seen, Vec<usize>, Option<DecodeError>, i64) {
    let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched.clone()), position);
    let (mut scratch, mut rows) = (Scratch::new(), Rows::default());
    let (mut seen, mut sizes, mut error) = (Seen::new(), Vec::new(), None);
    for _ in 0..10_000 {
        match reader.next_rows(&mut scratch, &mut rows) {
            Ok(true) => sizes.push(rows.rows.len()),
            Ok(false) => break,
            Err(found) => error = Some(found),
        }
        for row in &rows.rows {
            let value = row.value.of(&rows.buffer).unwrap().to_vec();
            assert_eq!(row.key.of(&rows.buffer), Some(&b"k"[..]));
            let headers = row.headers.of(&rows.buffer).unwrap();
            assert!(headers == [0] || headers == [2, 2, b'n', 2, b'1'], "{headers:?}");
            seen.push((row.offset, value));
        }
    }
    (seen, sizes, error, reader.position())
}

#[test]
fn rows_of_plain_batches_are_slices_of_what_was_fetched() {
    let mut fetched = batch(Compression::None, 10, &[b"a", b"b"]);
    fetched.extend(batch(Compression::None, 12, &[b"c"]));
    let fetched = Bytes::from(fetched);
    let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched.clone()), 11);
    let mut rows = Rows::default();
    assert!(reader.next_rows(&mut Scratch::new(), &mut rows).unwrap());
    assert_eq!(rows.buffer.as_ptr(), fetched.as_ptr(), "copied");
    let offsets: Vec<i64> = rows.rows.iter().map(|row| row.offset).collect();
    assert_eq!(offsets, [11, 12], "below the position nothing is read again");
}

#[test]
fn a_limit_cuts_batches_and_the_next_rows_go_on_behind_it() {
    for codec in [Compression::None, Compression::Zstd] {
        let mut fetched = batch(codec, 0, &[b"a", b"b", b"c", b"d", b"e"]);
        fetched.extend(batch(codec, 5, &[b"f", b"g"]));
        let fetched = Bytes::from(fetched);
        let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched.clone()), 0);
        let (mut scratch, mut rows) = (Scratch::new(), Rows::default());
        let mut cuts = Vec::new();
        for limit in [2, 0, 3, 9, 9] {
            reader.limit(limit);
            reader.next_rows(&mut scratch, &mut rows).unwrap();
            cuts.push((rows.rows.len(), reader.position()));
        }
        assert_eq!(cuts, [(2, 2), (1, 3), (3, 6), (1, 7), (0, 7)], "{codec:?}");
    }
}

#[test]
fn small_compressed_batches_share_a_buffer_and_plain_ones_follow_in_another() {
    let mut fetched = batch(Compression::Lz4, 0, &[b"a", b"b"]);
    fetched.extend(batch(Compression::Zstd, 2, &[b"c"]));
    fetched.extend(batch(Compression::None, 3, &[b"d"]));
    let large = vec![b'x'; OWN_BUFFER_MIN];
    fetched.extend(batch(Compression::Snappy, 4, &[&large]));
    let (seen, sizes, error, position) = read_all(&fetched.into(), 0);
    assert_eq!(sizes, [3, 1, 1]);
    let offsets: Vec<i64> = seen.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
    assert_eq!((&seen[2].1[..], &seen[3].1[..]), (&b"c"[..], &b"d"[..]));
    assert_eq!(seen[4].1, large);
    assert_eq!((error, position), (None, 5));
}

#[test]
fn a_batch_is_cut_where_the_bound_is() {
    for compression in [Compression::None, Compression::Lz4] {
        let values: Vec<[u8; 8]> = (0..ROWS_MAX + 10).map(usize::to_be_bytes).collect();
        let values: Vec<&[u8]> = values.iter().map(|value| &value[..]).collect();
        let (seen, sizes, error, _) = read_all(&batch(compression, 7, &values).into(), 0);
        assert_eq!((sizes, error), (vec![ROWS_MAX, 10], None));
        assert!(seen.iter().map(|(offset, _)| *offset).eq(7..7 + ROWS_MAX as i64 + 10));
        assert!(seen.iter().map(|(_, value)| &value[..]).eq(values));
    }
}

#[test]
fn rows_before_a_damaged_record_come_out_and_then_the_error() {
    let mut damaged = batch(Compression::None, 2, &[b"c", b"d", b"e"]);
    let end = damaged.len();
    damaged.truncate(end - 1);
    damaged[11] -= 1;
    let mut fetched = batch(Compression::None, 0, &[b"a", b"b"]);
    fetched.extend(&damaged);
    let (seen, _, error, position) = read_all(&fetched.into(), 0);
    assert_eq!(seen.len(), 4);
    assert!(error.is_some());
    assert_eq!(position, 4);
}

/// First row and count of the batches that are told to be whole, for all rows of the fetched bytes from `position` on.
fn whole(fetched: &[u8], position: i64, limit: usize) -> Vec<(usize, usize)> {
    let fetched = Bytes::copy_from_slice(fetched);
    let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched), position);
    reader.limit(limit);
    let (mut scratch, mut rows) = (Scratch::new(), Rows::default());
    let mut seen = Vec::new();
    while reader.next_rows(&mut scratch, &mut rows).unwrap() {
        for whole in &rows.whole {
            let of = &rows.rows[whole.first..whole.first + whole.rows()];
            assert_eq!(of[0].offset, whole.batch.header.base_offset);
            seen.push((whole.first, whole.rows()));
        }
    }
    seen
}

#[test]
fn batches_of_which_all_records_are_rows_are_told() {
    for codec in [Compression::None, Compression::Lz4] {
        let mut fetched = batch(codec, 0, &[b"a", b"b"]);
        fetched.extend(batch(codec, 2, &[b"c", b"d", b"e"]));
        fetched.extend(batch(codec, 5, &[b"f"]));
        assert_eq!(whole(&fetched, 0, 100), [(0, 2), (2, 3), (5, 1)], "{codec:?}");
        assert_eq!(whole(&fetched, 1, 100), [(1, 3), (4, 1)], "the first is begun in its middle");
        assert_eq!(whole(&fetched, 0, 4), [(0, 2), (1, 1)], "the second is cut");
    }
}

#[test]
fn fields_are_what_a_record_is_written_from_again() {
    let fetched = Bytes::from(batch(Compression::None, 0, &[b"a", b"b"]));
    let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched.clone()), 0);
    let mut rows = Rows::default();
    reader.next_rows(&mut Scratch::new(), &mut rows).unwrap();
    let mut again = BatchBuilder::new(Compression::None);
    for row in &rows.rows {
        again.push_fields(row.timestamp, row.fields.of(&rows.buffer).unwrap()).unwrap();
    }
    // All but base offset and leader epoch, which the log has set.
    assert_eq!(again.finish()[16..], fetched[16..]);
}
