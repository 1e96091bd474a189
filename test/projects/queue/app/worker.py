"""Does one job after another; at SIGTERM the one at hand is done first. A job is in one of the two lists or done."""
import os
import signal
import time

import redis

store = redis.Redis(host="redis", decode_responses=True)
name = os.uname().nodename
stopping = False


def stop(*_):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)
while not stopping:
    job = store.brpoplpush("jobs", f"doing:{name}", timeout=1)
    if job is None:
        continue
    time.sleep(0.02)
    store.hset("done", job, name)
    store.lrem(f"doing:{name}", 1, job)
