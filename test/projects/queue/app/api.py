"""Takes jobs and tells of them; at SIGTERM it takes no more, and ends once those at hand are answered."""
import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

store = redis.Redis(host="redis", decode_responses=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/release":
            return self.answer({"release": os.environ["RELEASE"]})
        done = store.hgetall("done")
        self.answer({"waiting": store.llen("jobs"), "done": len(done), "workers": sorted(set(done.values()))})

    def do_POST(self):
        count = int(self.rfile.read(int(self.headers["Content-Length"])))
        first = store.incrby("last", count) - count + 1
        store.lpush("jobs", *range(first, first + count))
        self.answer({"first": first})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


server = Server(("0.0.0.0", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
