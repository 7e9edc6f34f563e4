// @metaplex-foundation/mpl-core-das with Umi: answers of DAS as accounts of MPL Core. To derive plugins it asks for the
// accounts of the collections, which the server has from the Solana node behind it.

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

function hasPluginsOfItsCollection(found) {
  assert.equal(found.royalties.basisPoints, 250);
  assert.deepEqual(found.royalties.creators, [{ address: known.creator, percentage: 100 }]);
  assert.equal(found.royalties.ruleSet.type, 'None');
  // The answers of DAS do not have this one: it is out of the account.
  assert.equal(found.permanentFreezeDelegate.frozen, true);
  assert.equal(found.permanentFreezeDelegate.authority.type, 'UpdateAuthority');
}

test('getAsset with plugins derived from its collection', async () => {
  for (const asset of ofCore) {
    const found = await das.getAsset(umi, publicKey(asset.id));
    isCoreAsset(found, asset);
    hasPluginsOfItsCollection(found);
  }
});

test('lists with plugins derived from the collection, page by page', async () => {
  const expected = known.list((asset) => asset.interface === 'MplCoreAsset');
  const owner = publicKey(expected[0].ownership.owner);
  const ownedByOne = expected.filter(known.ownedBy(owner));
  for (const [read, all] of [
    [(paging) => das.getAssetsByCollection(umi, { collection: publicKey(known.coreCollection), ...paging }), expected],
    [(paging) => das.getAssetsByAuthority(umi, { authority: publicKey(known.authority), ...paging }), expected],
    [(paging) => das.getAssetsByOwner(umi, { owner, ...paging }), ownedByOne],
    [(paging) => das.searchAssets(umi, { owner, ...paging }), ownedByOne],
  ]) {
    const limit = Math.ceil(all.length / 3);
    const found = [];
    for (let page = 1; ; page += 1) {
      const items = await read({ page, limit });
      if (items.length === 0) break;
      found.push(...items);
    }
    assert.deepEqual(found.map((asset) => asset.publicKey), all.map((asset) => asset.id));
    found.forEach((asset, place) => isCoreAsset(asset, all[place]));
    found.forEach(hasPluginsOfItsCollection);
  }
});

test('answers of das-api as accounts', async () => {
  const { items } = await umi.rpc.getAssetsByGroup({ groupKey: 'collection', groupValue: known.coreCollection });
  const found = await das.dasAssetsToCoreAssets(umi, items, {});
  assert.equal(found.length, ofCore.length);
  found.forEach(hasPluginsOfItsCollection);
  const collection = await umi.rpc.getAsset(publicKey(known.coreCollection));
  const account = await das.dasAssetToCoreCollection(umi, collection);
  assert.equal(account.name, 'Vitrine Sample Core');
  assert.equal(account.royalties.basisPoints, 250);
});

test('searchCollections', async () => {
  const found = await das.searchCollections(umi, { owner: publicKey(known.authority) });
  assert.deepEqual(found.map((collection) => collection.publicKey), [known.coreCollection]);
  assert.equal(found[0].numMinted, 12);
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
