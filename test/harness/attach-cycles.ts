/** Clients of attach and exec that come and go by the hundred, for the tests and (by the ten thousand) the soak. */
import type { TestDaemon } from "./daemon.ts";
import { Wire } from "./wire.ts";

const atOnce = 4;

/** Attaches to a running container and drops the connection, `count` times in all, four at a time. */
export async function cycleAttaches(daemon: TestDaemon, container: string, count: number): Promise<void> {
  const path = `/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      using wire = await Wire.open(daemon.socket, { path, upgrade: true });
      if (wire.status !== 101) throw new Error(`attach answered ${wire.received}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Asks an exec for another size, `count` times; how often each status was the answer. */
export async function floodResizes(daemon: TestDaemon, exec: string, count: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    const { status } = await daemon.api("POST", `/exec/${exec}/resize?h=${1 + (n % 200)}&w=${1 + (n % 300)}`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  return statuses;
}
