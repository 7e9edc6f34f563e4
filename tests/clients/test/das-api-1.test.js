// @metaplex-foundation/digital-asset-standard-api 1.x with Umi: positional parameters, null where unset, and page 1 beside
// everything else. It knows no cursor and no options.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dasApi } from 'das-api-1';
import { publicKey } from '@metaplex-foundation/umi';
import * as chain from '../lib/chain.js';
import * as known from '../lib/known.js';
import { plain, walk } from '../lib/lists.js';
import { umiWith } from '../lib/umi.js';

const { rpc } = umiWith(dasApi());
const ways = ['page', 'range'];

test('getAsset', async () => {
  for (const asset of known.assets) {
    assert.deepEqual(plain(await rpc.getAsset(publicKey(asset.id))), known.alone(asset));
  }
});

test('getAsset of an unknown id throws', async () => {
  await assert.rejects(rpc.getAsset(publicKey(known.unknownId)), /404|not found/);
});

test('getAssets', async () => {
  const [one, other] = known.assets;
  const found = await rpc.getAssets([one.id, known.unknownId, other.id].map((id) => publicKey(id)));
  assert.deepEqual(found.map((asset) => asset && plain(asset)), [known.shown(one), null, known.shown(other)]);
});

test('getAssetsByGroup', async () => {
  const group = { groupKey: 'collection', groupValue: known.collection };
  await walk((paging) => rpc.getAssetsByGroup({ ...group, ...paging }), known.inGroup(known.collection), ways);
});

test('getAssetsByOwner', async () => {
  const owner = publicKey(known.owner);
  await walk((paging) => rpc.getAssetsByOwner({ owner, ...paging }), known.ownedBy(known.owner), ways);
});

test('getAssetsByAuthority', async () => {
  const authority = publicKey(known.authority);
  const read = (paging) => rpc.getAssetsByAuthority({ authority, ...paging });
  await walk(read, known.underAuthority(known.authority), ways);
});

test('getAssetsByCreator', async () => {
  for (const [address, onlyVerified] of [[known.creator, true], [known.unverifiedCreator, false]]) {
    const read = (paging) => rpc.getAssetsByCreator({ creator: publicKey(address), onlyVerified, ...paging });
    await walk(read, known.createdBy(address, onlyVerified), ways);
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

test('getAssetSignatures, by the second version of the method', async () => {
  const assetId = publicKey(chain.moved.id);
  const byId = await chain.walk((paging) => rpc.getAssetSignatures({ assetId, ...paging }), 'items');
  assert.deepEqual(byId, chain.signaturesWithSlots);
  const leaf = { tree: publicKey(chain.moved.compression.tree), leaf_index: chain.moved.compression.leaf_id };
  const newestFirst = (paging) => rpc.getAssetSignatures({ ...leaf, sort_direction: 'desc', ...paging });
  assert.deepEqual(await chain.walk(newestFirst, 'items'), [...chain.signaturesWithSlots].reverse());
  const none = await rpc.getAssetSignatures({ assetId: publicKey(known.unknownId) });
  assert.deepEqual(none.items, []);
});

test('searchAssets', async () => {
  const grouping = ['collection', known.collection];
  const inCollection = known.inGroup(known.collection);
  await walk((paging) => rpc.searchAssets({ grouping, ...paging }), inCollection, ways);
  const owner = publicKey(known.owner);
  const { items } = await rpc.searchAssets({ owner, compressed: true });
  const isMember = (asset) => known.ownedBy(known.owner)(asset) && asset.compression.compressed;
  assert.deepEqual(items, known.list(isMember).map(known.shown));
  const nobody = await rpc.searchAssets({ owner: publicKey(known.unknownId) });
  assert.deepEqual(nobody.items, []);
});
