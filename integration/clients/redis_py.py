"""redis-py: python3 redis_py.py PORT. Its pipeline() is a transaction unless it is asked not to be."""
import sys

try:
    import redis
except ImportError as missing:
    print(missing)
    sys.exit(77)

r = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
assert r.set("redis-py:a", "1", ex=100) and r.get("redis-py:a") == "1" and 0 < r.ttl("redis-py:a") <= 100
assert r.pipeline().set("redis-py:a", "2").incr("redis-py:a").get("redis-py:a").execute() == [True, 3, "3"]
assert r.get("redis-py:a") == "3"
assert r.pipeline().delete("redis-py:a").get("redis-py:a").execute() == [1, None] and r.get("redis-py:a") is None

try:
    r.pipeline().set("redis-py:a", "x").lpush("redis-py:a", "y").set("redis-py:b", "z").execute()
    sys.exit("an error inside the transaction is not raised")
except redis.ResponseError as error:
    assert "WRONGTYPE" in str(error), error
assert r.mget("redis-py:a", "redis-py:b") == ["x", "z"]

try:
    r.pipeline().set("redis-py:a", "never").execute_command("NOSUCHCOMMAND").execute()
    sys.exit("a command that is refused is not raised")
except redis.ResponseError as error:
    assert "unknown command" in str(error), error
assert r.get("redis-py:a") == "x"

pipe = r.pipeline()
for number in range(1000):
    pipe.set(f"redis-py:{number}", number)
assert pipe.execute() == [True] * 1000 and r.get("redis-py:999") == "999"
with r.pipeline() as pipe:  # nothing in it, and left without execute()
    pipe.set("redis-py:a", "never")
assert r.get("redis-py:a") == "x"
