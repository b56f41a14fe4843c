//! What the broker does not take: a second broker, too much, and nonsense.

use crate::client::{Client, batch, produce_request};
use crate::server::{Alone, any_port, start};
use kolk_broker::StartError;
use kolk_broker::log::LockError;
use kolk_broker::state::OpenError;
use kolk_wire::ErrorCode;
use kolk_wire::frame::encode_request;
use kolk_wire::message::api_versions::ApiVersionsRequest;
use kolk_wire::message::metadata::MetadataRequest;
use kolk_wire::message::{Any, AnyRequest, Request, supported};
use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn a_folder_has_one_broker() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path(), any_port(), &[]).unwrap();
    let refused = start(folder.path(), any_port(), &[]).err().unwrap();
    let held = matches!(refused, StartError::Open(OpenError::Locked(LockError::Held { .. })));
    assert!(held, "{refused}");
    drop(first);
    start(folder.path(), any_port(), &[]).unwrap();
}

#[test]
fn a_port_has_one_broker() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = start(folders[0].path(), any_port(), &[]).unwrap();
    let refused = start(folders[1].path(), first.address(), &[]).err().unwrap();
    assert!(matches!(refused, StartError::Listen { .. }), "{refused}");
    assert!(refused.to_string().contains(&first.address().to_string()), "{refused}");
}

#[test]
fn listening_everywhere_needs_an_address_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = start(folder.path(), everywhere, &[]).err().unwrap();
    assert!(matches!(refused, StartError::Advertised(_)), "{refused}");
    let told = [("advertised.listeners", "PLAINTEXT://here.example:9099")];
    assert_eq!(start(folder.path(), everywhere, &told).unwrap().bootstrap(), "here.example:9099");
}

#[test]
fn a_frame_too_large_closes_the_connection() {
    let alone = Alone::start(&[("socket.request.max.bytes", "1000")]);
    for length in [1001_i32, i32::MAX, -1] {
        let mut client = alone.another_client();
        client.stream.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(client.frame(), None, "a frame of {length} bytes");
    }
    assert_serves(&mut alone.another_client());
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let mut alone = Alone::start(&[("max.connections", "2")]);
    assert_serves(&mut alone.client);
    let mut second = alone.another_client();
    assert_serves(&mut second);
    let mut third = alone.another_client();
    assert_eq!(third.frame(), None);
    drop(second);
    // The place is free when the broker has seen the end of the connection.
    let mut looks = 0;
    while !is_served(&mut alone.another_client()) {
        looks += 1;
        assert!(looks < 200, "a closed connection makes room");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Announces much, sends nothing, on more connections than the budget has room for: others are served all the same.
#[test]
fn announced_bytes_take_nothing_from_others() {
    let alone = Alone::start(&[("queued.max.request.bytes", "200000")]);
    let announced: Vec<Client> = (0..5)
        .map(|_| {
            let mut client = alone.another_client();
            client.stream.write_all(&90_000_000_i32.to_be_bytes()).unwrap();
            client
        })
        .collect();
    let mut other = alone.another_client();
    other.create_topic("t", &[]);
    assert_eq!(other.produce("t", batch(&["v"])).error_code, ErrorCode::NONE);
    drop(announced);
}

fn assert_serves(client: &mut Client) {
    assert!(is_served(client));
}

fn is_served(client: &mut Client) -> bool {
    let request = encode_request(&ApiVersionsRequest::default(), 0, 1, None);
    client.stream.write_all(&request.concat()).is_ok() && client.frame().is_some()
}

/// Frames with one byte changed, cut short, and of nothing but noise: the broker may answer or hang up, and goes on.
#[test]
fn nonsense_leaves_the_broker_serving() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("kolk-connection") {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let mut random = Random(42);
    let mut frames: Vec<Vec<u8>> = supported()
        .iter()
        .flat_map(|api| (api.min..=api.max).map(move |version| empty(api.key, version)))
        .collect();
    let produce = produce_request("t", batch(&["value"]), None);
    frames.push(encode_request(&produce, 9, 1, None).concat());
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    frames.push(encode_request(&all, MetadataRequest::MAX_VERSION, 1, None).concat());
    for frame in &frames {
        let mut spoilt = frame.clone();
        // Not the length: what follows a wrong one is noise, and that comes below.
        let place = 4 + random.below(spoilt.len() - 4);
        spoilt[place] ^= 1 << random.below(8);
        send(&alone, &spoilt);
        let cut = frame.len() - random.below(frame.len());
        send(&alone, &frame[..cut]);
    }
    for _ in 0..100 {
        let noise: Vec<u8> = (0..random.below(300)).map(|_| random.byte()).collect();
        let length = u32::try_from(noise.len()).unwrap().to_be_bytes();
        send(&alone, &[&length[..], &noise].concat());
    }
    assert_serves(&mut alone.client);
    assert_eq!(alone.client.produce("t", batch(&["v"])).error_code, ErrorCode::NONE);
    drop(alone);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "in threads that serve a connection");
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A request of default values.
fn empty(key: kolk_wire::ApiKey, version: i16) -> Vec<u8> {
    let mut body = kolk_wire::Writer::new();
    body.put(&(key as i16).to_be_bytes());
    body.put(&version.to_be_bytes());
    body.put(&[0, 0, 0, 1, 0xff, 0xff]);
    let flexible = kolk_wire::message::Supported::of(key as i16).unwrap().version(version).flexible;
    if flexible {
        body.put(&[0]);
    }
    AnyRequest::default_of(key).unwrap().write(version, &mut body);
    let body = body.into_bytes();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

/// Sends and hangs up; whatever is answered is of no interest.
fn send(alone: &Alone, frame: &[u8]) {
    let mut client = alone.another_client();
    let _ = client.stream.write_all(frame);
    let _ = client.stream.shutdown(Shutdown::Both);
}

/// Marsaglia's xorshift: the same nonsense in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next() % 256).unwrap()
    }
}
