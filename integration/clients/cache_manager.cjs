// cache-manager with its store in Redis: node cache_manager.cjs PORT.
const assert = require('node:assert');
let manager, keyv, store;
try {
  manager = require('cache-manager');
  keyv = require('keyv');
  store = require('@keyv/redis');
} catch (missing) { console.log(missing.message.split('\n')[0]); process.exit(77); }

(async () => {
  const redis = new (store.default ?? store)(`redis://127.0.0.1:${process.argv[2]}`);
  const cache = manager.createCache({ stores: [new keyv.Keyv({ store: redis, namespace: 'manager' })] });
  cache.on?.('error', (error) => { console.error(error); process.exit(1); });
  redis.on?.('error', (error) => { console.error(error); process.exit(1); });
  await cache.set('a', { x: 1 }, 100000);
  assert.deepEqual(await cache.get('a'), { x: 1 });
  await cache.mset([{ key: 'b', value: 2, ttl: 100000 }, { key: 'c', value: 3 }]);
  assert.deepEqual(await cache.mget(['a', 'b', 'c', 'd']), [{ x: 1 }, 2, 3, undefined]);
  assert.equal(await cache.wrap('d', async () => 4, 100000), 4);
  assert.equal(await cache.get('d'), 4);
  await cache.mdel(['a', 'b']);
  assert.equal(await cache.get('a'), undefined);
  await cache.clear();
  assert.equal(await cache.get('c'), undefined);
  await cache.disconnect();
})().catch((error) => { console.error(error); process.exit(1); });
