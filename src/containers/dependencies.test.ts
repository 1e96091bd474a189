import { expect, test } from "bun:test";
import { Container } from "./container.ts";
import { ContainerIndex } from "./container-index.ts";
import type { Context } from "./context.ts";
import { Dependencies } from "./dependencies.ts";
import type { ContainerRecord } from "./record.ts";

function contextOf(status: string, health?: string) {
  const id = "a".repeat(64);
  const state = { status, ...(health && { health: { Status: health, FailingStreak: 0, Log: [] } }) };
  const container = new Container({ id, name: "db", state } as unknown as ContainerRecord);
  const index = new ContainerIndex();
  index.add(container);
  const messages: string[] = [];
  const ctx = { index, closing: new AbortController(), log: (text: string) => messages.push(text) };
  return { ctx: ctx as unknown as Context, id, messages };
}

test("met() gives a dependency that never gets healthy its time and no more, and says so", async () => {
  const { ctx, id, messages } = contextOf("running", "starting");
  const before = performance.now();
  await new Dependencies(ctx, 200).met([{ condition: "service_healthy", ids: [id, id] }]);
  expect(performance.now() - before).toBeGreaterThan(190);
  expect(messages).toEqual([`container ${id}: not service_healthy within 0.2 s: dependents start without it`]);
});

test("met() waits for no start that hangs, for nothing unhealthy, ended or unknown, and not past the engine's end", async () => {
  const hanging = contextOf("running", "healthy");
  const dependencies = new Dependencies(hanging.ctx, 100);
  dependencies.starts(hanging.id, new Promise(() => {}));
  await dependencies.met([{ condition: "service_started", ids: [hanging.id] }]);
  for (const [status, health] of [
    ["running", "unhealthy"],
    ["exited", "starting"],
    ["running", undefined],
  ] as const) {
    const { ctx, id, messages } = contextOf(status, health);
    await new Dependencies(ctx).met([{ condition: "service_healthy", ids: [id, "unknown"] }]);
    expect(messages).toEqual([]);
  }
  const closing = contextOf("running");
  const waiting = new Dependencies(closing.ctx).met([
    { condition: "service_completed_successfully", ids: [closing.id] },
  ]);
  closing.ctx.closing.abort();
  await waiting;
  expect(closing.messages).toEqual([]);
});
