/** `dns-client.ts NAME SECONDS WINDOW`: asks 127.0.0.11 for NAME with WINDOW questions under way; prints rate and latency as JSON. */
import { encode } from "dns-packet";

const [name = "", seconds = "1", window = "1"] = process.argv.slice(2);
const sentAt = new Map<number, number>();
const latencies: number[] = [];
let id = 0;

const socket = await Bun.udpSocket({
  connect: { hostname: "127.0.0.11", port: 53 },
  socket: {
    data(_socket, bytes) {
      const at = sentAt.get(bytes.readUInt16BE(0));
      if (at === undefined) return;
      sentAt.delete(bytes.readUInt16BE(0));
      latencies.push(performance.now() - at);
      ask();
    },
  },
});

function ask(): void {
  id = (id + 1) % 0x10000;
  sentAt.set(id, performance.now());
  socket.send(encode({ type: "query", id, flags: 0x100, questions: [{ name, type: "A" }] }));
}

for (let i = 0; i < Number(window); i++) ask();
await Bun.sleep(Number(seconds) * 1000);
const sorted = latencies.sort((a, b) => a - b);
const at = (fraction: number): number => sorted[Math.floor(sorted.length * fraction)] ?? 0;
console.log(JSON.stringify({ perSecond: sorted.length / Number(seconds), p50: at(0.5), p99: at(0.99) }));
process.exit(0);
