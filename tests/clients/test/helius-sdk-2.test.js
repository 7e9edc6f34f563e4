// helius-sdk 2.x. Its option `baseUrl` is the URL, to which it adds the key.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHelius } from 'helius-sdk-2';
import * as chain from '../lib/chain.js';
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

test('getAssetsByOwner with the balance that the Solana node tells', async () => {
  const owned = { ownerAddress: known.owner, page: 1, limit: 1, options: { showNativeBalance: true } };
  const { nativeBalance, items } = await helius.getAssetsByOwner(owned);
  assert.equal(nativeBalance.lamports, known.lamports);
  assert.equal(items.length, 1);
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

test('getAssetProof', async () => {
  for (const asset of chain.leaves) {
    chain.isProof(await helius.getAssetProof({ id: asset.id }), asset);
  }
});

test('searchAssets', async () => {
  const inCollection = known.inGroup(known.collection);
  const grouping = ['collection', known.collection];
  await walk((paging) => helius.searchAssets({ grouping, ...paging }), inCollection);
  for (const [tokenType, compressed] of [['compressedNft', true], ['regularNft', false]]) {
    const { items } = await helius.searchAssets({ ownerAddress: known.owner, tokenType, page: 1 });
    const isMember = (asset) => known.ownedBy(known.owner)(asset) && asset.compression.compressed === compressed;
    assert.deepEqual(items, known.list(isMember).map(known.shown), tokenType);
  }
  const nobody = await helius.searchAssets({ ownerAddress: known.unknownId, page: 1 });
  assert.deepEqual(nobody.items, []);
});

test('getSignaturesForAsset', async () => {
  const found = await chain.walk((paging) => helius.getSignaturesForAsset({ id: chain.moved.id, ...paging }), 'items');
  assert.deepEqual(found, chain.signatures);
});

test('getTokenAccounts', async () => {
  const read = (paging) => helius.getTokenAccounts({ owner: known.owner, ...paging });
  chain.areHoldings(await chain.walk(read, 'token_accounts'), chain.heldBy(known.owner, false));
  const withEmpty = (paging) =>
    helius.getTokenAccounts({ owner: known.owner, options: { showZeroBalance: true }, ...paging });
  chain.areHoldings(await chain.walk(withEmpty, 'token_accounts'), chain.heldBy(known.owner, true));
  const ofMint = (paging) => helius.getTokenAccounts({ mint: chain.master.mint, ...paging });
  chain.areHoldings(await chain.walk(ofMint, 'token_accounts'), chain.heldOf(chain.master.mint));
});

test('getNftEditions', async () => {
  const page = await helius.getNftEditions({ mint: chain.master.mint, page: 1, limit: 10 });
  assert.equal(page.master_edition_address, chain.master.address);
  assert.equal(page.supply, chain.master.supply);
  assert.equal(page.max_supply, chain.master.max_supply);
  const found = await chain.walk((paging) => helius.getNftEditions({ mint: chain.master.mint, ...paging }), 'editions');
  chain.areEditions(found);
});

test('getAssetProofBatch', async () => {
  const ids = chain.leaves.map(({ id }) => id);
  const found = await helius.getAssetProofBatch({ ids: [...ids, known.unknownId] });
  assert.equal(found[known.unknownId], null);
  for (const asset of chain.leaves) chain.isProof(found[asset.id], asset);
});
