// @metaplex-foundation/mpl-core-das with Umi: answers of DAS as accounts of MPL Core. To derive plugins it asks a Solana
// node for the collections, so that is left out here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dasApi } from '@metaplex-foundation/digital-asset-standard-api';
import { das } from '@metaplex-foundation/mpl-core-das';
import { publicKey } from '@metaplex-foundation/umi';
import * as known from '../lib/known.js';
import { umiWith } from '../lib/umi.js';

const umi = umiWith(dasApi());
const ofCore = known.assets.filter((asset) => asset.interface === 'MplCoreAsset');

function isCoreAsset(found, asset) {
  assert.equal(found.publicKey, asset.id);
  assert.equal(found.owner, asset.ownership.owner);
  assert.equal(found.name, asset.content.metadata.name);
  assert.equal(found.uri, asset.content.json_uri);
  assert.deepEqual(found.updateAuthority, { type: 'Collection', address: known.coreCollection });
  const { attributes, freeze_delegate: freeze } = asset.plugins;
  assert.deepEqual(found.attributes.attributeList, attributes.data.attribute_list);
  assert.equal(found.freezeDelegate?.frozen, freeze?.data.frozen);
}

test('getAsset', async () => {
  assert.ok(ofCore.length > 3);
  for (const asset of ofCore) {
    isCoreAsset(await das.getAsset(umi, publicKey(asset.id), { skipDerivePlugins: true }), asset);
  }
});

test('getCollection', async () => {
  const collection = await das.getCollection(umi, publicKey(known.coreCollection));
  const asset = known.named('Vitrine Sample Core');
  assert.equal(collection.publicKey, asset.id);
  assert.equal(collection.updateAuthority, known.authority);
  assert.equal(collection.numMinted, asset.mpl_core_info.num_minted);
  assert.equal(collection.currentSize, asset.mpl_core_info.current_size);
  assert.equal(collection.royalties.basisPoints, 250);
  assert.deepEqual(collection.royalties.creators, [{ address: known.creator, percentage: 100 }]);
});

test('lists', async () => {
  const isCore = (asset) => asset.interface === 'MplCoreAsset';
  const owner = ofCore[0].ownership.owner;
  for (const [read, isMember] of [
    [() => das.getAssetsByCollection(umi, { collection: publicKey(known.coreCollection), skipDerivePlugins: true }), isCore],
    [
      () => das.getAssetsByOwner(umi, { owner: publicKey(owner), skipDerivePlugins: true }),
      (asset) => isCore(asset) && known.ownedBy(owner)(asset),
    ],
    [() => das.getAssetsByAuthority(umi, { authority: publicKey(known.authority), skipDerivePlugins: true }), isCore],
    [() => das.searchAssets(umi, { owner: publicKey(owner), skipDerivePlugins: true }),
      (asset) => isCore(asset) && known.ownedBy(owner)(asset)],
  ]) {
    const found = await read();
    const expected = known.list(isMember);
    assert.equal(found.length, expected.length);
    expected.forEach((asset, place) => isCoreAsset(found[place], asset));
  }
});

test('collections of an update authority', async () => {
  const updateAuthority = publicKey(known.authority);
  const found = await das.getCollectionsByUpdateAuthority(umi, { updateAuthority });
  assert.deepEqual(found.map((collection) => collection.publicKey), [known.coreCollection]);
});
