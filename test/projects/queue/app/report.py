"""Notes how many jobs are done."""
import redis

store = redis.Redis(host="redis", decode_responses=True)
done = store.hlen("done")
store.rpush("reports", done)
print(f"{done} jobs are done")
