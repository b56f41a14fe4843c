//! SASL mechanisms as exchanges of tokens: PLAIN (RFC 4616) and SCRAM.

use super::scram::Scram;
use crate::client::config::{Mechanism, SaslConfig, Secret};

/// One authentication exchange, from the client's side.
#[derive(Debug)]
pub(in crate::client) enum Exchange {
    /// The credentials, once; the broker's answer is empty.
    Plain(Secret),
    /// Challenge and response.
    Scram(Box<Scram>),
}

/// What to do after a token of the broker.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum Next {
    /// Send this token.
    Send(Vec<u8>),
    /// Both sides are satisfied.
    Done,
}

impl Exchange {
    /// Starts the exchange that the settings ask for.
    pub(in crate::client) fn new(config: &SaslConfig) -> Result<Self, String> {
        let (user, password) = (&config.username, config.password.reveal());
        Ok(match config.mechanism {
            Mechanism::Plain if user.contains('\0') || password.contains('\0') => {
                return Err("PLAIN cannot carry a zero byte in user or password".to_owned());
            }
            Mechanism::Plain => Self::Plain(Secret::new(format!("\0{user}\0{password}"))),
            mechanism => Self::Scram(Box::new(Scram::new(mechanism, user, password)?)),
        })
    }

    /// The first token.
    pub(in crate::client) fn first(&self) -> Vec<u8> {
        match self {
            Self::Plain(token) => token.reveal().as_bytes().to_vec(),
            Self::Scram(scram) => scram.client_first(),
        }
    }

    /// Takes the broker's token.
    pub(in crate::client) fn next(&mut self, token: &[u8]) -> Result<Next, String> {
        match self {
            Self::Plain(_) => Ok(Next::Done),
            Self::Scram(scram) => scram.next(token),
        }
    }
}
