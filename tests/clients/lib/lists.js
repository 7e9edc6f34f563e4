// What holds of lists, whichever client reads them.

import assert from 'node:assert/strict';
import * as known from './known.js';

const ids = (assets) => assets.map((asset) => asset.id);

/** Compares lists, first by their ids: that fails with a page of text, not with a hundred. */
function same(found, expected) {
  assert.deepEqual(ids(found), ids(expected));
  assert.deepEqual(found, expected);
}

/** A page without what says how current the index is, which no client types. */
export function plain(result) {
  const { last_indexed_slot: slot, ...rest } = result;
  if (slot !== undefined) assert.equal(typeof slot, 'number');
  return rest;
}

/** Reads a whole list by page numbers. */
async function byNumber(read, limit) {
  const items = [];
  for (let page = 1; ; page += 1) {
    const result = await read({ page, limit });
    assert.equal(result.page, page);
    assert.equal(result.limit, limit);
    assert.equal(result.total, result.items.length);
    if (result.items.length === 0) return items;
    items.push(...result.items);
  }
}

/** Reads a whole list by the cursor of each page. */
async function byCursor(read, limit) {
  const items = [];
  for (let cursor; ; ) {
    const result = await read(cursor === undefined ? { limit } : { limit, cursor });
    if (result.items.length === 0) return items;
    items.push(...result.items);
    assert.equal(typeof result.cursor, 'string');
    cursor = result.cursor;
  }
}

/** Reads a whole list by its last id. */
async function byLastId(read, limit, bound) {
  const items = [];
  for (let last; ; ) {
    const result = await read(last === undefined ? { limit } : { limit, [bound]: last });
    if (result.items.length === 0) return items;
    items.push(...result.items);
    last = result.items.at(-1).id;
  }
}

/**
 * Walks a list in every way that the client has.
 *
 * `read` takes `{ page, limit, cursor, before, after, sortBy }` in the client's own spelling; `ways` says which of them
 * the client can send.
 */
export async function walk(read, isMember, ways = ['page', 'cursor', 'range']) {
  const expected = known.list(isMember).map(known.shown);
  assert.ok(expected.length > 3, 'a list of one page proves nothing');
  const limit = Math.ceil(expected.length / 3);
  if (ways.includes('page')) same(await byNumber(read, limit), expected);
  if (ways.includes('cursor')) same(await byCursor(read, limit), expected);
  if (ways.includes('range')) {
    same(await byLastId(read, limit, 'before'), expected);
    const ascending = (paging) => read({ ...paging, sortBy: { sortBy: 'id', sortDirection: 'asc' } });
    assert.deepEqual(ids(await byLastId(ascending, limit, 'after')), ids(expected).reverse());
  }
  for (const sortBy of ['created', 'updated', 'recent_action']) {
    for (const sortDirection of ['asc', 'desc']) {
      const sorted = (paging) => read({ ...paging, sortBy: { sortBy, sortDirection } });
      const items = await byNumber(sorted, limit);
      assert.deepEqual(ids(items), ids(known.list(isMember, sortBy, sortDirection)), `${sortBy} ${sortDirection}`);
    }
  }
}
