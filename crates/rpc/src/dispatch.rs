//! The method table, who answers what is not in it, and the gate before each call: tier, then rate.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::LazyLock;

use serde_json::value::RawValue;
use vitrine_encoding::Encoding;

use crate::answer::Answer;
use crate::auth::Caller;
use crate::door::Dialect;
use crate::error::{CallError, RateLimited, TierTooLow};
use crate::limit::{Allowance, Now};
use crate::methods::{
    discover, get_asset, get_asset_changes, get_asset_proof, get_asset_proofs, get_asset_signatures,
    get_assets, get_assets_by_authority, get_assets_by_creator, get_assets_by_group, get_assets_by_owner,
    get_grouping, get_health, get_nft_editions, get_token_accounts, search_assets,
};
use crate::server::App;
use crate::tiers::Category;
use crate::upstream;

/// Who answers a call.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// A method of ours.
    Own(&'static Method),
    /// The upstream, with what the log calls the method.
    Upstream(Category, &'static str),
}

/// A method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    aliases: &'static [&'static str],
    pub(crate) category: Category,
    pub(crate) run: Run,
}

type Run = for<'a> fn(Context<'a>) -> Pin<Box<dyn Future<Output = Result<Answer, CallError>> + Send + 'a>>;

/// What a method is called with. That there is a caller is proven by [`Target::admit`].
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    /// For lines of the log.
    pub(crate) request_id: &'a str,
    pub(crate) dialect: Dialect,
    /// What the answer will be sent in.
    pub(crate) encoding: Encoding,
    pub(crate) params: Option<&'a RawValue>,
    /// The most bytes that the answer may have.
    pub(crate) bytes_max: usize,
}

/// A method's names, for documents and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// The name in documents.
    pub name: &'static str,
    /// Other names that are served.
    pub aliases: &'static [&'static str],
    /// The category that its calls count in.
    pub category: &'static str,
}

/// The one method of the table that an upstream answers, where there is one.
pub(crate) const HEALTH: &str = "getHealth";

