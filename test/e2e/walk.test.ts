import { expect, test } from "bun:test";
import { walk, walkSeed } from "../harness/walk/walk.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

test("a random walk of 300 concurrent calls is answered as the model of the state machine says", async () => {
  const seed = walkSeed();
  console.log(`DHOW_WALK_SEED=${seed}`);
  const { contradictions, exact } = await walk(daemon(), { seed, calls: 300, walkers: 3 });
  expect(contradictions).toEqual([]);
  expect(exact).toBeGreaterThan(30);
});
