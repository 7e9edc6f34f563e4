//! Calls that the upstream answers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::Instant;

use super::{Outcome, Session};
use crate::access_log::Line;
use crate::answer::{Answer, Payload};
use crate::dispatch::HEALTH;
use crate::envelope::{self, Call};
use crate::error::CallError;
use crate::layers;
use crate::tiers::Category;
use crate::upstream::{Ask, Passing, Reply, Trouble};

impl Session<'_> {
    /// Has the upstream answer a call. `logged` is what the log calls its method.
    pub(super) async fn pass_on(
        &self,
        logged: &'static str,
        call: &Call<'_>,
        in_pieces: bool,
    ) -> Result<Outcome, CallError> {
        // A call has a target there only where there is one.
        let Some(upstream) = &self.app.upstream else { return Err(CallError::UnknownMethod) };
        let ask = Ask {
            // Ours has aliases; nodes have none.
            method: if logged == HEALTH { HEALTH } else { &call.method },
            params: call.params,
            deadline: self.deadline,
            bytes_max: self.bytes_left()?,
            in_pieces,
        };
        match upstream.call(ask).await {
            Ok(Reply::Result(result)) => {
                self.spend(result.len());
                Ok(Outcome::Answer(Answer { result: Payload::from(result), rows: 0, db: Duration::ZERO }))
            }
            Ok(Reply::Passing(passing)) => Ok(Outcome::Passing(passing)),
            Ok(Reply::Error(error)) => Err(CallError::Upstream(error)),
            Err(Trouble::TooLarge) => Err(CallError::response_too_large()),
            Err(Trouble::Refused(StatusCode::PAYLOAD_TOO_LARGE)) => Err(CallError::request_too_large()),
            Err(Trouble::Refused(status)) => Err(CallError::RefusedUpstream(status)),
            Err(trouble) => Err(CallError::NoUpstream(trouble)),
        }
    }

    /// The answer to a single call that comes in pieces. Its line in the log is written when it is over.
    pub(super) fn stream(
        &self,
        passing: Passing,
        id: Option<&str>,
        (method, category): (&'static str, Category),
        start: Instant,
    ) -> Response {
        let (app, request_id) = (Arc::clone(self.app), Arc::clone(self.request_id));
        let (dialect, tier, key_id) = (self.dialect, self.caller.tier, self.caller.key_id.unwrap_or(0));
        let (before, behind) = envelope::around_result(id.unwrap_or("null"));
        let around = (Bytes::from_static(before), behind.into());
        let body = passing.into_body(self.encoding, around, move |ending, bytes| {
            let line = Line {
                request_id: &request_id,
                dialect,
                method,
                category,
                tier: app.tiers.name(tier),
                key_id,
                outcome: ending.name(),
                rows: 0,
                bytes,
                db: Duration::ZERO,
                total: start.elapsed(),
            };
            line.write();
        });
        let mut response =
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        layers::tell_encoding(&mut response, self.encoding, &self.app.settings.compression);
        response
    }
}
