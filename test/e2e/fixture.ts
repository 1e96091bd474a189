/** What most files of this folder begin with: a daemon with a busybox image, and the ledger held against it at the end. */
import { afterAll, beforeAll } from "bun:test";
import { slowness } from "../harness/command.ts";
import { type DaemonOptions, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";

/** Declares the hooks; the returned function gives the daemon once they ran. */
export function withDaemon(options: DaemonOptions = {}): () => TestDaemon {
  let daemon: TestDaemon | undefined;
  let before: Ledger | undefined;
  beforeAll(async () => {
    daemon = await TestDaemon.start(options);
    const imported = await daemon.docker("import", await busyboxTar(), "busybox:latest");
    if (imported.code !== 0) throw new Error(`import failed: ${imported.stderr}`);
    await daemon.dhow("run", "--rm", "busybox", "true");
    before = await settledLedger(daemon);
  }, 60_000 * slowness);
  afterAll(async () => {
    const leaks: unknown[] = [];
    const note = (error: unknown) => leaks.push(error);
    if (daemon && before)
      await expectLedger(daemon, before).catch((error) => note(`${error}\n${daemon?.lastLogged()}`));
    await daemon?.[Symbol.asyncDispose]().catch(note);
    if (leaks.length > 0) throw new Error(leaks.join("\n"));
  }, 60_000 * slowness);
  return () => {
    if (!daemon) throw new Error("the daemon did not start");
    return daemon;
  };
}
