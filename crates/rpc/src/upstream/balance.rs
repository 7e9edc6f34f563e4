//! An account's lamports, for `showNativeBalance`.

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use vitrine_model::Pubkey;

use super::{Ask, Reply, Trouble, Upstream};

/// More than any answer to `getBalance` has.
const BYTES_MAX: usize = 4 << 10;

/// The result of `getBalance`.
#[derive(Deserialize)]
struct Balance {
    /// Lamports.
    value: u64,
}

/// Why there is no balance.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBalance {
    /// No answer.
    #[error("{0}")]
    Trouble(#[from] Trouble),
    /// The upstream refused.
    #[error("it answered an error")]
    Refused,
}

impl Upstream {
    /// The lamports of an account, within `upstream.balance_timeout_ms`.
    pub(crate) async fn balance(&self, owner: &Pubkey) -> Result<u64, NoBalance> {
        let params = RawValue::from_string(format!(r#"["{owner}"]"#)).map_err(|_| NoBalance::Refused)?;
        let ask = Ask {
            method: "getBalance",
            params: Some(&params),
            deadline: Instant::now() + self.balance_timeout,
            bytes_max: BYTES_MAX,
            in_pieces: false,
        };
        match self.call(ask).await? {
            Reply::Result(result) => {
                let balance: Balance = serde_json::from_slice(&result).map_err(|_| Trouble::NoAnswer)?;
                Ok(balance.value)
            }
            Reply::Error(_) => Err(NoBalance::Refused),
            // Not asked for.
            Reply::Passing(_) => Err(Trouble::TooLarge.into()),
        }
    }
}
