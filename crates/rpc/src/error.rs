//! The one table of errors: what happened, in which dialect, is which status, code, message and data.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jsonrpsee_types::error::{
    ErrorObjectOwned, INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, INVALID_REQUEST_CODE, METHOD_NOT_FOUND_CODE,
    PARSE_ERROR_CODE,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use vitrine_model::{ListKind, Pubkey};
use vitrine_store::StoreError;

use crate::answer::Payload;
use crate::auth::Refused;
use crate::door::Dialect;
use crate::envelope;
use crate::limit::Refusal;
use crate::settings::{ErrorStyle, HttpStatus, Settings};
use crate::upstream::Trouble;

/// After how many seconds a client may ask again when the database is away.
const RETRY_AFTER_SECONDS: u64 = 1;

const CROWDED: &str = "Search Error. Too many searches are under way to which no short list leads: try again, or add one of \
    ownerAddress, grouping, collections, creatorAddress, authorityAddress, tree or delegate.";

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The body is not JSON.
    NotJson,
    /// The body, or a batch's entry, is no request.
    NotARequest,
    /// The caller's parameters are wrong.
    InvalidParams(InvalidParams),
    /// There is no such method.
    UnknownMethod,
    /// The caller's tier is too low.
    TierTooLow(TierTooLow),
    /// The caller has called too often.
    RateLimited(RateLimited),
    /// A list that never had an asset.
    UnknownList(ListKind),
    /// There is no such asset.
    UnknownAsset,
    /// There is no proof of such an asset: it is no leaf of a tree, or its leaf is empty.
    UnknownProof(Pubkey),
    /// The mint has no master edition.
    UnknownEditions,
    /// The database is away, or the call ran out of time.
    Unavailable(Option<StoreError>),
    /// The upstream gave no answer.
    NoUpstream(Trouble),
    /// The upstream refused the call with a status of HTTP alone, and would again.
    RefusedUpstream(StatusCode),
    /// What the upstream answered: an error object, which is passed on as it is.
    Upstream(Box<RawValue>),
    /// A fault of ours. The text is for the log.
    Internal(anyhow::Error),
}

/// Which parameter is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidParams {
    /// The parameter's name; nested ones as `sortBy.sortDirection`.
    pub(crate) field: String,
    /// A sentence that names the bound.
    pub(crate) reason: String,
    /// Whether the shape is right and a rule is broken: the observed servers tell these apart.
    pub(crate) rule: bool,
}

/// What a caller lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TierTooLow {
    pub(crate) method: String,
    pub(crate) category: &'static str,
    pub(crate) current_tier: String,
    pub(crate) required_tier: String,
}

/// What a caller has used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimited {
    pub(crate) category: &'static str,
    pub(crate) tier: String,
    pub(crate) refusal: Refusal,
}

/// An error as it goes over the wire.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) status: StatusCode,
    /// The error object's JSON text.
    pub(crate) object: String,
    /// Whole seconds, on every 429 and 503.
    pub(crate) retry_after_seconds: Option<u64>,
}

impl From<StoreError> for CallError {
    /// What `?` makes of the store's errors is never the caller's fault.
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Unavailable(Some(error)) } else { Self::Internal(error.into()) }
    }
}

impl InvalidParams {
    /// A parameter that is missing or of the wrong type.
    pub(crate) fn shape(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into(), rule: false }
    }

    /// A parameter that breaks a rule.
    pub(crate) fn rule(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into(), rule: true }
    }
}

impl From<InvalidParams> for CallError {
    fn from(invalid: InvalidParams) -> Self {
        Self::InvalidParams(invalid)
    }
}

impl CallError {
    /// An answer over the cap: for the caller to ask for less.
    pub(crate) fn response_too_large() -> Self {
        Self::InvalidParams(InvalidParams::rule("limit", "Response too large, lower the limit"))
    }

    /// A call that the upstream refuses for its length.
    pub(crate) fn request_too_large() -> Self {
        Self::InvalidParams(InvalidParams::rule("params", "Request too large for the upstream node"))
    }

