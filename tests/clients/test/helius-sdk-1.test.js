// helius-sdk 1.x. Its constructor's fourth argument is the URL, taken where no API key is given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Helius } from 'helius-sdk-1';
import * as chain from '../lib/chain.js';
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

test('getAssetsByOwner with the balance that the Solana node tells', async () => {
  const owned = { ownerAddress: known.owner, page: 1, limit: 1, displayOptions: { showNativeBalance: true } };
  const { nativeBalance, items } = await rpc.getAssetsByOwner(owned);
  assert.equal(nativeBalance.lamports, known.lamports);
  assert.equal(items.length, 1);
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

test('getAssetProof', async () => {
  for (const asset of chain.leaves) {
    chain.isProof(await rpc.getAssetProof({ id: asset.id }), asset);
  }
});

test('searchAssets', async () => {
  const inCollection = known.inGroup(known.collection);
  const grouping = ['collection', known.collection];
  await walk((paging) => rpc.searchAssets({ grouping, ...paging }), inCollection);
  for (const [tokenType, compressed] of [['compressedNft', true], ['regularNft', false]]) {
    const { items } = await rpc.searchAssets({ ownerAddress: known.owner, tokenType, page: 1 });
    const isMember = (asset) => known.ownedBy(known.owner)(asset) && asset.compression.compressed === compressed;
    assert.deepEqual(items, known.list(isMember).map(known.shown), tokenType);
  }
  const nobody = await rpc.searchAssets({ ownerAddress: known.unknownId, page: 1 });
  assert.deepEqual(nobody.items, []);
});

test('getSignaturesForAsset', async () => {
  const found = await chain.walk((paging) => rpc.getSignaturesForAsset({ id: chain.moved.id, ...paging }), 'items');
  assert.deepEqual(found, chain.signatures);
});

test('getTokenAccounts', async () => {
  const read = (paging) => rpc.getTokenAccounts({ owner: known.owner, ...paging });
  chain.areHoldings(await chain.walk(read, 'token_accounts'), chain.heldBy(known.owner, false));
  const withEmpty = (paging) =>
    rpc.getTokenAccounts({ owner: known.owner, options: { showZeroBalance: true }, ...paging });
  chain.areHoldings(await chain.walk(withEmpty, 'token_accounts'), chain.heldBy(known.owner, true));
  const ofMint = (paging) => rpc.getTokenAccounts({ mint: chain.master.mint, ...paging });
  chain.areHoldings(await chain.walk(ofMint, 'token_accounts'), chain.heldOf(chain.master.mint));
});

test('getNftEditions', async () => {
  const page = await rpc.getNftEditions({ mint: chain.master.mint, page: 1, limit: 10 });
  assert.equal(page.master_edition_address, chain.master.address);
  assert.equal(page.supply, chain.master.supply);
  assert.equal(page.max_supply, chain.master.max_supply);
  const found = await chain.walk((paging) => rpc.getNftEditions({ mint: chain.master.mint, ...paging }), 'editions');
  chain.areEditions(found);
});
