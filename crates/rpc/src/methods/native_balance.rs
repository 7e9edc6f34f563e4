//! `nativeBalance`: the lamports of an owner beside the owner's assets, as the upstream tells them.

use vitrine_model::Pubkey;

use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::CallError;
use crate::upstream::Upstream;

/// A page with the balance of this owner, if one is named: both are asked for at the same time. A page is worth more
/// than its balance: where the upstream does not tell it in time, the page comes without.
pub(super) async fn beside(
    context: &Context<'_>,
    owner: Option<Pubkey>,
    page: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, CallError> {
    let (Some(upstream), Some(owner)) = (&context.app.upstream, owner) else { return page.await };
    let told = Box::pin(lamports(upstream, owner));
    let (mut answer, lamports) = tokio::try_join!(page, async { Ok(told.await) })?;
    if let Some(lamports) = lamports {
        // No price is known here, and 0 says so: a client with types cannot do without the numbers (decision 18).
        let member =
            format!(r#","nativeBalance":{{"lamports":{lamports},"price_per_sol":0.0,"total_price":0.0}}"#);
        answer.result.extend_object(&member);
    }
    Ok(answer)
}

async fn lamports(upstream: &Upstream, owner: Pubkey) -> Option<u64> {
    match upstream.balance(&owner).await {
        Ok(lamports) => Some(lamports),
        Err(cause) => {
            tracing::warn!("a page shows no native balance: the upstream was asked, and {cause}");
            None
        }
    }
}
