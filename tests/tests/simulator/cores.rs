//! What happens to assets, collections and groups of MPL Core.

use rand::Rng as _;
use vitrine_model::Pubkey;
use vitrine_tests::accounts::{CoreAsset, CoreAuthority, CoreCollection};

use crate::history::Maker;
use crate::layouts::{AGENT_IDENTITY, Plugin, agent, with_plugins};

/// What there is of MPL Core.
#[derive(Default)]
pub(crate) struct Core {
    assets: Vec<Asset>,
    collections: Vec<(Pubkey, CoreCollection, Vec<Plugin>)>,
}

struct Asset {
    address: Pubkey,
    account: CoreAsset,
    plugins: Vec<Plugin>,
    /// The account that makes it an agent.
    identity: Option<Pubkey>,
}

impl Core {
    pub(crate) fn collections(&self) -> impl Iterator<Item = Pubkey> {
        self.collections.iter().map(|(address, ..)| *address)
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Pubkey> {
        self.collections().chain(self.assets.iter().map(|asset| asset.address))
    }
}

impl Maker {
    pub(crate) fn core_collection(&mut self) {
        if self.core.collections.is_empty() || self.random.random_ratio(1, 3) {
            let (address, authority, uri) = (self.key(), self.person(), self.uri());
            let name = format!("Collection {}", self.core.collections.len());
            let collection = CoreCollection { authority, name, uri, minted: 0, size: 0 };
            let plugins = self.plugins();
            self.account(address, CoreAsset::PROGRAM, Some(with_plugins(collection.data(), &plugins)));
            return self.core.collections.push((address, collection, plugins));
        }
        let at = self.random.random_range(0..self.core.collections.len());
        let (authority, size, new) = (self.person(), self.random.random_range(0..9), self.plugins());
        let keeps = self.random.random::<bool>();
        let (address, collection, plugins) = &mut self.core.collections[at];
        // Who makes an asset in it changes the counts alone.
        (collection.size, collection.minted) = (size, size);
        if !keeps {
            (collection.authority, *plugins) = (authority, new);
        }
        let (address, data) = (*address, with_plugins(collection.data(), plugins));
        // One that is closed leaves one byte behind.
        let data = if self.random.random_ratio(1, 6) {
            self.core.collections.swap_remove(at);
            vec![0]
        } else {
            data
        };
        self.account(address, CoreAsset::PROGRAM, Some(data));
    }

    pub(crate) fn core_asset(&mut self) {
        if self.core.assets.is_empty() || self.random.random_ratio(1, 3) {
            let (address, owner, uri) = (self.key(), self.person(), self.uri());
            let (authority, plugins) = (self.core_authority(), self.plugins());
            let name = format!("Core {}", self.core.assets.len());
            let account = CoreAsset { owner, authority, name, uri };
            self.core.assets.push(Asset { address, account, plugins, identity: None });
            return self.tell_core(self.core.assets.len() - 1);
        }
        let at = self.random.random_range(0..self.core.assets.len());
        match self.random.random_range(0..9) {
            0..3 => self.core.assets[at].account.owner = self.person(),
            3..5 => self.core.assets[at].account.authority = self.core_authority(),
            5 => self.core.assets[at].account.uri = self.uri(),
            6 => self.core.assets[at].plugins = self.plugins(),
            7 => return self.identify(at),
            _ => {
                let address = self.core.assets.swap_remove(at).address;
                let left = self.random.random::<bool>().then(|| vec![0]);
                return self.account(address, CoreAsset::PROGRAM, left);
            }
        }
        self.tell_core(at);
    }

    /// An asset becomes an agent, gets a token, or is an agent no more.
    fn identify(&mut self, at: usize) {
        let (new, token) = (self.key(), self.person());
        let address = *self.core.assets[at].identity.get_or_insert(new);
        let identity = agent(self.core.assets[at].address, self.random.random::<bool>().then_some(token));
        let data = (!self.random.random_ratio(1, 4)).then_some(identity);
        self.account(address, AGENT_IDENTITY, data);
    }

    fn core_authority(&mut self) -> CoreAuthority {
        match self.random.random_range(0..5) {
            0 => CoreAuthority::None,
            1 => CoreAuthority::Address(self.person()),
            // One that nobody has told of yet, or ever will.
            _ if self.core.collections.is_empty() => CoreAuthority::Collection(self.collections[0]),
            _ => {
                let at = self.random.random_range(0..self.core.collections.len());
                CoreAuthority::Collection(self.core.collections[at].0)
            }
        }
    }

    fn plugins(&mut self) -> Vec<Plugin> {
        let mut plugins = Vec::new();
        if self.random.random_ratio(1, 4) {
            plugins.push(Plugin::Royalties(self.random.random_range(0..1_000), self.person()));
        }
        if self.random.random_ratio(1, 4) {
            plugins.push(Plugin::Freeze(self.random.random()));
        }
        if self.random.random_ratio(1, 3) {
            // The authority of its collection, where it is in one.
            let delegate = self.random.random_ratio(1, 3).then(|| self.person());
            plugins.push(Plugin::Transfer(delegate));
        }
        if self.random.random_ratio(1, 4) {
            plugins.push(Plugin::Attribute(format!("Red {}", self.slot)));
        }
        if self.random.random_ratio(1, 6) {
            plugins.push(Plugin::Groups(vec![self.collections[1]]));
        }
        plugins
    }

    fn tell_core(&mut self, at: usize) {
        if self.random.random_ratio(1, 4) {
            // It was somebody else's earlier in the slot.
            let owner = self.person();
            let Asset { address, account, plugins, .. } = &self.core.assets[at];
            let between = CoreAsset { owner, ..account.clone() };
            let (address, data) = (*address, with_plugins(between.data(), plugins));
            self.account(address, CoreAsset::PROGRAM, Some(data));
        }
        let Asset { address, account, plugins, .. } = &self.core.assets[at];
        let (address, data) = (*address, with_plugins(account.data(), plugins));
        self.account(address, CoreAsset::PROGRAM, Some(data));
    }
}