    /// The kind, in a word, for logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotARequest => "not_a_request",
            Self::InvalidParams(_) => "invalid_params",
            Self::UnknownMethod => "unknown_method",
            Self::TierTooLow(_) => "tier_too_low",
            Self::RateLimited(_) => "rate_limited",
            Self::UnknownList(_) => "unknown_list",
            Self::UnknownAsset => "unknown_asset",
            Self::UnknownProof(_) => "unknown_proof",
            Self::UnknownEditions => "unknown_editions",
            Self::Unavailable(_) => "unavailable",
            Self::NoUpstream(_) => "no_upstream",
            Self::Upstream(_) | Self::RefusedUpstream(_) => "upstream_error",
            Self::Internal(_) => "internal",
        }
    }

    /// The error in a dialect.
    pub(crate) fn wire(&self, dialect: Dialect, settings: &Settings) -> Wire {
        let wire = match dialect {
            Dialect::Helius => helius(self, settings),
            Dialect::Infura => infura(self, settings),
            Dialect::Triport => triport(self, settings),
        };
        Wire { retry_after_seconds: self.retry_after_seconds(), ..wire }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited(limited) => Some(limited.refusal.retry_after_seconds),
            Self::NoUpstream(trouble) => Some(trouble.retry_after_seconds().unwrap_or(RETRY_AFTER_SECONDS)),
            Self::Unavailable(_) => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

fn wire(status: StatusCode, code: i32, message: impl Into<String>, data: Option<Value>) -> Wire {
    let object = ErrorObjectOwned::owned(code, message, data);
    let object = serde_json::to_string(&object).expect("an error object has only text keys");
    Wire { status, object, retry_after_seconds: None }
}

/// An error in the upstream's own words: the same in every dialect.
fn passed_on(error: &RawValue) -> Wire {
    Wire { status: StatusCode::OK, object: error.get().to_owned(), retry_after_seconds: None }
}

fn helius(error: &CallError, settings: &Settings) -> Wire {
    let observed = settings.helius.errors == ErrorStyle::Observed;
    let mut wire = match error {
        CallError::NotJson => wire(StatusCode::BAD_REQUEST, PARSE_ERROR_CODE, "Parse error", None),
        CallError::NotARequest => {
            wire(StatusCode::BAD_REQUEST, INVALID_REQUEST_CODE, "Invalid request", None)
        }
        CallError::InvalidParams(InvalidParams { reason, rule, .. }) if observed => {
            wire(StatusCode::BAD_REQUEST, if *rule { -32000 } else { INVALID_PARAMS_CODE }, reason, None)
        }
        CallError::InvalidParams(InvalidParams { field, reason, .. }) => wire(
            StatusCode::BAD_REQUEST,
            INVALID_PARAMS_CODE,
            "Invalid request parameters.",
            Some(json!({ "field": field, "reason": reason })),
        ),
        CallError::UnknownMethod => wire(StatusCode::OK, METHOD_NOT_FOUND_CODE, "Method not found", None),
        CallError::TierTooLow(_) => {
            wire(StatusCode::FORBIDDEN, -32003, "You do not have permission to access this resource.", None)
        }
        CallError::RateLimited(_) if observed => {
            wire(StatusCode::TOO_MANY_REQUESTS, -32429, "rate limited", None)
        }
        CallError::RateLimited(_) => {
            wire(StatusCode::TOO_MANY_REQUESTS, -32029, "Rate limit exceeded. Please try again later.", None)
        }
        CallError::UnknownList(kind) => {
            let list = match kind {
                ListKind::Group => "group",
                ListKind::Authority => "authority",
                ListKind::Creator => "creator",
                _ => "owner",
            };
            wire(StatusCode::NOT_FOUND, -32004, format!("No assets found for the specified {list}."), None)
        }
        CallError::UnknownAsset | CallError::UnknownProof(_) | CallError::UnknownEditions => {
            let (code, message) =
                if observed { (-32000, not_found(error)) } else { (-32004, documented(error).to_owned()) };
            wire(StatusCode::NOT_FOUND, code, message, None)
        }
        CallError::Unavailable(_) | CallError::NoUpstream(_) => {
            let message = "The service is temporarily unavailable.";
            wire(StatusCode::SERVICE_UNAVAILABLE, -32000, message, crowded(error))
        }
        CallError::Upstream(error) => passed_on(error),
        CallError::Internal(_) | CallError::RefusedUpstream(_) => wire(
            StatusCode::INTERNAL_SERVER_ERROR,
            -32000,
            "An unexpected error occurred on the server.",
            None,
        ),
    };
    if settings.helius.http_status == HttpStatus::Always200 && wire.status != StatusCode::TOO_MANY_REQUESTS {
        wire.status = StatusCode::OK;
    }
    wire
}

fn infura(error: &CallError, settings: &Settings) -> Wire {
    match error {
        CallError::TierTooLow(_) => {
            wire(StatusCode::FORBIDDEN, -32002, "rejected due to project ID settings", None)
        }
        CallError::RateLimited(RateLimited { refusal, .. }) => {
            let mut data = Map::new();
            if !settings.infura.see_url.is_empty() {
                data.insert("see".to_owned(), json!(settings.infura.see_url));
            }
            data.insert("current_rps".to_owned(), json!(refusal.current_rps));
            data.insert("allowed_rps".to_owned(), json!(refusal.allowance.limit));
            data.insert("backoff_seconds".to_owned(), json!(refusal.retry_after_seconds));
            wire(
                StatusCode::TOO_MANY_REQUESTS,
                -32005,
                "project ID request rate exceeded",
                Some(Value::Object(data)),
            )
        }
        CallError::InvalidParams(InvalidParams { reason, .. }) => {
            wire(StatusCode::OK, INVALID_PARAMS_CODE, reason, None)
        }
        CallError::UnknownMethod => wire(StatusCode::OK, METHOD_NOT_FOUND_CODE, "Method not found", None),
        CallError::Internal(_) | CallError::RefusedUpstream(_) => {
            wire(StatusCode::OK, INTERNAL_ERROR_CODE, "Internal error", None)
        }
        other => common(other),
    }
}

fn triport(error: &CallError, settings: &Settings) -> Wire {
    match error {
        CallError::TierTooLow(TierTooLow { method, category, current_tier, required_tier }) => {
            let mut data = json!({
                "current_tier": current_tier, "required_tier": required_tier, "method": method, "category": category,
            });
            if !settings.rpc.upgrade_url.is_empty() {
                data["upgrade_url"] = json!(settings.rpc.upgrade_url);
            }
            let message = format!("Method '{method}' requires {required_tier} tier or higher");
            wire(StatusCode::FORBIDDEN, -32002, message, Some(data))
        }
        CallError::RateLimited(RateLimited { category, tier, refusal }) => wire(
            StatusCode::TOO_MANY_REQUESTS,
            -32003,
            "rate_limited",
            Some(json!({
                "category": category, "tier": tier, "limit": refusal.allowance.limit,
                "retry_after": refusal.retry_after_seconds,
            })),
        ),
        CallError::InvalidParams(InvalidParams { field, reason, .. }) => {
            wire(StatusCode::OK, INVALID_PARAMS_CODE, reason, Some(json!({ "field": field })))
        }
        CallError::UnknownMethod => {
            wire(StatusCode::FORBIDDEN, METHOD_NOT_FOUND_CODE, "method_unknown", None)
        }
        CallError::Internal(_) | CallError::RefusedUpstream(_) => {
            wire(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL_ERROR_CODE, "Internal error", None)
        }
        other => common(other),
    }
}

/// What Infura and Triport answer alike.
fn common(error: &CallError) -> Wire {
    match error {
        CallError::NotJson => wire(StatusCode::OK, PARSE_ERROR_CODE, "Parse error", None),
        CallError::NotARequest => wire(StatusCode::OK, INVALID_REQUEST_CODE, "Invalid request", None),
        CallError::UnknownAsset | CallError::UnknownProof(_) | CallError::UnknownEditions => {
            wire(StatusCode::OK, -32000, not_found(error), None)
        }
        CallError::Unavailable(_) | CallError::NoUpstream(_) => {
            wire(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR_CODE, "Service unavailable", crowded(error))
        }
        CallError::Upstream(error) => passed_on(error),
        // The other cases have rows of their own in each dialect.
        _ => wire(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL_ERROR_CODE, "Internal error", None),
    }
}

/// What a caller can do about a call that had no turn.
fn crowded(error: &CallError) -> Option<Value> {
    let crowded = matches!(error, CallError::Unavailable(Some(StoreError::Crowded)));
    crowded.then(|| json!({ "reason": CROWDED }))
}

/// What Helius documents of what is not there, by method.
fn documented(error: &CallError) -> &'static str {
    match error {
        CallError::UnknownProof(_) => "Asset proof not found for the specified ID.",
        CallError::UnknownEditions => "No NFT editions found for the specified mint address.",
        _ => "The requested asset was not found.",
    }
}

