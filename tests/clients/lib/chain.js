// What the chain is like around the sample: its tree, token accounts and editions. `chain.json` is written to the database
// before the server starts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3';
import { publicKey, publicKeyBytes } from '@metaplex-foundation/umi';
import { base58 } from '@metaplex-foundation/umi/serializers';
import { assets } from './known.js';

export const described = JSON.parse(readFileSync(new URL('../chain.json', import.meta.url), 'utf8'));
export const [tree, secondTree] = described.trees;

/** Compressed assets that are leaves of the tree. */
export const leaves = assets.filter((asset) => tree.changes.some((change) => change.asset === asset.id));

/** The one that changed after it was minted. */
export const moved = assets.find((asset) => asset.id === tree.changes.at(-1).asset);

/** Its signatures with what they did, the oldest first. Each is one byte 64 times. */
export const signatures = tree.changes
  .filter((change) => change.asset === moved.id)
  .map((change) => [base58.deserialize(new Uint8Array(64).fill(change.signature))[0], change.instruction]);

/** The same as the second version of the method tells them: the slot of a change is a thousand more than its number. */
export const signaturesWithSlots = tree.changes
  .filter((change) => change.asset === moved.id)
  .map(({ seq }, place) => ({ signature: signatures[place][0], instruction: signatures[place][1], slot: 1000 + seq }));

/** The master edition. */
export const [master] = described.master_editions;

/** The root above a leaf, by its proof. */
export function rootAbove(proof) {
  let hash = publicKeyBytes(proof.leaf);
  let index = proof.node_index;
  for (const sibling of proof.proof.map((text) => publicKeyBytes(text))) {
    const pair = index % 2 === 0 ? [hash, sibling] : [sibling, hash];
    hash = keccak_256(Buffer.concat(pair));
    index = Math.floor(index / 2);
  }
  assert.equal(index, 1);
  return publicKey(hash);
}

/** Whether this is the proof of an asset's leaf. */
export function isProof(proof, asset) {
  const tree = described.trees.find((one) => one.tree === asset.compression.tree);
  assert.equal(proof.leaf, asset.compression.asset_hash);
  assert.equal(proof.tree_id, asset.compression.tree);
  assert.equal(proof.proof.length, tree.depth);
  assert.equal(proof.node_index, 2 ** tree.depth + asset.compression.leaf_id);
  assert.equal(rootAbove(proof), proof.root);
}

/** Reads all of a list in pages of one and of two. */
export async function walk(read, member) {
  const walks = [];
  for (const limit of [1, 2]) {
    const elements = [];
    for (let page = 1; ; page += 1) {
      const result = await read({ page, limit });
      if (result[member].length === 0) break;
      assert.equal(result.total, result[member].length);
      elements.push(...result[member]);
    }
    walks.push(elements);
  }
  assert.deepEqual(walks[0], walks[1]);
  return walks[0];
}

const byAddress = (one, other) => (one.address < other.address ? -1 : 1);

/** The token accounts of an owner, with the empty ones or without. */
export const heldBy = (owner, withEmpty) =>
  described.token_accounts.filter((account) => account.owner === owner && (withEmpty || account.amount > 0));

/** The token accounts of a mint that hold something. */
export const heldOf = (mint) => described.token_accounts.filter((account) => account.mint === mint && account.amount > 0);

/** Whether these are the token accounts, in whatever order. */
export function areHoldings(found, expected) {
  const told = ({ address, mint, owner, amount, delegate, delegated_amount: delegated, frozen }) => ({
    address, mint, owner, amount, delegate: delegate ?? null, delegated: delegated ?? 0, frozen: frozen ?? false,
  });
  assert.deepEqual([...found].sort(byAddress).map(told), [...expected].sort(byAddress).map(told));
}

/** Whether these are the editions of the master edition, in the order of their numbers. */
export function areEditions(found) {
  const told = found.map((edition) => ({
    address: edition.edition_address,
    number: edition.edition_number ?? edition.edition,
    mint: edition.mint_address ?? edition.mint,
  }));
  assert.deepEqual(told, described.editions.map(({ address, number, mint }) => ({ address, number, mint })));
}
