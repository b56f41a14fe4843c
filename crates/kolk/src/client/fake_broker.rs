//! A broker played by a test: listens on loopback and answers by script, over real sockets.

use super::network::Broker;
use bytes::Bytes;
use kolk_wire::frame::{self, RequestHeader};
use kolk_wire::message::Request;
use kolk_wire::message::Supported;
use kolk_wire::message::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use kolk_wire::{ApiKey, Reader};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the script does with a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Answers.
    Frame(Vec<Bytes>),
    /// Writes these bytes as they are.
    Raw(Vec<u8>),
    /// Does not answer.
    Silence,
    /// Closes the connection.
    Close,
}

/// A request that arrived.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    /// Which of the connections it came on, from 0.
    pub(crate) connection: usize,
    /// The broker's own address.
    pub(crate) broker: Broker,
    correlation: i32,
    body: Reader,
}

impl Call {
    pub(crate) fn request<R: Request>(&self) -> R {
        R::read(&mut self.body.clone(), R::version(self.version))
            .expect("a request that can be read")
    }

    pub(crate) fn reply<R: Request>(&self, response: &R::Response) -> Reply {
        Reply::Frame(frame::encode_response::<R>(response, self.version, self.correlation))
    }

    /// Answers at another version than that of the request.
    pub(crate) fn reply_at<R: Request>(&self, version: i16, response: &R::Response) -> Reply {
        Reply::Frame(frame::encode_response::<R>(response, version, self.correlation))
    }

    /// All that Kolk knows.
    pub(crate) fn everything(&self) -> ApiVersionsResponse {
        let all = ApiKey::ALL.iter().filter_map(|api| Supported::of(*api as i16));
        let api_keys = all.map(|api| ApiVersion {
            api_key: api.key as i16,
            min_version: api.min,
            max_version: api.max,
        });
        ApiVersionsResponse { api_keys: api_keys.collect(), ..ApiVersionsResponse::default() }
    }
}

/// What a connection is spoken over.
pub(crate) trait Channel: Read + Write + Send {}

impl<T: Read + Write + Send> Channel for T {}

/// A listener whose connections are answered by a script.
#[derive(Debug)]
pub(crate) struct FakeBroker {
    pub(crate) broker: Broker,
    log: Arc<Mutex<Vec<(ApiKey, i16)>>>,
}

type Script = Arc<Mutex<dyn FnMut(&Call) -> Option<Reply> + Send>>;

impl FakeBroker {
    /// Starts to listen. For what the script leaves open (`None`), ApiVersions is answered with all that Kolk knows, and
    /// other requests are not answered.
    pub(crate) fn start(script: impl FnMut(&Call) -> Option<Reply> + Send + 'static) -> Self {
        Self::start_over(|tcp| Box::new(tcp), script)
    }

    /// As [`Self::start`], over TLS or whatever else `secure` makes of a connection.
    #[expect(clippy::disallowed_methods, reason = "a test plays the broker in threads of its own")]
    pub(crate) fn start_over(
        secure: impl Fn(TcpStream) -> Box<dyn Channel> + Send + 'static,
        script: impl FnMut(&Call) -> Option<Reply> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let broker = Broker::new("127.0.0.1", listener.local_addr().expect("bound").port());
        let log = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(Mutex::new(script));
        let (shared, own) = (Arc::clone(&log), broker.clone());
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (script, log, own) = (Arc::clone(&script), Arc::clone(&shared), own.clone());
                let mut stream = secure(stream);
                std::thread::spawn(move || serve(&mut *stream, connection, &own, &script, &log));
            }
        });
        Self { broker, log }
    }

    /// The requests so far, without ApiVersions.
    pub(crate) fn log(&self) -> Vec<(ApiKey, i16)> {
        let log = self.log.lock().expect("the log");
        log.iter().copied().filter(|(api, _)| *api != ApiKey::ApiVersions).collect()
    }
}

fn serve(
    stream: &mut dyn Channel,
    connection: usize,
    broker: &Broker,
    script: &Script,
    log: &Mutex<Vec<(ApiKey, i16)>>,
) -> Option<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut request = vec![0; usize::try_from(i32::from_be_bytes(length)).ok()?];
        stream.read_exact(&mut request).ok()?;
        let mut body = Reader::new(Bytes::from(request));
        let flexible =
            |api, version| Supported::of(api).is_some_and(|api| api.version(version).flexible);
        let header = RequestHeader::read(&mut body, flexible).ok()?;
        let api = ApiKey::from_number(header.api_key)?;
        let call = Call {
            api,
            version: header.api_version,
            connection,
            broker: broker.clone(),
            correlation: header.correlation_id,
            body,
        };
        log.lock().ok()?.push((api, call.version));
        let reply = (*script.lock().ok()?)(&call);
        let reply = reply.unwrap_or_else(|| match api {
            ApiKey::ApiVersions => call.reply::<ApiVersionsRequest>(&call.everything()),
            _ => Reply::Silence,
        });
        match reply {
            Reply::Frame(chunks) => {
                chunks.iter().try_for_each(|chunk| stream.write_all(chunk)).ok()?;
            }
            Reply::Raw(bytes) => stream.write_all(&bytes).ok()?,
            Reply::Silence => {}
            Reply::Close => return None,
        }
        stream.flush().ok()?;
    }
}
