// A Umi that talks to the server. Its RPC takes any URL.

import { createUmi } from '@metaplex-foundation/umi-bundle-defaults';
import { endpoint } from './known.js';

/** A Umi with a plugin, which puts the methods of DAS on `umi.rpc`. */
export function umiWith(plugin) {
  return createUmi(endpoint).use(plugin);
}
