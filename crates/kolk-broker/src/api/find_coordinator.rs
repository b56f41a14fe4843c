//! FindCoordinator: the one broker coordinates everything.

use super::{Context, Handle};
use kolk_wire::ErrorCode;
use kolk_wire::message::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

/// From this version on a request names several keys (KIP-699).
const BATCHED_FROM: i16 = 4;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

impl Handle for FindCoordinatorRequest {
    /// Version 6 is for share groups (KIP-932), which are not served.
    const SERVED_MAX: i16 = 5;

    fn handle(self, context: &Context<'_>) -> Option<FindCoordinatorResponse> {
        let (host, port) = context.state.advertised();
        let known = matches!(self.key_type, GROUP | TRANSACTION);
        let found = |key: String| Coordinator {
            key,
            node_id: if known { context.state.config.node_id } else { -1 },
            host: if known { host.to_owned() } else { String::new() },
            port: if known { i32::from(port) } else { -1 },
            error_code: if known { ErrorCode::NONE } else { ErrorCode::INVALID_REQUEST },
            error_message: None,
        };
        if context.version >= BATCHED_FROM {
            let coordinators = self.coordinator_keys.into_iter().map(found).collect();
            return Some(FindCoordinatorResponse {
                coordinators,
                ..FindCoordinatorResponse::default()
            });
        }
        let Coordinator { node_id, host, port, error_code, .. } = found(self.key);
        Some(FindCoordinatorResponse {
            node_id,
            host,
            port,
            error_code,
            ..FindCoordinatorResponse::default()
        })
    }
}
