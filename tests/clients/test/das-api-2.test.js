// @metaplex-foundation/digital-asset-standard-api 2.x with Umi: named parameters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dasApi } from '@metaplex-foundation/digital-asset-standard-api';
import { publicKey } from '@metaplex-foundation/umi';
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
