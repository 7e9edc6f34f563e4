// What a Solana node says of the sample's accounts, and a leaf of Bubblegum's second version: made by the clients' own
// serializers and hashes. `accounts.json` and `second.ndjson` are what this file makes (`npm run accounts`); the server reads
// them before any client runs, and a test holds them against this file.

import { keccak_256 } from '@noble/hashes/sha3';
import {
  findLeafAssetIdPda, hashAssetData, hashCollection, hashLeafV2, hashMetadataCreators, hashMetadataDataV2, mplBubblegum,
  LeafSchemaV2Flags, TokenStandard,
} from '@metaplex-foundation/mpl-bubblegum';
import {
  getBasePluginAuthoritySerializer, getPluginHeaderV1AccountDataSerializer, getPluginSerializer, Key, MPL_CORE_PROGRAM_ID,
  PluginType,
} from '@metaplex-foundation/mpl-core';
import {
  getMerkleTreeAccountDataSerializer, SPL_ACCOUNT_COMPRESSION_PROGRAM_ID,
} from '@metaplex-foundation/spl-account-compression';
import { defaultPublicKey, publicKey, publicKeyBytes, some } from '@metaplex-foundation/umi';
import { array, base64, mergeBytes, publicKey as pubkey, string, struct, u32, u64, u8 } from '@metaplex-foundation/umi/serializers';
import { described, tree } from './chain.js';
import * as known from './known.js';
import { umiWith } from './umi.js';

const addressOf = (text) => publicKey(keccak_256(text));

/** Levels of the tree below its root whose nodes its account holds. */
export const canopyDepth = 2;

/** The nodes of the tree from its root downwards, a level each. */
export function levels() {
  let level = Array.from({ length: 2 ** tree.depth }, (_, index) => {
    const last = tree.changes.filter((change) => change.leaf_index === index).at(-1);
    return last ? publicKeyBytes(last.leaf) : new Uint8Array(32);
  });
  const all = [level];
  while (level.length > 1) {
    level = level.filter((_, index) => index % 2 === 0).map((left, pair) => keccak_256(mergeBytes([left, level[2 * pair + 1]])));
    all.unshift(level);
  }
  return all.map((nodes) => nodes.map((node) => publicKey(node)));
}

/** The nodes that the tree's account holds, from those right below the root on. */
export const canopy = () => levels().slice(1, canopyDepth + 1).flat();

function treeAccount() {
  const empty = { root: defaultPublicKey(), pathNodes: Array(tree.depth).fill(defaultPublicKey()), index: 0 };
  const value = {
    treeHeader: {
      __kind: 'V1', maxBufferSize: 8, maxDepth: tree.depth, authority: defaultPublicKey(), creationSlot: 1, padding: Array(6).fill(0),
    },
    tree: {
      sequenceNumber: tree.changes.length,
      activeIndex: 0,
      bufferSize: 1,
      changeLogs: [{ ...empty, root: levels()[0][0] }, ...Array(7).fill(empty)],
      rightMostPath: { proof: Array(tree.depth).fill(defaultPublicKey()), leaf: defaultPublicKey(), index: 0 },
    },
    canopy: canopy(),
  };
  return getMerkleTreeAccountDataSerializer().serialize(value);
}

/** The plugins of the collection's account. The second one is not in the answers of DAS. */
export const collectionPlugins = [
  {
    type: PluginType.Royalties,
    plugin: {
      __kind: 'Royalties',
      fields: [{ basisPoints: 250, creators: [{ address: publicKey(known.creator), percentage: 100 }], ruleSet: { __kind: 'None' } }],
    },
  },
  { type: PluginType.PermanentFreezeDelegate, plugin: { __kind: 'PermanentFreezeDelegate', fields: [{ frozen: true }] } },
];

