// helius-sdk 1.x. Its constructor's fourth argument is the URL, taken where no API key is given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Helius } from 'helius-sdk-1';
import * as known from '../lib/known.js';
import { plain, walk } from '../lib/lists.js';

const { rpc } = new Helius('', 'mainnet-beta', 'helius-sdk', known.endpoint);

test('getAsset', async () => {
  for (const asset of known.assets) {
    assert.deepEqual(plain(await rpc.getAsset({ id: asset.id })), known.alone(asset));
  }
});

test('getAsset of an unknown id throws', async () => {
  await assert.rejects(rpc.getAsset({ id: known.unknownId }), /Error in getAsset: .*404/);
});

test('getAsset with display options', async () => {
  const fox = known.named('Fox #9713');
  const { grouping } = await rpc.getAsset({ id: fox.id, displayOptions: { showCollectionMetadata: true } });
  const collection = known.named('Famous Fox Federation');
  assert.equal(grouping[0].collection_metadata.name, collection.content.metadata.name);
  assert.equal(grouping[0].collection_metadata.image, collection.content.links.image);
});

test('getAssetBatch', async () => {
  const [one, other] = known.assets;
  const found = await rpc.getAssetBatch({ ids: [one.id, known.unknownId, other.id, one.id] });
  const expected = [known.shown(one), null, known.shown(other), known.shown(one)];
  assert.deepEqual(found.map((asset) => asset && plain(asset)), expected);
});

test('getAssetsByGroup', async () => {
  const group = { groupKey: 'collection', groupValue: known.collection };
  await walk((paging) => rpc.getAssetsByGroup({ ...group, ...paging }), known.inGroup(known.collection));
});

test('getAssetsByOwner', async () => {
  await walk((paging) => rpc.getAssetsByOwner({ ownerAddress: known.owner, ...paging }), known.ownedBy(known.owner));
});

test('getAssetsByAuthority', async () => {
  const read = (paging) => rpc.getAssetsByAuthority({ authorityAddress: known.authority, ...paging });
  await walk(read, known.underAuthority(known.authority));
});

test('getAssetsByCreator', async () => {
  for (const [creatorAddress, onlyVerified] of [[known.creator, true], [known.unverifiedCreator, false]]) {
    const read = (paging) => rpc.getAssetsByCreator({ creatorAddress, onlyVerified, ...paging });
    await walk(read, known.createdBy(creatorAddress, onlyVerified));
  }
});
