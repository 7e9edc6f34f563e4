// helius-sdk 2.x. Its option `baseUrl` is the URL, to which it adds the key.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHelius } from 'helius-sdk-2';
import * as known from '../lib/known.js';
import { plain, walk } from '../lib/lists.js';

const helius = createHelius({ apiKey: known.key, baseUrl: `${known.base}/` });

test('getAsset', async () => {
  for (const asset of known.assets) {
    assert.deepEqual(plain(await helius.getAsset({ id: asset.id })), known.alone(asset));
  }
});

test('getAsset of an unknown id throws', async () => {
  await assert.rejects(helius.getAsset({ id: known.unknownId }), /404/);
});

test('getAsset with display options', async () => {
  const asset = known.assets.find(({ grouping }) => grouping.some((group) => group.verified === false));
  const { grouping } = await helius.getAsset({ id: asset.id, options: { showUnverifiedCollections: true } });
  assert.deepEqual(grouping.map(({ verified }) => verified), [false]);
});

test('getAssetBatch', async () => {
  const [one, other] = known.assets;
  const found = await helius.getAssetBatch({ ids: [other.id, known.unknownId, one.id] });
  assert.deepEqual(found.map((asset) => asset && plain(asset)), [known.shown(other), null, known.shown(one)]);
});

test('getAssetsByGroup', async () => {
  const group = { groupKey: 'collection', groupValue: known.collection };
  await walk((paging) => helius.getAssetsByGroup({ ...group, ...paging }), known.inGroup(known.collection));
});

test('getAssetsByOwner', async () => {
  const read = (paging) => helius.getAssetsByOwner({ ownerAddress: known.owner, ...paging });
  await walk(read, known.ownedBy(known.owner));
});

test('getAssetsByAuthority', async () => {
  const read = (paging) => helius.getAssetsByAuthority({ authorityAddress: known.authority, ...paging });
  await walk(read, known.underAuthority(known.authority));
});

test('getAssetsByCreator', async () => {
  for (const [creatorAddress, onlyVerified] of [[known.creator, true], [known.unverifiedCreator, false]]) {
    const read = (paging) => helius.getAssetsByCreator({ creatorAddress, onlyVerified, ...paging });
    await walk(read, known.createdBy(creatorAddress, onlyVerified));
  }
});