function collectionAccount() {
  const collection = known.named('Vitrine Sample Core');
  const base = struct([
    ['key', u8()], ['authority', pubkey()], ['name', string()], ['uri', string()], ['minted', u32()], ['size', u32()],
  ]).serialize({
    key: Key.CollectionV1,
    authority: publicKey(known.authority),
    name: collection.content.metadata.name,
    uri: collection.content.json_uri,
    minted: collection.mpl_core_info.num_minted,
    size: collection.mpl_core_info.current_size,
  });
  const header = getPluginHeaderV1AccountDataSerializer();
  const plugins = collectionPlugins.map(({ plugin }) => getPluginSerializer().serialize(plugin));
  let offset = base.length + header.serialize({ key: Key.PluginHeaderV1, pluginRegistryOffset: 0 }).length;
  const records = plugins.map((bytes, place) => {
    const record = { type: collectionPlugins[place].type, authority: { __kind: 'UpdateAuthority' }, offset };
    offset += bytes.length;
    return record;
  });
  const record = struct([['type', u8()], ['authority', getBasePluginAuthoritySerializer()], ['offset', u64()]]);
  const registry = struct([['key', u8()], ['records', array(record)], ['external', u32()]]);
  return mergeBytes([
    base,
    header.serialize({ key: Key.PluginHeaderV1, pluginRegistryOffset: offset }),
    ...plugins,
    registry.serialize({ key: Key.PluginRegistryV1, records, external: 0 }),
  ]);
}

/** What getAccountInfo and getMultipleAccounts tell, by address. */
export function accounts() {
  const account = (owner, bytes) => ({ owner, lamports: 5_000_000, data: base64.deserialize(bytes)[0] });
  return {
    [known.coreCollection]: account(MPL_CORE_PROGRAM_ID, collectionAccount()),
    [tree.tree]: account(SPL_ACCOUNT_COMPRESSION_PROGRAM_ID, treeAccount()),
  };
}

/** An asset of Bubblegum's second version: a leaf with flags, a collection and data of its own. */
export function secondVersion() {
  const umi = umiWith(mplBubblegum());
  const [owner, delegate, creator, collection, merkleTree] =
    ['owner', 'delegate', 'creator', 'collection', 'tree'].map((what) => addressOf(`the ${what} of a leaf of the second version`));
  const leafIndex = 1;
  const assetData = 'data of the asset';
  const flags = LeafSchemaV2Flags.FrozenByOwner | LeafSchemaV2Flags.NonTransferable;
  const creators = [{ address: creator, verified: true, share: 100 }];
  const metadata = {
    name: 'A leaf of the second version', symbol: 'TWO', uri: 'https://sample.example/vitrine/second.json',
    sellerFeeBasisPoints: 333, primarySaleHappened: true, isMutable: true, tokenStandard: some(TokenStandard.NonFungible), creators,
    collection: some(collection),
  };
  const leaf = hashLeafV2(umi, { merkleTree, owner, delegate, leafIndex, metadata, assetData, flags });
  const sample = known.assets.find((asset) => asset.compression.compressed);
  const asset = {
    ...sample,
    interface: 'MplBubblegumV2',
    id: findLeafAssetIdPda(umi, { merkleTree, leafIndex })[0],
    content: {
      $schema: sample.content.$schema, json_uri: metadata.uri, files: [],
      metadata: { name: metadata.name, symbol: metadata.symbol, token_standard: 'NonFungible' }, links: {},
    },
    authorities: [{ address: creator, scopes: ['full'] }],
    compression: {
      eligible: false, compressed: true,
      data_hash: publicKey(hashMetadataDataV2(metadata)), creator_hash: publicKey(hashMetadataCreators(creators)),
      asset_hash: publicKey(leaf), tree: merkleTree, seq: 2, leaf_id: leafIndex,
      collection_hash: publicKey(hashCollection(collection)), asset_data_hash: publicKey(hashAssetData(assetData)), flags,
    },
    grouping: [{ group_key: 'collection', group_value: collection, verified: true }],
    royalty: { ...sample.royalty, percent: 0.0333, basis_points: 333, primary_sale_happened: true },
    creators: creators.map(({ address, share, verified }) => ({ address, share, verified })),
    ownership: { frozen: true, delegated: true, delegate, ownership_model: 'single', owner, non_transferable: true },
  };
  return { asset, assetData, metadata };
}
