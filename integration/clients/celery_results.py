"""Celery with Redis for its results: python3 celery_results.py PORT. Workers that wait for tasks need BRPOP, which ties
up a connection: they cannot be tried here."""
import sys

try:
    import celery
    from celery.result import AsyncResult
except ImportError as missing:
    print(missing)
    sys.exit(77)

url = f"redis://127.0.0.1:{sys.argv[1]}/0"
app = celery.Celery("tasks", broker="memory://", backend=url)
app.conf.update(task_always_eager=True, task_store_eager_result=True, result_expires=100)


@app.task
def add(x, y):
    return x + y


def stored(identity):
    return AsyncResult(identity, app=app)


# Each state is a SETEX and a PUBLISH in one transaction.
done = add.apply(args=(1, 2))
app.backend.store_result(done.id, 3, "SUCCESS")
assert stored(done.id).state == "SUCCESS" and stored(done.id).result == 3
app.backend.store_result("celery-failed", ValueError("no"), "FAILURE")
assert stored("celery-failed").failed() and isinstance(stored("celery-failed").result, ValueError)
assert 0 < app.backend.client.ttl("celery-task-meta-celery-failed") <= 100
stored("celery-failed").forget()
assert stored("celery-failed").state == "PENDING"

# Tasks are handed in with LPUSH, and counted and removed in transactions.
app.conf.task_always_eager = False
producer = celery.Celery("tasks", broker=url)
with producer.connection_for_write() as connection:
    queue = connection.SimpleQueue("celery-queue")
    queue.put({"task": "add"})
    queue.put({"task": "add"})
    assert queue.qsize() == 2 and queue.clear() == 2