/// What servers of the reference's kind say of it: clients match on it.
fn not_found(error: &CallError) -> String {
    let what = match error {
        CallError::UnknownProof(id) => format!("Asset Proof for {id} Not Found"),
        CallError::UnknownEditions => "Master Edition Not Found".to_owned(),
        _ => "Asset Not Found".to_owned(),
    };
    format!("Database Error: RecordNotFound Error: {what}")
}

/// The answer to a request without a good key.
pub(crate) fn refused(
    refused: &Refused,
    dialect: Dialect,
    id: Option<&str>,
    request_id: &str,
    settings: &Settings,
) -> Response {
    if let Refused::Unavailable(_) = refused {
        return single(&CallError::Unavailable(None), dialect, id, settings);
    }
    match dialect {
        Dialect::Helius => {
            let (code, message) = match settings.helius.errors {
                ErrorStyle::Documented => (-32001, "Authentication failed. Missing or invalid API key."),
                ErrorStyle::Observed => (-32401, "invalid api key provided"),
            };
            let wire = wire(StatusCode::UNAUTHORIZED, code, message, None);
            respond(&wire, id)
        }
        Dialect::Infura => {
            let text = match refused {
                Refused::Missing => "project id required in the URL\n",
                _ => "invalid project id\n",
            };
            let challenge = HeaderValue::from_static(r#"Basic realm="Auth failure, invalid project id""#);
            let mut response =
                (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "text/plain")], text).into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Dialect::Triport => {
            let (error, message) = match refused {
                Refused::Expired => ("trial_expired", "The key's time is over"),
                Refused::Missing => ("unauthorized", "An API key is required"),
                _ => ("unauthorized", "The API key is not valid"),
            };
            let body = json!({ "error": error, "message": message, "request_id": request_id });
            let mut response = json_response(StatusCode::UNAUTHORIZED, body.to_string().into());
            let challenge = format!("Bearer realm=\"{}\"", settings.triport.realm);
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

/// The answer to a single request that failed.
pub(crate) fn single(error: &CallError, dialect: Dialect, id: Option<&str>, settings: &Settings) -> Response {
    respond(&error.wire(dialect, settings), id)
}

/// An answer that is an error of HTTP rather than of JSON-RPC, with a body all the same.
pub(crate) fn http(status: StatusCode, message: &str) -> Response {
    let code = if status.is_server_error() { INTERNAL_ERROR_CODE } else { INVALID_REQUEST_CODE };
    respond(&wire(status, code, message, None), None)
}

/// JSON with a status.
pub(crate) fn json_response(status: StatusCode, body: Payload) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `Retry-After`, where the error has one.
pub(crate) fn retry_after(response: &mut Response, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn respond(wire: &Wire, id: Option<&str>) -> Response {
    let mut response = json_response(wire.status, envelope::failure(&wire.object, id));
    retry_after(&mut response, wire.retry_after_seconds);
    response
}
