//! Frames: a four-byte length, a header, and one message.
//!
//! Request header v1, or v2 (tagged fields) for flexible versions; response header v0, or v1 for flexible ones, except
//! that ApiVersions always answers with v0 so that any client can read it (KIP-511).

use crate::api::ApiKey;
use crate::message::Request;
use crate::read::{DecodeError, Reader};
use crate::wire::{Version, Wire};
use crate::write::Writer;
use bytes::Bytes;

/// What stands before every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API, as a number: a broker may meet ones that it does not know.
    pub api_key: i16,
    /// At which version.
    pub api_version: i16,
    /// Returned with the response.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Reads a header; `flexible` tells whether (api key, version) is a flexible one.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a request header.
    pub fn read(
        reader: &mut Reader,
        flexible: impl FnOnce(i16, i16) -> bool,
    ) -> Result<Self, DecodeError> {
        let (api_key, api_version) = (reader.i16()?, reader.i16()?);
        let correlation_id = reader.i32()?;
        // The client id keeps its two-byte length in header v2 (KIP-482).
        let client_id = Wire::read(reader, Version { number: 1, flexible: false })?;
        if flexible(api_key, api_version) {
            skip_tagged_fields(reader)?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    fn write(&self, writer: &mut Writer, flexible: bool) {
        writer.put(&self.api_key.to_be_bytes());
        writer.put(&self.api_version.to_be_bytes());
        writer.put(&self.correlation_id.to_be_bytes());
        self.client_id.write(writer, Version { number: 1, flexible: false });
        if flexible {
            writer.unsigned_varint(0);
        }
    }
}

fn skip_tagged_fields(reader: &mut Reader) -> Result<(), DecodeError> {
    for _ in 0..reader.unsigned_varint()? {
        reader.unsigned_varint()?;
        let size = reader.unsigned_varint()? as usize;
        reader.skip(size, "TAGGED_FIELD")?;
    }
    Ok(())
}

fn framed(body: Writer) -> Vec<Bytes> {
    let mut frame = Writer::new();
    frame.put(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.append(body);
    frame.into_chunks()
}

/// A whole request frame, its length included, as chunks for a vectored write.
#[must_use]
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Vec<Bytes> {
    let version = R::version(version);
    let header = RequestHeader {
        api_key: R::KEY as i16,
        api_version: version.number,
        correlation_id,
        client_id: client_id.map(str::to_owned),
    };
    let mut body = Writer::new();
    header.write(&mut body, version.flexible);
    request.write(&mut body, version);
    framed(body)
}

/// Reads a response to `R` out of a frame (without its length): the correlation id and the message.
///
/// # Errors
/// [`DecodeError`] when the bytes are not such a response.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), DecodeError> {
    let version = R::version(version);
    let mut reader = Reader::new(frame);
    let correlation_id = reader.i32()?;
    if version.flexible && R::KEY != ApiKey::ApiVersions {
        skip_tagged_fields(&mut reader)?;
    }
    Ok((correlation_id, R::Response::read(&mut reader, version)?))
}

/// The correlation id of a response frame (without its length), to find out which request it answers.
///
/// # Errors
/// [`DecodeError`] when the frame is shorter than four bytes.
pub fn correlation_id(frame: &Bytes) -> Result<i32, DecodeError> {
    Reader::new(frame.clone()).i32()
}

/// A whole response frame to `R`, its length included, as chunks for a vectored write.
#[must_use]
pub fn encode_response<R: Request>(
    response: &R::Response,
    version: i16,
    correlation_id: i32,
) -> Vec<Bytes> {
    let version = R::version(version);
    let mut body = Writer::new();
    body.put(&correlation_id.to_be_bytes());
    if version.flexible && R::KEY != ApiKey::ApiVersions {
        body.unsigned_varint(0);
    }
    response.write(&mut body, version);
    framed(body)
}
