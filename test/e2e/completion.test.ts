/** Shell completion: what is offered where, and a line typed into each shell with the tabulator in it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

// Before the fixture's own, which wants everything given back.
afterAll(async () => {
  await daemon().must("rm", "-f", "offered", "offering");
  await daemon().must("volume", "rm", "offered-volume");
  rmSync(directory, { recursive: true, force: true });
});
const daemon = withDaemon();
const directory = mkdtempSync(join(tmpdir(), "dhow-completion-"));
const bin = join(directory, "bin");
const env = () => ({
  HOME: directory,
  DOCKER_HOST: `unix://${daemon().socket}`,
  DHOW_AUTOSTART: "0",
  DOCKER_CONFIG: join(directory, "config"),
  PATH: `${bin}:${process.env.PATH}`,
});

beforeAll(async () => {
  mkdirSync(bin);
  symlinkSync(dhowBinary, join(bin, "dhow"));
  writeFileSync(join(directory, "a-file"), "");
  writeFileSync(
    join(directory, "shop.yaml"),
    "services: { web: { image: x }, worker: { image: x }, db: { image: x } }",
  );
  await daemon().must("create", "--name", "offered", "busybox", "true");
  await daemon().must("run", "-d", "--name", "offering", "--stop-timeout", "0", "busybox", "sleep", "600");
  await daemon().must("volume", "create", "offered-volume");
});
/** What is offered for the last word of a line; words are parted by one blank. */
async function offers(line: string): Promise<string[]> {
  const { stdout } = await run([dhowBinary, "__complete", ...line.split(" ")], { env: env() });
  return stdout.split("\n").filter((word) => word !== "");
}

test.each([
  ["sta", ["start", "stats"]],
  ["container ren", ["rename"]],
  ["-H unix:///x contex", ["context"]],
  ["-H unix:///nope run busy", []],
  ["--log-level de", []],
  ["run --cap-", ["--cap-add", "--cap-drop"]],
  ["run --cap-add NET_ADMIN --cap-d", ["--cap-drop"]],
  ["run busy", ["busybox:latest"]],
  ["run -it --name busy", []],
  ["run -it --name busy bus", ["busybox:latest"]],
  ["run -vw busy", ["busybox:latest"]],
  ["run -v busy", []],
  ["run -itv busy", []],
  ["run -p8080:80 -eA=b busy", ["busybox:latest"]],
  ["run --network br", ["bridge"]],
  ["run --network=br", ["--network=bridge"]],
  ["run --restart=on", ["--restart=on-failure"]],
  ["run busybox --cap-", []],
  [`compose -f ${join(directory, "shop.yaml")} up w`, ["web", "worker"]],
  [`compose -f ${join(directory, "shop.yaml")} exec web w`, []],
  ["compose -f /nowhere.yaml up w", []],
  ["run busybox off", []],
  ["exec off", ["offering"]],
  ["exec offering off", []],
  ["rm off", ["offered", "offering"]],
  ["rm offered off", ["offering"]],
  ["rm -f offered --vol", ["--volumes"]],
  ["rm -- --vol", []],
  ["rm -- off", ["offered", "offering"]],
  ["stop off", ["offering"]],
  ["rename off", ["offered", "offering"]],
  ["rename offered off", []],
  ["cp off", ["offered:", "offering:"]],
  ["cp /etc/hosts offered", ["offered:"]],
  ["network connect br", ["bridge"]],
  ["network connect bridge off", ["offered", "offering"]],
  ["volume rm off", ["offered-volume"]],
  ["context show de", []],
  ["context use de", ["default"]],
  ["completion ", ["bash", "fish", "zsh"]],
  ["compose u", ["unpause", "up"]],
  ["ps --hel", ["--help"]],
])("%s| is completed by place", async (line, words) => {
  expect(await offers(line)).toEqual(words);
});

const absent = (shell: string): boolean => Bun.which(shell) === null;

