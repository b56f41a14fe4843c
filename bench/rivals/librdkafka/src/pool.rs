//! The records that are written again and again: the file that the bench's `pool` module writes.

/// A key and a value.
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// Reads a file of entries, each `u32 length, key, u32 length, value`, lengths little-endian.
pub fn read(path: &str) -> Result<Vec<Entry>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let mut rest = &bytes[..];
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let key = part(&mut rest).ok_or("the pool is cut off")?;
        let value = part(&mut rest).ok_or("the pool is cut off")?;
        entries.push(Entry { key, value });
    }
    if entries.is_empty() { Err(format!("{path} is empty")) } else { Ok(entries) }
}

fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(part.to_vec())
}
