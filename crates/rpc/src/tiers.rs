//! Tiers and categories of methods: who may call what, how often.

use std::collections::BTreeMap;
use std::fmt;

use crate::settings::{Limit, TierSettings};

/// A category of methods: what a tier opens, and what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::enum_variant_names, reason = "the names of tiers.toml")]
pub(crate) enum Category {
    /// The Digital Asset Standard.
    SolDas,
    /// What is passed on to the upstream node, but for transactions.
    SolReadRpc,
    /// Transactions, which are passed on too.
    SolSendTx,
}

/// Every category, by its name in `tiers.toml`, in the order of [`Category`].
const CATEGORY_NAMES: [&str; Category::COUNT] = ["sol_das", "sol_read_rpc", "sol_send_tx"];

/// The highest sustained rate: a call is worth a whole number of nanoseconds, and more than a few.
const RATE_MAX: u32 = 1_000_000;

/// A tier, by its rank: a greater one may do all that a lesser one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tier(usize);

/// What is wrong with `tiers.toml`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TierError {
    /// There is no tier.
    #[error("order: at least one tier is needed")]
    NoTiers,
    /// A tier stands twice in `order`.
    #[error("order: {0} stands there twice")]
    Twice(String),
    /// A tier has no limits.
    #[error("limits.{0}: missing, but {0} stands in order")]
    NoLimits(String),
    /// A tier lacks the limit of a category.
    #[error("limits.{tier}.{category}: missing: a whole number from 1 on, or \"unlimited\"")]
    NoLimit {
        /// The tier.
        tier: String,
        /// The category.
        category: &'static str,
    },
    /// A limit is beyond what can be counted.
    #[error("limits.{tier}.{category}: at most {RATE_MAX} a second, or \"unlimited\"")]
    TooFast {
        /// The tier.
        tier: String,
        /// The category.
        category: String,
    },
    /// A name that is no tier of `order`.
    #[error("{place}: there is no tier {tier} in order")]
    UnknownTier {
        /// Where it stands.
        place: String,
        /// What stands there.
        tier: String,
    },
    /// A name that is no category.
    #[error("{place}: there is no category {category}; there are sol_das, sol_read_rpc, sol_send_tx")]
    UnknownCategory {
        /// Where it stands.
        place: String,
        /// What stands there.
        category: String,
    },
    /// A category has no least tier.
    #[error("required.{0}: missing: the least tier that may call it")]
    NoRequired(&'static str),
}

/// The tiers of this server.
#[derive(Debug, Clone)]
pub struct Tiers {
    names: Vec<String>,
    /// By category.
    required: [Tier; Category::COUNT],
    /// By tier and category.
    limits: Vec<[Limit; Category::COUNT]>,
}

impl Tiers {
    /// Checks that every tier and category is there, and no other.
    pub fn new(settings: TierSettings) -> Result<Self, TierError> {
        let TierSettings { order: names, required, limits } = settings;
        if names.is_empty() {
            return Err(TierError::NoTiers);
        }
        for (place, name) in names.iter().enumerate() {
            if names[..place].contains(name) {
                return Err(TierError::Twice(name.clone()));
            }
            let of_tier = limits.get(name).ok_or_else(|| TierError::NoLimits(name.clone()))?;
            check_categories(&format!("limits.{name}"), of_tier)?;
            for (category, limit) in of_tier {
                if matches!(limit, Limit::PerSecond(rate) if rate.get() > RATE_MAX) {
                    return Err(TierError::TooFast { tier: name.clone(), category: category.clone() });
                }
            }
            for category in CATEGORY_NAMES {
                if !of_tier.contains_key(category) {
                    return Err(TierError::NoLimit { tier: name.clone(), category });
                }
            }
        }
        if let Some(tier) = limits.keys().find(|tier| !names.contains(tier)) {
            return Err(TierError::UnknownTier { place: format!("limits.{tier}"), tier: tier.clone() });
        }
        check_categories("required", &required)?;
        let mut ranks = [Self::least(); Category::COUNT];
        for (rank, category) in ranks.iter_mut().zip(CATEGORY_NAMES) {
            let tier = required.get(category).ok_or(TierError::NoRequired(category))?;
            let found = names.iter().position(|name| name == tier).ok_or_else(|| TierError::UnknownTier {
                place: format!("required.{category}"),
                tier: tier.clone(),
            })?;
            *rank = Tier(found);
        }
        let limits = names.iter().map(|name| CATEGORY_NAMES.map(|category| limits[name][category])).collect();
        Ok(Self { names, required: ranks, limits })
    }

    /// The names of the tiers, from the least to the most.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The tier of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Tier> {
        self.names.iter().position(|candidate| candidate == name).map(Tier)
    }

    /// The least tier.
    pub(crate) fn least() -> Tier {
        Tier(0)
    }

    /// The name of a tier.
    pub(crate) fn name(&self, tier: Tier) -> &str {
        &self.names[tier.0]
    }

    /// The least tier that may call a category.
    pub(crate) fn required(&self, category: Category) -> Tier {
        self.required[category.index()]
    }

    /// How often a tier may call a category.
    pub(crate) fn limit(&self, tier: Tier, category: Category) -> Limit {
        self.limits[tier.0][category.index()]
    }
}

impl Category {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;

    /// All of them, each at its index.
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::SolDas, Self::SolReadRpc, Self::SolSendTx];

    /// The place in arrays that hold something for each category.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::SolDas => 0,
            Self::SolReadRpc => 1,
            Self::SolSendTx => 2,
        }
    }

    /// The category's name in `tiers.toml` and in answers.
    pub(crate) fn name(self) -> &'static str {
        CATEGORY_NAMES[self.index()]
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn check_categories<T>(place: &str, by_category: &BTreeMap<String, T>) -> Result<(), TierError> {
    match by_category.keys().find(|category| !CATEGORY_NAMES.contains(&category.as_str())) {
        Some(category) => {
            Err(TierError::UnknownCategory { place: place.to_owned(), category: category.clone() })
        }
        None => Ok(()),
    }
}
