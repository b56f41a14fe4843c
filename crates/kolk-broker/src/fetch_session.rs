//! Fetch sessions (KIP-227): the broker remembers what a client fetches, so that requests and answers name only what
//! changed.

use kolk_wire::ErrorCode;
use std::collections::{BTreeMap, HashMap};

/// A session's epoch of a client that wants none.
pub const FINAL_EPOCH: i32 = -1;
/// A session's epoch of a client that opens one.
pub const INITIAL_EPOCH: i32 = 0;

/// What a client wants of one partition, and what it was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// First offset wanted.
    pub fetch_offset: i64,
    /// Most bytes wanted.
    pub max_bytes: usize,
    /// The leader epoch that the client believes in; −1 for none.
    pub leader_epoch: i32,
    /// High watermark and log start offset of the last answer; −1 before the first.
    pub told: (i64, i64),
}

/// One session: partitions in the order in which the client named them first.
#[derive(Debug)]
struct Session {
    epoch: i32,
    used: u64,
    partitions: Vec<(SessionKey, Wanted)>,
}

/// How a client named a partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionKey {
    /// By the topic's name.
    Name(String, i32),
    /// By the topic's id.
    Id([u8; 16], i32),
}

/// All sessions of a broker; the one used longest ago makes room for a new one.
#[derive(Debug)]
pub struct FetchSessions {
    max: usize,
    next_id: i32,
    uses: u64,
    sessions: BTreeMap<i32, Session>,
}

/// What a fetch request amounts to once its session is known.
#[derive(Debug)]
pub struct Resolved {
    /// The session for the answer; 0 for none.
    pub session_id: i32,
    /// Whether the answer names only partitions that have news.
    pub incremental: bool,
    /// What to read.
    pub partitions: Vec<(SessionKey, Wanted)>,
}

impl FetchSessions {
    /// Room for `max` sessions.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, next_id: 1, uses: 0, sessions: BTreeMap::new() }
    }

    /// Finds or opens the session of a request: `(session_id, epoch)` as sent, what it adds or changes, what it takes away.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`: the client starts over.
    pub fn resolve(
        &mut self,
        (session_id, epoch): (i32, i32),
        wanted: Vec<(SessionKey, Wanted)>,
        forgotten: &[SessionKey],
    ) -> Result<Resolved, ErrorCode> {
        self.uses += 1;
        if epoch == FINAL_EPOCH || epoch == INITIAL_EPOCH {
            self.sessions.remove(&session_id);
            let session_id = if epoch == INITIAL_EPOCH { self.open(&wanted) } else { 0 };
            return Ok(Resolved { session_id, incremental: false, partitions: wanted });
        }
        let session =
            self.sessions.get_mut(&session_id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.used = self.uses;
        session.change(wanted, forgotten);
        Ok(Resolved { session_id, incremental: true, partitions: session.partitions.clone() })
    }

    /// Remembers what the client was told of a partition.
    pub fn told(&mut self, session_id: i32, told: &HashMap<SessionKey, (i64, i64)>) {
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        for (key, wanted) in &mut session.partitions {
            if let Some(told) = told.get(key) {
                wanted.told = *told;
            }
        }
    }

    fn open(&mut self, wanted: &[(SessionKey, Wanted)]) -> i32 {
        if self.max == 0 || wanted.is_empty() {
            return 0;
        }
        if self.sessions.len() >= self.max {
            let oldest =
                self.sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
            oldest.map(|id| self.sessions.remove(&id));
        }
        let id = self.next_id;
        self.next_id = if id == i32::MAX { 1 } else { id + 1 };
        self.sessions
            .insert(id, Session { epoch: 1, used: self.uses, partitions: wanted.to_vec() });
        id
    }
}

impl Session {
    fn change(&mut self, wanted: Vec<(SessionKey, Wanted)>, forgotten: &[SessionKey]) {
        if !forgotten.is_empty() {
            self.partitions.retain(|(key, _)| !forgotten.contains(key));
        }
        if wanted.is_empty() {
            return;
        }
        let places: HashMap<SessionKey, usize> = self
            .partitions
            .iter()
            .enumerate()
            .map(|(place, (key, _))| (key.clone(), place))
            .collect();
        for (key, new) in wanted {
            match places.get(&key) {
                Some(&place) => {
                    let told = self.partitions[place].1.told;
                    self.partitions[place].1 = Wanted { told, ..new };
                }
                None => self.partitions.push((key, new)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> SessionKey {
        SessionKey::Name("t".to_owned(), partition)
    }

    fn wanted(fetch_offset: i64) -> Wanted {
        Wanted { fetch_offset, max_bytes: 1, leader_epoch: -1, told: (-1, -1) }
    }

    #[test]
    fn a_session_remembers_what_later_requests_leave_out() {
        let mut sessions = FetchSessions::new(10);
        let first =
            sessions.resolve((0, 0), vec![(key(0), wanted(0)), (key(1), wanted(0))], &[]).unwrap();
        assert!(first.session_id > 0 && !first.incremental);
        let next =
            sessions.resolve((first.session_id, 1), vec![(key(1), wanted(5))], &[key(0)]).unwrap();
        assert_eq!((next.incremental, next.partitions), (true, vec![(key(1), wanted(5))]));
        let stale = sessions.resolve((first.session_id, 1), vec![], &[]);
        assert_eq!(stale.unwrap_err(), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let unknown = sessions.resolve((first.session_id + 1, 1), vec![], &[]);
        assert_eq!(unknown.unwrap_err(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn the_session_used_longest_ago_makes_room() {
        let mut sessions = FetchSessions::new(2);
        let ids: Vec<i32> = (0..3)
            .map(|_| sessions.resolve((0, 0), vec![(key(0), wanted(0))], &[]).unwrap().session_id)
            .collect();
        assert_eq!(
            sessions.resolve((ids[0], 1), vec![], &[]).unwrap_err(),
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
        );
        assert!(sessions.resolve((ids[2], 1), vec![], &[]).is_ok());
    }

    #[test]
    fn a_final_epoch_closes_the_session() {
        let mut sessions = FetchSessions::new(2);
        let id = sessions.resolve((0, 0), vec![(key(0), wanted(0))], &[]).unwrap().session_id;
        let last = sessions.resolve((id, FINAL_EPOCH), vec![(key(0), wanted(3))], &[]).unwrap();
        assert_eq!((last.session_id, last.incremental), (0, false));
        assert!(sessions.resolve((id, 1), vec![], &[]).is_err());
    }
}
