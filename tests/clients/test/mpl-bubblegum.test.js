// @metaplex-foundation/mpl-bubblegum with Umi: an asset with its proof, as instructions of Bubblegum take it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import {
  getAssetWithProof, hashAssetData, hashCollection, hashLeafV2, mplBubblegum,
} from '@metaplex-foundation/mpl-bubblegum';
import { publicKey, publicKeyBytes } from '@metaplex-foundation/umi';
import * as chain from '../lib/chain.js';
import * as node from '../lib/node.js';
import { umiWith } from '../lib/umi.js';

const umi = umiWith(mplBubblegum());

test('getAssetWithProof', async () => {
  assert.ok(chain.leaves.length > 3);
  for (const asset of chain.leaves) {
    const found = await getAssetWithProof(umi, publicKey(asset.id));
    const { compression, ownership } = asset;
    assert.equal(found.leafOwner, ownership.owner);
    assert.equal(found.leafDelegate, ownership.delegate ?? ownership.owner);
    assert.equal(found.merkleTree, compression.tree);
    assert.equal(found.index, compression.leaf_id);
    assert.equal(found.nonce, compression.leaf_id);
    assert.deepEqual(found.dataHash, publicKeyBytes(compression.data_hash));
    assert.deepEqual(found.creatorHash, publicKeyBytes(compression.creator_hash));
    // A leaf of the first version has none of these.
    assert.deepEqual([found.collection_hash, found.asset_data_hash, found.flags], [undefined, undefined, undefined]);
    assert.equal(found.metadata.name, asset.content.metadata.name);
    assert.equal(found.metadata.uri, asset.content.json_uri);
    assert.equal(found.metadata.sellerFeeBasisPoints, asset.royalty.basis_points);
    assert.deepEqual(found.metadata.creators, asset.creators);
    const [group] = asset.grouping;
    const collection = group && { key: publicKey(group.group_value), verified: group.verified !== false };
    assert.deepEqual(found.metadata.collection, collection ? { __option: 'Some', value: collection } : { __option: 'None' });
    chain.isProof(found.rpcAssetProof, asset);
    assert.deepEqual(found.root, publicKeyBytes(chain.rootAbove(found.rpcAssetProof)));
    assert.deepEqual(found.proof, found.rpcAssetProof.proof);
  }
});

test('what the node tells is as described', () => {
  const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
  assert.deepEqual(read('accounts.json'), node.accounts());
  assert.deepEqual(read('second.ndjson'), node.secondVersion().asset);
});

test('getAssetWithProof without what the canopy holds', async () => {
  const canopy = node.canopy();
  for (const asset of chain.leaves) {
    const found = await getAssetWithProof(umi, publicKey(asset.id), { truncateCanopy: true });
    const whole = found.rpcAssetProof.proof;
    assert.deepEqual(found.proof, whole.slice(0, chain.tree.depth - node.canopyDepth));
    // What was left out is what the account holds: the sibling on each of the upper levels.
    const leftOut = whole.slice(found.proof.length).reverse().map((_, place) => {
      const onLevel = place + 1;
      const index = (asset.compression.leaf_id >> (chain.tree.depth - onLevel)) ^ 1;
      return canopy[2 ** onLevel - 2 + index];
    });
    assert.deepEqual(whole.slice(found.proof.length).reverse(), leftOut);
    assert.equal(found.index, asset.compression.leaf_id);
  }
});

test('getAssetWithProof of a leaf of the second version', async () => {
  const { asset, assetData, metadata } = node.secondVersion();
  const { compression, ownership } = asset;
  const found = await getAssetWithProof(umi, asset.id);
  assert.equal(found.flags, compression.flags);
  assert.deepEqual(found.collection_hash, hashCollection(metadata.collection.value));
  assert.deepEqual(found.asset_data_hash, hashAssetData(assetData));
  assert.equal(found.leafOwner, ownership.owner);
  assert.equal(found.leafDelegate, ownership.delegate);
  assert.deepEqual(found.metadata.collection, { __option: 'Some', value: { key: metadata.collection.value, verified: true } });
  // What an instruction would be given hashes to the leaf that is proven.
  const leaf = hashLeafV2(umi, {
    merkleTree: found.merkleTree, owner: found.leafOwner, delegate: found.leafDelegate, leafIndex: found.nonce,
    metadata: found.currentMetadata, assetData, flags: found.flags,
  });
  assert.deepEqual(publicKeyBytes(found.rpcAssetProof.leaf), leaf);
  chain.isProof(found.rpcAssetProof, asset);
});
