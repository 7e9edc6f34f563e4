// @metaplex-foundation/digital-asset-standard-api 2.x with Umi: named parameters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dasApi } from '@metaplex-foundation/digital-asset-standard-api';
import { publicKey } from '@metaplex-foundation/umi';
import * as chain from '../lib/chain.js';
import * as known from '../lib/known.js';
import { plain, walk } from '../lib/lists.js';
import { umiWith } from '../lib/umi.js';

const { rpc } = umiWith(dasApi());

test('getAsset', async () => {
  for (const asset of known.assets) {
    assert.deepEqual(plain(await rpc.getAsset(publicKey(asset.id))), known.alone(asset));
  }
});

test('getAsset of an unknown id throws', async () => {
  await assert.rejects(rpc.getAsset(publicKey(known.unknownId)), /404|not found/);
});

test('getAsset with display options', async () => {
  const fox = known.named('Fox #9713');
  const displayOptions = { showCollectionMetadata: true };
  const { grouping } = await rpc.getAsset({ assetId: publicKey(fox.id), displayOptions });
  assert.equal(grouping[0].collection_metadata.name, 'Famous Fox Federation');
});

test('getAssets', async () => {
  const [one, other] = known.assets;
  const found = await rpc.getAssets([one.id, known.unknownId, other.id].map((id) => publicKey(id)));
  assert.deepEqual(found.map((asset) => asset && plain(asset)), [known.shown(one), null, known.shown(other)]);
});

test('getAssetsByGroup', async () => {
  const group = { groupKey: 'collection', groupValue: known.collection };
  await walk((paging) => rpc.getAssetsByGroup({ ...group, ...paging }), known.inGroup(known.collection));
});

test('getGrouping', async () => {
  const grouping = await rpc.getGrouping({ groupKey: 'collection', groupValue: known.collection });
  const size = known.list(known.inGroup(known.collection)).length;
  assert.deepEqual(plain(grouping), { group_key: 'collection', group_name: known.collection, group_size: size });
});

test('getAssetsByOwner', async () => {
  const owner = publicKey(known.owner);
  await walk((paging) => rpc.getAssetsByOwner({ owner, ...paging }), known.ownedBy(known.owner));
});

test('getAssetsByAuthority', async () => {
  const authority = publicKey(known.authority);
  await walk((paging) => rpc.getAssetsByAuthority({ authority, ...paging }), known.underAuthority(known.authority));
});

test('getAssetsByCreator', async () => {
  for (const [address, onlyVerified] of [[known.creator, true], [known.unverifiedCreator, false]]) {
    const read = (paging) => rpc.getAssetsByCreator({ creator: publicKey(address), onlyVerified, ...paging });
    await walk(read, known.createdBy(address, onlyVerified));
  }
});

test('getAssetProof', async () => {
  for (const asset of chain.leaves) {
    chain.isProof(await rpc.getAssetProof(publicKey(asset.id)), asset);
  }
});

test('getAssetProofs', async () => {
  const ids = chain.leaves.map(({ id }) => publicKey(id));
  const found = await rpc.getAssetProofs([...ids, publicKey(known.unknownId)]);
  assert.equal(found[known.unknownId], null);
  for (const asset of chain.leaves) chain.isProof(found[asset.id], asset);
});

test('searchAssets', async () => {
  const grouping = ['collection', known.collection];
  const inCollection = known.inGroup(known.collection);
  await walk((paging) => rpc.searchAssets({ grouping, ...paging }), inCollection);
  const owner = publicKey(known.owner);
  const { items } = await rpc.searchAssets({ owner, compressed: true });
  const isMember = (asset) => known.ownedBy(known.owner)(asset) && asset.compression.compressed;
  assert.deepEqual(items, known.list(isMember).map(known.shown));
  const nobody = await rpc.searchAssets({ owner: publicKey(known.unknownId) });
  assert.deepEqual(nobody.items, []);
});

test('getAssetSignatures', async () => {
  const assetId = publicKey(chain.moved.id);
  const byId = await chain.walk((paging) => rpc.getAssetSignatures({ assetId, ...paging }), 'items');
  assert.deepEqual(byId, chain.signatures);
  const leaf = { tree: publicKey(chain.moved.compression.tree), leaf_index: chain.moved.compression.leaf_id };
  const newestFirst = (paging) => rpc.getAssetSignatures({ ...leaf, sort_direction: 'desc', ...paging });
  assert.deepEqual(await chain.walk(newestFirst, 'items'), [...chain.signatures].reverse());
});

test('getTokenAccounts', async () => {
  const ownerAddress = publicKey(known.owner);
  const read = (paging) => rpc.getTokenAccounts({ ownerAddress, ...paging });
  chain.areHoldings(await chain.walk(read, 'token_accounts'), chain.heldBy(known.owner, false));
  const withEmpty = (paging) => rpc.getTokenAccounts({ ownerAddress, options: { showZeroBalance: true }, ...paging });
  chain.areHoldings(await chain.walk(withEmpty, 'token_accounts'), chain.heldBy(known.owner, true));
  const ofMint = (paging) => rpc.getTokenAccounts({ mintAddress: publicKey(chain.master.mint), ...paging });
  chain.areHoldings(await chain.walk(ofMint, 'token_accounts'), chain.heldOf(chain.master.mint));
});

test('getNftEditions', async () => {
  const mintAddress = publicKey(chain.master.mint);
  chain.areEditions(await chain.walk((paging) => rpc.getNftEditions({ mintAddress, ...paging }), 'editions'));
  const page = await rpc.getNftEditions({ mintAddress });
  assert.equal(page.master_edition_address, chain.master.address);
  assert.equal(page.max_supply, chain.master.max_supply);
});
