//! Ids that must be nobody else's: the cluster's, topics', the seed of members'.

use std::fmt::Write;
use std::io;
use std::path::Path;

/// The id of the cluster whose data is in `folder`; made up at the first start.
pub(super) fn cluster_id(folder: &Path) -> io::Result<String> {
    let path = folder.join("cluster-id");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if !known.trim().is_empty() {
        return Ok(known.trim().to_owned());
    }
    let mut id = String::new();
    for byte in random_bytes()? {
        let _ = write!(id, "{byte:02x}");
    }
    // Kafka's ids are 22 characters of base64; any text of that length will do.
    id.truncate(22);
    std::fs::write(&path, &id)?;
    Ok(id)
}

pub(super) fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

pub(super) fn random_u64() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_be_bytes(bytes))
}
