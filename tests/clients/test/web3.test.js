// @solana/web3.js: the plain methods of a Solana node, which the server passes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, PublicKey } from '@solana/web3.js';
import * as known from '../lib/known.js';
import * as node from '../lib/node.js';

const connection = new Connection(known.endpoint);

test('getBalance', async () => {
  assert.equal(await connection.getBalance(new PublicKey(known.owner)), known.lamports);
});

test('accounts', async () => {
  const [address, told] = Object.entries(node.accounts())[0];
  const found = await connection.getAccountInfo(new PublicKey(address));
  assert.equal(found.owner.toBase58(), told.owner);
  assert.equal(found.data.toString('base64'), told.data);
  const none = new PublicKey(known.unknownId);
  const several = await connection.getMultipleAccountsInfo([none, new PublicKey(address)]);
  assert.deepEqual([several[0], several[1].data.toString('base64')], [null, told.data]);
});

test('an error of the node', async () => {
  await assert.rejects(connection.getSlot(), (error) => error.code === -32601 && /Method not found/.test(error.message));
});

test('a batch of the node\'s methods and ours', async () => {
  const [asset] = known.assets;
  const answers = await connection._rpcBatchRequest([
    { methodName: 'getBalance', args: [known.owner] },
    { methodName: 'getAsset', args: [asset.id] },
    { methodName: 'getSlot', args: [] },
    { methodName: 'getAsset', args: [known.unknownId] },
    { methodName: 'getBalance', args: [known.owner] },
  ]);
  assert.deepEqual(
    answers.map((answer) => answer.error?.code ?? answer.result.value ?? answer.result.id),
    [known.lamports, asset.id, -32601, -32004, known.lamports],
  );
});
