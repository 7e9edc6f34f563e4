//! Names of methods that are passed on: their category, and what the log calls them.

use crate::tiers::Category;

/// What the log calls a method that is none of [`KNOWN`], whatever it was called: nobody can write into the log.
const OTHER: &str = "other";

/// Methods of Solana's nodes, and those that providers add and clients use.
const KNOWN: [&str; 66] = [
    "getAccountInfo",
    "getBalance",
    "getBlock",
    "getBlockCommitment",
    "getBlockHeight",
    "getBlockProduction",
    "getBlockTime",
    "getBlocks",
    "getBlocksWithLimit",
    "getClusterNodes",
    "getConfirmedBlock",
    "getConfirmedSignaturesForAddress2",
    "getConfirmedTransaction",
    "getEpochInfo",
    "getEpochSchedule",
    "getFeeForMessage",
    "getFirstAvailableBlock",
    "getGenesisHash",
    "getHealth",
    "getHighestSnapshotSlot",
    "getIdentity",
    "getInflationGovernor",
    "getInflationRate",
    "getInflationReward",
    "getLargestAccounts",
    "getLatestBlockhash",
    "getLeaderSchedule",
    "getMaxRetransmitSlot",
    "getMaxShredInsertSlot",
    "getMinimumBalanceForRentExemption",
    "getMultipleAccounts",
    "getPriorityFeeEstimate",
    "getProgramAccounts",
    "getProgramAccountsV2",
    "getRecentBlockhash",
    "getRecentPerformanceSamples",
    "getRecentPrioritizationFees",
    "getSignatureStatuses",
    "getSignaturesForAddress",
    "getSlot",
    "getSlotLeader",
    "getSlotLeaders",
    "getStakeActivation",
    "getStakeMinimumDelegation",
    "getSupply",
    "getTokenAccountBalance",
    "getTokenAccountsByDelegate",
    "getTokenAccountsByOwner",
    "getTokenAccountsByOwnerV2",
    "getTokenLargestAccounts",
    "getTokenSupply",
    "getTransaction",
    "getTransactionCount",
    "getTransactionsForAddress",
    "getVersion",
    "getVoteAccounts",
    "getBundleStatuses",
    "getInflightBundleStatuses",
    "getTipAccounts",
    "isBlockhashValid",
    "minimumLedgerSlot",
    "requestAirdrop",
    "sendBundle",
    "sendTransaction",
    "simulateBundle",
    "simulateTransaction",
];

/// The category that a method counts in. Whatever sends, sends transactions; to simulate one is to read.
pub(crate) fn category(method: &str) -> Category {
    if method.starts_with("send") || method == "requestAirdrop" {
        Category::SolSendTx
    } else {
        Category::SolReadRpc
    }
}

/// What the log calls a method.
pub(crate) fn logged(method: &str) -> &'static str {
    KNOWN.iter().find(|known| **known == method).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sends_is_a_category_of_its_own() {
        for method in ["sendTransaction", "sendBundle", "sendRawTransaction", "requestAirdrop"] {
            assert_eq!(category(method), Category::SolSendTx, "{method}");
        }
        for method in
            ["getBalance", "simulateTransaction", "simulateBundle", "getHealth", "accountSubscribe", ""]
        {
            assert_eq!(category(method), Category::SolReadRpc, "{method}");
        }
    }

    #[test]
    fn names_are_logged_where_they_are_known() {
        assert_eq!(logged("getBalance"), "getBalance");
        assert_eq!(logged("getBalance\n"), OTHER);
        assert!(KNOWN.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
