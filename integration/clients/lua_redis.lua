-- redis-lua: lua5.1 lua_redis.lua PORT.
local found, redis = pcall(require, 'redis')
if not found then print('no redis-lua') os.exit(77) end

local r = redis.connect('127.0.0.1', tonumber(arg[1]))
assert(r:setex('lua:a', 100, '1') and r:get('lua:a') == '1' and r:ttl('lua:a') > 0)
local replies, count = r:transaction(function(t)
  t:set('lua:a', '2')
  t:incr('lua:a')
  t:get('lua:a')
end)
assert(count == 3 and replies[2] == 3 and replies[3] == '3')
assert(r:get('lua:a') == '3')
r:multi()
r:set('lua:a', 'never')
r:discard()
assert(r:get('lua:a') == '3')
r:quit()
