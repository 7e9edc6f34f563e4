// Which functions of the clients call methods of DAS: each is called by that client's test.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createDasApiDecorator as two } from '@metaplex-foundation/digital-asset-standard-api';
import { das } from '@metaplex-foundation/mpl-core-das';
import { createDasApiDecorator as one } from 'das-api-1';
import { Helius } from 'helius-sdk-1';
import { createHelius } from 'helius-sdk-2';

const isOfDas = (name) => /^(getAsset|getNftEditions$|getTokenAccounts$|getSignaturesForAsset$|getGrouping$|searchAssets$)/.test(name);
const heliusOne = new Helius('none', 'devnet').rpc;
const heliusTwo = createHelius({ apiKey: 'none' });

for (const [file, called, count, names] of [
  ['das-api-1', 'rpc', 10, Object.keys(one({}))],
  ['das-api-2', 'rpc', 13, Object.keys(two({}))],
  ['mpl-core-das', 'das', 10, Object.keys(das)],
  ['helius-sdk-1', 'rpc', 11, Object.getOwnPropertyNames(Object.getPrototypeOf(heliusOne)).filter(isOfDas)],
  ['helius-sdk-2', 'helius', 12, Object.getOwnPropertyNames(heliusTwo).filter(isOfDas)],
]) {
  test(file, () => {
    const text = readFileSync(new URL(`./${file}.test.js`, import.meta.url), 'utf8');
    assert.deepEqual(names.filter((name) => !text.includes(`${called}.${name}(`)), [], 'nobody calls these');
    assert.equal(names.length, count);
  });
}
