//! The JSON-RPC server: doors, keys, limits, dialects, methods.
//!
//! A request's way, file by file: `server` (sockets), `layers` (what every request gets), `door` (which
//! provider's dialect, which credential), `envelope` (JSON-RPC), `auth` (who calls), `dispatch` (the method
//! table), `methods/*` (params to plan to answer) or `upstream` (methods that are not ours), `error` (every error
//! body there is).

mod access_log;
mod answer;
mod auth;
mod cursor;
mod dispatch;
mod door;
mod entry;
mod envelope;
mod error;
mod key;
mod layers;
mod limit;
mod methods;
mod pages;
mod params;
mod server;
mod settings;
mod tiers;
mod upstream;

pub use access_log::ACCESS_LOG;
pub use dispatch::{MethodInfo, methods};
pub use door::Dialect;
pub use key::ApiKey;
pub use pages::openrpc;
pub use server::{BindError, Server};
pub use settings::{
    AuthSettings, CompressionSettings, CorsSettings, ErrorStyle, HeliusSettings, HttpStatus, InfuraSettings,
    Limit, RpcSettings, ServerSettings, Settings, TierSettings, TriportSettings, UnknownList,
    UpstreamSettings,
};
pub use tiers::{TierError, Tiers};
