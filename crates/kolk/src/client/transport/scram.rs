//! SCRAM-SHA-256 and SCRAM-SHA-512, the client's side (RFC 5802, RFC 7677; KIP-84).
//!
//! Without channel binding, as Kafka has it. The server proves that it knows the password too: its signature is verified.

use super::sasl::Next;
use crate::client::config::{Mechanism, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use std::fmt;

/// Fewer iterations than this make a password cheap to guess (RFC 7677; also Kafka's minimum).
const ITERATIONS_MIN: u32 = 4096;
/// More iterations than this are an attack on this client's time.
const ITERATIONS_MAX: u32 = 500_000;
/// `n,,`: no channel binding, no other identity; in base64 it is repeated in the final message.
const GS2_HEADER: &str = "n,,";

/// One SCRAM exchange.
pub(in crate::client) struct Scram {
    mechanism: Mechanism,
    password: Secret,
    nonce: String,
    client_first_bare: String,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitsChallenge,
    AwaitsSignature { expected: Vec<u8> },
    Done,
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scram({})", self.mechanism)
    }
}

impl Scram {
    /// An exchange with a fresh nonce.
    pub(super) fn new(mechanism: Mechanism, user: &str, password: &str) -> Result<Self, String> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)
            .map_err(|error| format!("no random bytes for a nonce: {error}"))?;
        Ok(Self::with_nonce(mechanism, user, password, BASE64.encode(random)))
    }

    fn with_nonce(mechanism: Mechanism, user: &str, password: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let client_first_bare = format!("n={user},r={nonce}");
        let password = Secret::new(password);
        Self { mechanism, password, nonce, client_first_bare, state: State::AwaitsChallenge }
    }

    pub(super) fn client_first(&self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.client_first_bare).into_bytes()
    }

    pub(super) fn next(&mut self, token: &[u8]) -> Result<Next, String> {
        let text = str::from_utf8(token)
            .map_err(|_| "the broker's SCRAM message is not text".to_owned())?;
        match std::mem::replace(&mut self.state, State::Done) {
            State::AwaitsChallenge => self.answer(text),
            State::AwaitsSignature { expected } => verify(text, &expected),
            State::Done => Err("the broker goes on after the SCRAM exchange has ended".to_owned()),
        }
    }

    fn answer(&mut self, server_first: &str) -> Result<Next, String> {
        let challenge = Challenge::parse(server_first)?;
        if !challenge.nonce.starts_with(&self.nonce) || challenge.nonce.len() == self.nonce.len() {
            return Err("the broker's nonce does not continue this client's".to_owned());
        }
        let binding = BASE64.encode(GS2_HEADER);
        let final_bare = format!("c={binding},r={}", challenge.nonce);
        let message = format!("{},{server_first},{final_bare}", self.client_first_bare);
        let password = self.password.reveal().as_bytes();
        let (proof, expected) = match self.mechanism {
            Mechanism::ScramSha512 => prove_sha512(password, &challenge, message.as_bytes()),
            _ => prove_sha256(password, &challenge, message.as_bytes()),
        };
        self.state = State::AwaitsSignature { expected };
        Ok(Next::Send(format!("{final_bare},p={}", BASE64.encode(proof)).into_bytes()))
    }
}

fn verify(server_final: &str, expected: &[u8]) -> Result<Next, String> {
    if let Some(error) = attribute(server_final, 'e') {
        return Err(error.to_owned());
    }
    let signature = attribute(server_final, 'v').and_then(|text| BASE64.decode(text).ok());
    match signature {
        Some(signature) if signature == expected => Ok(Next::Done),
        _ => Err("the broker could not prove that it knows the password: it may not be the broker"
            .to_owned()),
    }
}

/// The server's first message.
#[derive(Debug)]
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        if let Some(error) = attribute(text, 'e') {
            return Err(error.to_owned());
        }
        let missing = |what| format!("the broker's SCRAM challenge has no {what}");
        let nonce = attribute(text, 'r').ok_or_else(|| missing("nonce"))?;
        let salt = attribute(text, 's').and_then(|salt| BASE64.decode(salt).ok());
        let iterations: u32 = attribute(text, 'i')
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| missing("iteration count"))?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(format!(
                "the broker asks for {iterations} SCRAM iterations; {ITERATIONS_MIN} to {ITERATIONS_MAX} are accepted"
            ));
        }
        Ok(Self { nonce, salt: salt.ok_or_else(|| missing("salt"))?, iterations })
    }
}

fn attribute(message: &str, name: char) -> Option<&str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

macro_rules! prove {
    ($name:ident, $hash:ty, $len:literal) => {
        /// The client's proof and the signature that the server must show.
        fn $name(password: &[u8], challenge: &Challenge<'_>, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
            let hmac = |key: &[u8], data: &[u8]| {
                let mut mac =
                    Hmac::<$hash>::new_from_slice(key).expect("HMAC takes keys of any length");
                mac.update(data);
                mac.finalize().into_bytes()
            };
            let mut salted = [0u8; $len];
            pbkdf2::pbkdf2_hmac::<$hash>(
                password,
                &challenge.salt,
                challenge.iterations,
                &mut salted,
            );
            let client_key = hmac(&salted, b"Client Key");
            let stored_key = <$hash>::digest(&client_key);
            let signature = hmac(&stored_key, message);
            let proof =
                client_key.iter().zip(signature.iter()).map(|(key, sign)| key ^ sign).collect();
            let server_key = hmac(&salted, b"Server Key");
            (proof, hmac(&server_key, message).to_vec())
        }
    };
}
prove!(prove_sha256, Sha256, 32);
prove!(prove_sha512, Sha512, 64);

#[cfg(test)]
mod tests {
    use super::*;

    // The example of RFC 7677, section 3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn example() -> Scram {
        Scram::with_nonce(Mechanism::ScramSha256, "user", "pencil", NONCE.to_owned())
    }

    #[test]
    fn the_exchange_of_rfc_7677_comes_out_byte_for_byte() {
        let mut scram = example();
        assert_eq!(scram.client_first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let Next::Send(proof) = scram.next(SERVER_FIRST.as_bytes()).unwrap() else {
            panic!("no proof")
        };
        assert_eq!(
            String::from_utf8(proof).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let signature = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(scram.next(signature), Ok(Next::Done));
    }

    #[test]
    fn a_broker_that_does_not_know_the_password_is_refused() {
        let mut scram = example();
        scram.next(SERVER_FIRST.as_bytes()).unwrap();
        let error = scram.next(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap_err();
        assert!(error.contains("could not prove"), "{error}");
    }

    #[test]
    fn hostile_challenges_are_refused() {
        for (challenge, why) in [
            ("r=other,s=AAAA,i=4096", "nonce"),
            ("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", "nonce"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", "1 SCRAM iterations"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=2000000000", "2000000000 SCRAM iterations"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", "salt"),
            ("e=unknown-user", "unknown-user"),
        ] {
            let error = example().next(challenge.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{challenge}: {error}");
        }
    }

    #[test]
    fn names_are_escaped_and_passwords_do_not_show() {
        let scram = Scram::with_nonce(Mechanism::ScramSha512, "a=b,c", "hunter2", "n".to_owned());
        assert_eq!(scram.client_first(), b"n,,n=a=3Db=2Cc,r=n");
        assert!(!format!("{scram:?}").contains("hunter2"));
    }
}
