// @metaplex-foundation/mpl-bubblegum with Umi: an asset with its proof, as instructions of Bubblegum take it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getAssetWithProof, mplBubblegum } from '@metaplex-foundation/mpl-bubblegum';
import { publicKey, publicKeyBytes } from '@metaplex-foundation/umi';
import * as chain from '../lib/chain.js';
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
