//! The order in which Java's `HashMap` goes through its entries.
//!
//! ksqlDB keeps maps in such tables, so what REDUCE, MAP_KEYS and ENTRIES give there depends on that order.

use super::Value;

impl Value<'_> {
    /// Brings entries into the order of a `HashMap` that was made for as many as there are.
    pub(crate) fn arrange_as_java(entries: &mut [(Value<'_>, Value<'_>)]) {
        let mut buckets = entries.len().next_power_of_two();
        while entries.len() * 4 > buckets * 3 {
            buckets *= 2;
        }
        let bucket = |key: &Value<'_>| {
            let hash = hash(key);
            // As the table spreads it, so that high bits matter too.
            (hash ^ hash >> 16) as usize & (buckets - 1)
        };
        // Entries of one bucket stay in the order in which they came.
        entries.sort_by_key(|(key, _)| bucket(key));
    }
}

/// `hashCode` of a key.
fn hash(key: &Value<'_>) -> u32 {
    match key {
        Value::Boolean(true) => 1231,
        Value::Boolean(false) => 1237,
        Value::Integer(value) => value.cast_unsigned(),
        Value::Bigint(value) => folded(value.cast_unsigned()),
        Value::Double(value) => folded(value.to_bits()),
        Value::Text(text) => text
            .encode_utf16()
            .fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into())),
        _ => 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
fn folded(bits: u64) -> u32 {
    (bits ^ bits >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(keys: &[&'static str]) -> Vec<String> {
        let mut entries: Vec<_> =
            keys.iter().map(|key| (Value::Text((*key).into()), Value::Null)).collect();
        Value::arrange_as_java(&mut entries);
        let key = |(key, _): &(Value<'_>, Value<'_>)| match key {
            Value::Text(text) => text.to_string(),
            _ => String::new(),
        };
        entries.iter().map(key).collect()
    }

    #[test]
    fn entries_stand_where_java_puts_them() {
        assert_eq!(hash(&Value::Text("visit".into())), 112_217_419);
        assert_eq!(hash(&Value::Bigint(-2)), 1);
        assert_eq!(arranged(&["b", "c", "a"]), ["a", "b", "c"]);
        // "Aa" and "BB" have the same hash code.
        assert_eq!(arranged(&["BB", "Aa"]), ["BB", "Aa"]);
        assert_eq!(arranged(&["p", "a"]), ["p", "a"]);
        assert!(arranged(&[]).is_empty());
    }
}
