//! What became of a request that failed: whether the row, the statement or the moment is at fault.

use kolk::sink::connector::ConnectorError;
use tokio_postgres::Error;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The store is down or busy.
    Later(String),
    /// It never goes.
    Never(String),
    /// A row is at fault.
    Data(String),
    /// The statement does not fit the table, or not any more.
    Schema(String),
}

impl Failure {
    /// As an error of the connection, where there is no row that could be at fault.
    pub(super) fn error(self) -> ConnectorError {
        match self {
            Self::Later(why) => ConnectorError::Later(why),
            Self::Never(why) | Self::Data(why) | Self::Schema(why) => ConnectorError::Never(why),
        }
    }

    /// In words.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Later(why) | Self::Never(why) | Self::Data(why) | Self::Schema(why) => why,
        }
    }
}

/// The failure behind an error of the driver.
pub(super) fn of(what: &str, error: &Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        let cause =
            std::error::Error::source(error).map_or_else(String::new, |it| format!(": {it}"));
        let text = error.to_string();
        let why = format!(
            "postgresql: {what}: {}",
            if text.ends_with(&cause) { text } else { text + &cause }
        );
        return if is_final(error) { Failure::Never(why) } else { Failure::Later(why) };
    };
    let mut why = format!("postgresql: {what}: {} (SQLSTATE {})", db.message(), db.code().code());
    if let Some(detail) = db.detail() {
        why = format!("{why}: {detail}");
    }
    of_state(db.code().code(), why)
}

fn of_state(state: &str, why: String) -> Failure {
    match (state.get(..2).unwrap_or_default(), state) {
        // A value or a constraint, what a trigger refuses, a value that is too large for an index, two rows of a batch that the table's
        // key takes for one.
        ("21" | "22" | "23" | "44" | "54" | "P0", _) => Failure::Data(why),
        // What "cached plan" is about goes away by preparing anew.
        (_, "0A000") => Failure::Later(why),
        // Login, database, right.
        ("28" | "3D", _) | (_, "42501") => Failure::Never(why),
        ("42" | "3F", _) => Failure::Schema(why),
        _ => Failure::Later(why),
    }
}

/// Whether the same happens again however often it is tried: a certificate that is not trusted, a server without TLS, a password that
/// is missing.
fn is_final(error: &Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
        {
            return true;
        }
        source = cause.source();
    }
    let text = format!("{error:?}");
    [
        "does not support TLS",
        "password missing",
        "unsupported authentication method",
        "kind: Config",
    ]
    .iter()
    .any(|what| text.contains(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_says_what_is_at_fault() {
        let of = |state: &str| of_state(state, String::new());
        for state in ["22001", "23505", "22P02", "21000", "54000", "P0001"] {
            assert_eq!(of(state), Failure::Data(String::new()), "{state}");
        }
        for state in ["28P01", "3D000", "42501"] {
            assert_eq!(of(state), Failure::Never(String::new()), "{state}");
        }
        for state in ["42703", "42P01", "42804"] {
            assert_eq!(of(state), Failure::Schema(String::new()), "{state}");
        }
        for state in ["57P01", "53300", "40P01", "40001", "08006", "25006", "55P03"] {
            assert_eq!(of(state), Failure::Later(String::new()), "{state}");
        }
    }
}
