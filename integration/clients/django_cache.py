"""Django's cache with django-redis: python3 django_cache.py PORT."""
import sys

try:
    import django_redis  # noqa: F401
    from django.conf import settings
    from django.core.cache import cache
except ImportError as missing:
    print(missing)
    sys.exit(77)

settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache",
                                       "LOCATION": f"redis://127.0.0.1:{sys.argv[1]}/0", "KEY_PREFIX": "django"}})
cache.set("a", {"x": 1}, timeout=100)
assert cache.get("a") == {"x": 1} and 0 < cache.ttl("a") <= 100
cache.set_many({"b": 2, "c": 3}, timeout=100)
assert cache.get_many(["a", "b", "c", "d"]) == {"a": {"x": 1}, "b": 2, "c": 3}
assert cache.incr("b") == 3 and cache.get("b") == 3
assert cache.add("d", 1) and not cache.add("d", 2) and cache.get("d") == 1
assert cache.get_or_set("e", lambda: 5) == 5 and cache.touch("e", 50) and 0 < cache.ttl("e") <= 50
with cache.lock("lock", timeout=10):
    assert cache.has_key("lock")
assert cache.delete_many(["a", "b"]) == 2 and cache.get("a") is None
assert cache.delete_pattern("*") >= 3 and cache.get("c") is None
