//! `nativeBalance`: the lamports of an owner beside the owner's assets, as the upstream tells them.

use vitrine_model::Pubkey;

use crate::dispatch::Context;

/// The owner's lamports, if somebody is to be told of and the upstream says. A page is worth more than its balance:
/// without an answer in time there is none.
pub(super) async fn read(context: &Context<'_>, owner: Option<Pubkey>) -> Option<u64> {
    let (upstream, owner) = (context.app.upstream.as_ref()?, owner?);
    match upstream.balance(&owner).await {
        Ok(lamports) => Some(lamports),
        Err(cause) => {
            tracing::warn!("a page shows no native balance: the upstream was asked, and {cause}");
            None
        }
    }
}

/// The member of a list's result, with the comma before it. No price is known here, and 0 says so: clients with
/// types of their own cannot do without the numbers (decision 18).
pub(super) fn member(lamports: u64) -> String {
    format!(r#","nativeBalance":{{"lamports":{lamports},"price_per_sol":0.0,"total_price":0.0}}"#)
}
