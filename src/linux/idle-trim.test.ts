import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const trim = fileURLToPath(new URL("./idle-trim.ts", import.meta.url));

/** Resident kB of a process that maps much of its text, before and after a trim forced by a short interval. */
const script = `
  const { trimWhenIdle } = await import(${JSON.stringify(trim)});
  const rss = async () => Number(/^RssFile:\\s+(\\d+)/m.exec(await Bun.file("/proc/self/status").text())[1]);
  for (let i = 0; i < 3e6; i++) JSON.stringify({ i });
  const before = await rss();
  trimWhenIdle({ intervalMs: 200, restMs: 300 });
  await Bun.sleep(1500);
  const after = await rss();
  console.log(JSON.stringify({ before, after, works: JSON.parse('{"a":1}').a }));
`;

test("trimWhenIdle() drops text pages of a process that rests, and the process works on", async () => {
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { before, after, works } = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(works).toBe(1);
  expect(after).toBeLessThan(before * 0.8);
});
