/**
 * Many networks and endpoints that come and go at once. Each worker has containers of its own and shares the networks with
 * the others, so that every call must succeed; no two endpoints of a network may have one address at any time.
 */
import type { Network } from "../../src/api/networks.ts";
import type { TestDaemon } from "../../test/harness/daemon.ts";
import { expectLedger, settledLedger } from "../../test/harness/ledger.ts";

const networkCount = 200;
const containerCount = 40;
const workers = 8;
/** What each container is connected to besides its first network: 200 endpoints in all. */
const connections = 4;

/** Networks for a daemon of this soak: more than the tests' pool has. */
export const networkPool = "--default-address-pool=base=10.219.0.0/16,size=27";

const networkName = (index: number): string => `soak-net-${index % networkCount}`;
const pick = (limit: number): number => Math.floor(Math.random() * limit);

export async function networks(
  daemon: TestDaemon,
  minutes: number,
  sample: (label: string) => Promise<void>,
): Promise<string[]> {
  const before = await settledLedger(daemon);
  const broken: string[] = [];
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    // Each on a connection of its own: those that a client keeps open would count as leaked descriptors.
    const answer = await fetch(`http://engine${path}`, {
      method,
      unix: daemon.socket,
      keepalive: false,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} -> ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  const each = (count: number, action: (index: number) => Promise<unknown>): Promise<unknown> => {
    let next = 0;
    const lane = async () => {
      while (next < count) await action(next++);
    };
    return Promise.all(Array.from({ length: workers }, lane));
  };
  let rounds = 0;
  const connect = (index: number, container: string) =>
    call("POST", `/networks/${networkName(index)}/connect`, { Container: container });
  const disconnect = (index: number, container: string) =>
    call("POST", `/networks/${networkName(index)}/disconnect`, { Container: container });

  await each(networkCount, (index) => call("POST", "/networks/create", { Name: networkName(index) }));
  await each(containerCount, async (index) => {
    await call("POST", `/containers/create?name=soak-${index}`, {
      Image: "busybox",
      Cmd: ["sleep", "86400"],
      HostConfig: { NetworkMode: networkName(index) },
    });
    await call("POST", `/containers/soak-${index}/start`);
    for (let n = 1; n <= connections; n++) await connect(index + n, `soak-${index}`);
  });
  await sample(`${networkCount} networks, ${containerCount * (connections + 1)} endpoints`);

  const end = Date.now() + minutes * 60_000;
  /** Changes one container's connections, and asks another container's name over a network that both are in. */
  const round = async (index: number, worker: number): Promise<void> => {
    const container = `soak-${index}`;
    const [at, extra] = [1 + pick(connections), `soak-extra-${worker}-${rounds}`];
    await disconnect(index + at, container);
    await connect(index + at, container);
    await call("POST", "/networks/create", { Name: extra });
    await call("POST", `/networks/${extra}/connect`, { Container: container });
    await call("POST", `/networks/${extra}/disconnect`, { Container: container });
    await call("DELETE", `/networks/${extra}`);
    if (pick(10) === 0) await call("POST", `/containers/${container}/restart?t=0`);
    rounds++;
  };
  const work = async (worker: number): Promise<void> => {
    const own = Array.from({ length: containerCount / workers }, (_, n) => worker + n * workers);
    while (Date.now() < end) await round(own[pick(own.length)] ?? worker, worker);
  };
  const look = async (): Promise<void> => {
    while (Date.now() < end) {
      await Bun.sleep(1000);
      for (const text of await duplicates(call)) broken.push(text);
    }
  };
  const watch = setInterval(() => void sample(`${rounds} rounds`), 30_000);
  try {
    await Promise.all([...Array.from({ length: workers }, (_, worker) => work(worker)), look()]);
  } catch (error) {
    broken.push(String(error));
  } finally {
    clearInterval(watch);
  }
  broken.push(...(await duplicates(call)), ...(await unreached(daemon)));
  await sample(`end, ${rounds} rounds`);
  await each(containerCount, (index) => call("DELETE", `/containers/soak-${index}?force=1`));
  await each(networkCount, (index) => call("DELETE", `/networks/${networkName(index)}`));
  await expectLedger(daemon, before).catch((error) => broken.push(String(error)));
  console.log(`\n${rounds} rounds passed, ${broken.length} failed`);
  return broken;
}

/** Addresses that two endpoints of one network have at the same time. */
async function duplicates(call: <T>(method: string, path: string) => Promise<T>): Promise<string[]> {
  const list = await call<Network[]>("GET", "/networks");
  const found: string[] = [];
  for (const { Id, Name } of list) {
    if (!Name.startsWith("soak-net-")) continue;
    const { Containers } = await call<Network>("GET", `/networks/${Id}`);
    const addresses = Object.values(Containers).map(({ IPv4Address }) => IPv4Address);
    const twice = addresses.filter((one, index) => one !== "" && addresses.indexOf(one) !== index);
    if (twice.length > 0) found.push(`${Name} has ${twice.join(", ")} twice`);
  }
  return found;
}

/** Neighbours that do not answer by name over the network that both are in. */
async function unreached(daemon: TestDaemon): Promise<string[]> {
  const found: string[] = [];
  for (let index = 0; index + 1 < containerCount; index++) {
    const target = `soak-${index + 1}.${networkName(index + 1)}`;
    const { code, stderr } = await daemon.dhow("exec", `soak-${index}`, "ping", "-c", "1", "-W", "2", target);
    if (code !== 0) found.push(`soak-${index} does not reach ${target}: ${stderr}`);
  }
  return found;
}