/** How each shell is brought up, with a `dhow` that tells what it is called with. */
const setUp: Readonly<Record<string, { command: string[]; lines: string[] }>> = {
  bash: {
    command: ["bash", "--norc", "--noprofile", "-i"],
    lines: [
      "bind 'set enable-bracketed-paste off'; PS1='> '; source <(dhow completion bash)",
      'dhow() { if [ "$1" = __complete ]; then command dhow "$@"; else echo "called"":<$*>"; fi; }',
    ],
  },
  zsh: {
    command: ["zsh", "-f", "-i"],
    lines: [
      "unsetopt zle_bracketed_paste prompt_cr prompt_sp; PS1='> '; autoload -U compinit; compinit -u -D; source <(dhow completion zsh)",
      'dhow() { if [ "$1" = __complete ]; then command dhow "$@"; else echo "called"":<$*>"; fi; }',
    ],
  },
  fish: {
    command: ["fish", "--no-config", "-i"],
    lines: [
      "function fish_prompt; echo '> '; end; dhow completion fish | source",
      'function dhow; if test "$argv[1]" = __complete; command dhow $argv; else; echo "called"":<$argv>"; end; end',
    ],
  },
};

describe.each(Object.keys(setUp))("%s", (shell) => {
  const { command, lines } = setUp[shell]!;

  /** What a line is when the tabulator has been pressed at its end. */
  async function typed(...keys: string[]): Promise<string[]> {
    await using terminal = new TerminalClient(command, { ...env(), TERM: "dumb" }, { cols: 300, rows: 50 });
    for (const line of lines) terminal.type(`${line}\r`);
    terminal.type("echo rea''dy\r");
    await until("a prompt", () => terminal.output.includes("ready"));
    for (const [at, line] of keys.entries()) {
      terminal.type(`${line}\t`);
      // The shell asks before it shows; a second word only comes in when it is done.
      await Bun.sleep(400);
      terminal.type("\r");
      await until(`an answer to ${line}`, () => terminal.output.split("called:<").length > at + 1);
    }
    return [...terminal.output.matchAll(/called:<([^>]*)>/g)].map(([, words = ""]) => words.trim());
  }

  test.skipIf(absent(shell))("a tabulator completes commands, flags, names and files", async () => {
    const results = await typed(
      "dhow container ren",
      "dhow run --cap-d",
      "dhow rm offere",
      "dhow run busyb",
      "dhow run --network=br",
      "dhow run -v busybox:/x busyb",
      "dhow cp offere",
      `dhow load -i ${directory}/a-f`,
      "dhow run busybox:lat",
    );
    expect(results).toEqual([
      "container rename",
      "run --cap-drop",
      "rm offered",
      "run busybox:latest",
      "run --network=bridge",
      "run -v busybox:/x busybox:latest",
      "cp offered:",
      `load -i ${directory}/a-file`,
      "run busybox:latest",
    ]);
  });
});

test.skipIf(absent("zsh"))("zsh loads the script from fpath too, and it works the first time", async () => {
  const functions = join(directory, "functions");
  mkdirSync(functions);
  writeFileSync(join(functions, "_dhow"), (await run([dhowBinary, "completion", "zsh"])).stdout);
  await using terminal = new TerminalClient(["zsh", "-f", "-i"], { ...env(), TERM: "dumb" }, { cols: 300, rows: 50 });
  terminal.type(`fpath=(${functions} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\r`);
  await until("a prompt", () => terminal.output.includes("ready"));
  terminal.type("echo done: dhow container ren; dhow container ren\t");
  await until("the word", () => terminal.output.includes("dhow container rename"));
});

test("a daemon that takes connections and never answers holds no line that is typed", async () => {
  const socket = join(directory, "mute.sock");
  using _mute = Bun.listen({ unix: socket, socket: { data() {} } });
  const asked = await run([dhowBinary, "__complete", "rm", ""], {
    env: { ...env(), DOCKER_HOST: `unix://${socket}` },
    timeoutMs: 30_000,
  });
  expect(asked).toEqual({ code: 1, stdout: "", stderr: "the daemon gave no answer in time\n" });
});

test("an unknown shell is refused", async () => {
  const { code, stderr } = await run([dhowBinary, "completion", "tcsh"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'unknown shell "tcsh": bash, zsh and fish are known\n' });
});
