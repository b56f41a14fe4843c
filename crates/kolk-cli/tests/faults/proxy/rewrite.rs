//! Puts the proxy's address into responses that name brokers, so that clients stay behind it.

use bytes::Bytes;
use kolk_wire::ApiKey;
use kolk_wire::frame::{decode_response, encode_response};
use kolk_wire::message::Request;
use kolk_wire::message::describe_cluster::DescribeClusterRequest;
use kolk_wire::message::find_coordinator::FindCoordinatorRequest;
use kolk_wire::message::metadata::MetadataRequest;
use std::net::SocketAddr;

/// The response frame (without its length) as the client shall get it.
///
/// Leaders in the answers of Produce and Fetch (KIP-951) need no rewriting: a single node names no other.
///
/// # Errors
/// In words, when the response cannot be read: handing it on might let the client escape.
pub(super) fn addresses(
    api: ApiKey,
    version: i16,
    frame: Bytes,
    proxy: SocketAddr,
) -> Result<Bytes, String> {
    match api {
        ApiKey::Metadata => edit::<MetadataRequest>(version, frame, |response| {
            for broker in &mut response.brokers {
                put(proxy, &mut broker.host, &mut broker.port);
            }
        }),
        ApiKey::DescribeCluster => edit::<DescribeClusterRequest>(version, frame, |response| {
            for broker in &mut response.brokers {
                put(proxy, &mut broker.host, &mut broker.port);
            }
        }),
        ApiKey::FindCoordinator => edit::<FindCoordinatorRequest>(version, frame, |response| {
            put(proxy, &mut response.host, &mut response.port);
            for coordinator in &mut response.coordinators {
                put(proxy, &mut coordinator.host, &mut coordinator.port);
            }
        }),
        _ => Ok(frame),
    }
}

fn put(proxy: SocketAddr, host: &mut String, port: &mut i32) {
    // A coordinator that is not available has no address.
    if *port > 0 {
        *host = proxy.ip().to_string();
        *port = i32::from(proxy.port());
    }
}

fn edit<R: Request>(
    version: i16,
    frame: Bytes,
    change: impl FnOnce(&mut R::Response),
) -> Result<Bytes, String> {
    let (correlation_id, mut response) = decode_response::<R>(frame, version)
        .map_err(|error| format!("{:?} v{version}: {error}", R::KEY))?;
    change(&mut response);
    let whole: Vec<u8> = encode_response::<R>(&response, version, correlation_id).concat();
    Ok(Bytes::from(whole).slice(4..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk_wire::message::find_coordinator::{Coordinator, FindCoordinatorResponse};

    #[test]
    fn coordinators_are_found_at_the_proxy() {
        let coordinator =
            Coordinator { host: "far".to_owned(), port: 9092, ..Coordinator::default() };
        let absent = Coordinator { host: String::new(), port: -1, ..Coordinator::default() };
        let response = FindCoordinatorResponse {
            coordinators: vec![coordinator, absent],
            ..FindCoordinatorResponse::default()
        };
        let frame =
            Bytes::from(encode_response::<FindCoordinatorRequest>(&response, 4, 7).concat())
                .slice(4..);
        let proxy = "127.0.0.1:4".parse().unwrap();
        let rewritten = addresses(ApiKey::FindCoordinator, 4, frame, proxy).unwrap();
        let (correlation_id, response) =
            decode_response::<FindCoordinatorRequest>(rewritten, 4).unwrap();
        let found: Vec<_> =
            response.coordinators.iter().map(|at| (at.host.as_str(), at.port)).collect();
        assert_eq!((correlation_id, found), (7, vec![("127.0.0.1", 4), ("", -1)]));
    }
}