/// Every method there is.
static METHODS: [Method; 17] = [
    Method {
        name: "getAsset",
        aliases: &["get_asset"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset::call(context)),
    },
    Method {
        name: "getAssets",
        aliases: &["get_assets", "getAssetBatch", "get_asset_batch"],
        category: Category::SolDas,
        run: |context| Box::pin(get_assets::call(context)),
    },
    Method {
        name: "getAssetProof",
        aliases: &["get_asset_proof"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset_proof::call(context)),
    },
    Method {
        name: "getAssetProofs",
        aliases: &["get_asset_proofs", "getAssetProofBatch", "get_asset_proof_batch"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset_proofs::call(context)),
    },
    Method {
        name: "getAssetsByOwner",
        aliases: &["get_assets_by_owner"],
        category: Category::SolDas,
        run: |context| Box::pin(get_assets_by_owner::call(context)),
    },
    Method {
        name: "getAssetsByGroup",
        aliases: &["get_assets_by_group"],
        category: Category::SolDas,
        run: |context| Box::pin(get_assets_by_group::call(context)),
    },
    Method {
        name: "getAssetsByCreator",
        aliases: &["get_assets_by_creator"],
        category: Category::SolDas,
        run: |context| Box::pin(get_assets_by_creator::call(context)),
    },
    Method {
        name: "getAssetsByAuthority",
        aliases: &["get_assets_by_authority"],
        category: Category::SolDas,
        run: |context| Box::pin(get_assets_by_authority::call(context)),
    },
    Method {
        name: "searchAssets",
        aliases: &["search_assets"],
        category: Category::SolDas,
        run: |context| Box::pin(search_assets::call(context)),
    },
    Method {
        name: "getGrouping",
        aliases: &["get_grouping"],
        category: Category::SolDas,
        run: |context| Box::pin(get_grouping::call(context)),
    },
    Method {
        name: "getAssetSignatures",
        aliases: &["get_asset_signatures", "getSignaturesForAsset", "get_signatures_for_asset"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset_signatures::call(context)),
    },
    Method {
        name: "getAssetSignaturesV2",
        aliases: &["get_asset_signatures_v2", "getSignaturesForAssetV2", "get_signatures_for_asset_v2"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset_signatures::call_v2(context)),
    },
    Method {
        name: "getTokenAccounts",
        aliases: &["get_token_accounts"],
        category: Category::SolDas,
        run: |context| Box::pin(get_token_accounts::call(context)),
    },
    Method {
        name: "getNftEditions",
        aliases: &["get_nft_editions"],
        category: Category::SolDas,
        run: |context| Box::pin(get_nft_editions::call(context)),
    },
    Method {
        name: "getAssetChanges",
        aliases: &["get_asset_changes"],
        category: Category::SolDas,
        run: |context| Box::pin(get_asset_changes::call(context)),
    },
    Method {
        name: HEALTH,
        aliases: &["get_health"],
        category: Category::SolDas,
        run: |context| Box::pin(get_health::call(context)),
    },
    Method {
        name: "rpc.discover",
        aliases: &[],
        category: Category::SolDas,
        run: |context| Box::pin(discover::call(context)),
    },
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Method>> = LazyLock::new(|| {
    METHODS
        .iter()
        .flat_map(|method| method.aliases.iter().chain([&method.name]).map(move |name| (*name, method)))
        .collect()
});

/// The method table, without the functions.
pub fn methods() -> impl Iterator<Item = MethodInfo> {
    METHODS.iter().map(|method| MethodInfo {
        name: method.name,
        aliases: method.aliases,
        category: method.category.name(),
    })
}

/// Who answers a method of this name or alias. Without an upstream, others than ours are unknown.
pub(crate) fn find(name: &str, has_upstream: bool) -> Option<Target> {
    let own = BY_NAME.get(name).copied();
    match own {
        // The health that is asked for is the node's, where there is one.
        Some(method) if !(has_upstream && method.name == HEALTH) => Some(Target::Own(method)),
        None if !has_upstream => None,
        _ => {
            let name = own.map_or(name, |method| method.name);
            Some(Target::Upstream(upstream::category(name), upstream::logged(name)))
        }
    }
}

impl Target {
    /// The category that the call counts in.
    pub(crate) fn category(self) -> Category {
        match self {
            Self::Own(method) => method.category,
            Self::Upstream(category, _) => category,
        }
    }

    /// What the log calls the method.
    pub(crate) fn logged(self) -> &'static str {
        match self {
            Self::Own(method) => method.name,
            Self::Upstream(_, logged) => logged,
        }
    }

    /// Lets a caller in, or says why not. One call is taken out of the caller's bucket. `name` is what the caller
    /// called the method.
    pub(crate) fn admit(
        self,
        name: &str,
        app: &App,
        caller: &Caller,
        now: Now,
    ) -> (Result<(), CallError>, Option<Allowance>) {
        let category = self.category();
        let required = app.tiers.required(category);
        if caller.tier < required {
            let method = match self {
                Self::Own(method) => method.name,
                Self::Upstream(..) => name,
            };
            let refused = TierTooLow {
                method: method.to_owned(),
                category: category.name(),
                current_tier: app.tiers.name(caller.tier).to_owned(),
                required_tier: app.tiers.name(required).to_owned(),
            };
            return (Err(CallError::TierTooLow(refused)), caller.bucket(category).peek(now));
        }
        take(app, caller, category, now)
    }
}

/// Takes one call out of a caller's bucket.
pub(crate) fn take(
    app: &App,
    caller: &Caller,
    category: Category,
    now: Now,
) -> (Result<(), CallError>, Option<Allowance>) {
    match caller.bucket(category).take(now) {
        Ok(allowance) => (Ok(()), allowance),
        Err(refusal) => {
            let tier = app.tiers.name(caller.tier).to_owned();
            let limited = RateLimited { category: category.name(), tier, refusal };
            (Err(CallError::RateLimited(limited)), Some(refusal.allowance))
        }
    }
}
