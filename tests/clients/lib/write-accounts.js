// Writes `accounts.json` and `second.ndjson` anew, and prints the tree of the latter for `chain.json`. It asks no server.

import { writeFileSync } from 'node:fs';

process.env.VITRINE_CLIENTS_URL ??= 'http://127.0.0.1:1';
process.env.VITRINE_CLIENTS_KEY ??= 'none';
const { accounts, secondVersion } = await import('./node.js');
const file = (name) => new URL(`../${name}`, import.meta.url);
writeFileSync(file('accounts.json'), `${JSON.stringify(accounts(), null, 2)}\n`);
const { asset } = secondVersion();
writeFileSync(file('second.ndjson'), `${JSON.stringify(asset)}\n`);
const { tree, asset_hash: leaf, leaf_id: index } = asset.compression;
console.log(JSON.stringify({ tree, asset: asset.id, leaf, index }));
