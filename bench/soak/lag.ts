/** `lag.ts SOCKET`, in a process of its own: how long an engine takes to answer what needs no work, every 10 ms until stdin ends. */
const [socket = ""] = process.argv.slice(2);
const periodMs = 10;
const took: number[] = [];
let over = false;
void Bun.stdin.text().then(() => {
  over = true;
});
while (!over) {
  const from = performance.now();
  await (await fetch("http://d/_ping", { unix: socket })).text();
  took.push(performance.now() - from);
  await Bun.sleep(periodMs);
}
took.sort((a, b) => a - b);
const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
console.log(JSON.stringify({ count: took.length, p50: at(0.5), p99: at(0.99), max: at(1) }));

export {};
