// What the server holds, and what it must therefore answer: worked out from the input, not from any answer.

import { readFileSync } from 'node:fs';
import { publicKeyBytes } from '@metaplex-foundation/umi';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: see tests/clients/README.md`);
  return value;
}

/** Where the server is, without a slash at the end. */
export const base = setting('VITRINE_CLIENTS_URL');

/** A key of a tier without a rate. */
export const key = setting('VITRINE_CLIENTS_KEY');

/** The URL that a dApp puts in the place of its provider's. */
export const endpoint = `${base}/?api-key=${key}`;

/** An asset's id that nobody has. */
export const unknownId = '11111111111111111111111111111112';

const sample = new URL('../../../crates/vitrine/sample/assets.ndjson', import.meta.url);

/** The assets of the shipped sample, as they were imported. */
export const assets = readFileSync(sample, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));

const compareIds = (one, other) => Buffer.compare(publicKeyBytes(one.id), publicKeyBytes(other.id));

/** An asset as getAsset shows it to clients of Helius. */
export function alone(asset) {
  const grouping = asset.grouping
    .filter((group) => group.verified !== false)
    .map(({ group_key, group_value }) => ({ group_key, group_value }));
  return { ...asset, grouping };
}

/** An asset as lists show it without options. */
export function shown(asset) {
  const { token_info: _, ...rest } = alone(asset);
  return rest;
}

/** The asset of the sample with this name. */
export function named(name) {
  const asset = assets.find((one) => one.content.metadata.name === name);
  if (!asset) throw new Error(`the sample has no ${name}`);
  return asset;
}

/** Members of a list in its order: by id, by creation or by last change, ties by id. */
export function list(isMember, sort = 'id', direction = 'desc') {
  const slot = { created: 'slot_created', updated: 'slot_updated', recent_action: 'slot_updated' }[sort];
  const bySlot = (one, other) => (slot ? one[slot] - other[slot] : 0);
  const members = assets.filter((asset) => !(asset.burnt && !asset.compression.compressed) && isMember(asset));
  members.sort((one, other) => bySlot(one, other) || compareIds(one, other));
  return direction === 'asc' ? members : members.reverse();
}

/** Lists by what all their members share. */
export const inGroup = (value) => (asset) =>
  asset.grouping.some((group) => group.group_value === value && group.verified !== false);
export const ownedBy = (owner) => (asset) => asset.ownership.owner === owner;
export const underAuthority = (authority) => (asset) => asset.authorities.some(({ address }) => address === authority);
export const createdBy = (creator, onlyVerified) => (asset) =>
  asset.creators.some(({ address, verified }) => address === creator && (verified || !onlyVerified));

/** Lamports that the Solana node behind the server has for everybody. */
export const lamports = 123_456_789;

/** The lists that are walked: long ones, each of another kind. */
export const collection = '4cSURXn9xALz5m8Y1NRcbzjRgbk4QRKvaJWehbS4dXBx';
export const coreCollection = '2i6uk414pBUaJegxPttGwcsQCywZrGwSuJxsYPtbGHtF';
export const owner = 'DEjjHeLy5MWFCRGcgdXyiyRaLemMCtbDvgABX6nXVeVX';
export const authority = '37L6jX8qdYiNV51JgYNPtMfru7WRAqkUuYoar3dWQZ86';
export const creator = '4gxZFmRSaXzeoso1MhFSv7QCtNpY2CNHwkRMSo8KeGU4';
export const unverifiedCreator = 'op4ncMouYGmYBFiXUKcE3foa1D4gEA8fiB7WATf2Suq';
