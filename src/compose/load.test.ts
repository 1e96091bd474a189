import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { workMs } from "../../test/harness/work.ts";
import { loadProject } from "./load.ts";
import type { LoadOptions } from "./load-options.ts";
import type { Project } from "./model/project.ts";

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A folder with these files. */
function folder(files: Readonly<Record<string, string>>): string {
  const at = mkdtempSync(join(tmpdir(), "compose-load-"));
  made.push(at);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
  }
  return at;
}

const load = (cwd: string, options: Partial<LoadOptions> = {}): Promise<Project> =>
  loadProject({ cwd, env: {}, ...options });
const one = (image: string): string => `services: {web: {image: ${image}}}`;

describe("loadProject() finds the files", () => {
  test("by their names in order, with an override, and tells of the others", async () => {
    const at = folder({
      "compose.yml": one("a"),
      "docker-compose.yml": one("b"),
      "compose.override.yaml": "services: {web: {command: x}}",
    });
    const told: string[] = [];
    const project = await load(at, { warn: (text) => told.push(text) });
    expect(project.services.web).toMatchObject({ image: "a", command: ["x"] });
    expect(project.composeFiles).toEqual([join(at, "compose.yml"), join(at, "compose.override.yaml")]);
    expect(told).toEqual([
      `Found multiple config files with supported names: ${join(at, "compose.yml")}, ${join(at, "docker-compose.yml")}`,
      `Using ${join(at, "compose.yml")}`,
    ]);
  });

  test("above the working directory, whose .env counts beside the project's own", async () => {
    const at = folder({
      "compose.yaml": 'services: {web: {image: "$A$B"}}',
      ".env": "A=top\nB=top",
      "sub/.env": "A=sub",
    });
    const project = await load(join(at, "sub"));
    expect([project.workingDir, project.services.web!.image]).toEqual([at, "subtop"]);
  });

  test("by COMPOSE_FILE, from .env too, and by -f before it", async () => {
    const at = folder({
      "a.yaml": one("a"),
      "b.yaml": "services: {web: {user: b}}",
      ".env": "COMPOSE_FILE=a.yaml:b.yaml",
    });
    expect((await load(at)).services.web).toMatchObject({ image: "a", user: "b" });
    expect((await load(at, { files: ["a.yaml"] })).services.web!.user).toBeUndefined();
  });

  test("on stdin", async () => {
    const project = await load(folder({}), { files: ["-"], readStdin: async () => one("in"), projectName: "p" });
    expect([project.services.web!.image, project.composeFiles]).toEqual(["in", ["-"]]);
  });

  test("or says that there are none", async () => {
    await expect(load(folder({}))).rejects.toThrow("no configuration file provided: not found");
    await expect(load(folder({}), { files: ["x.yaml"] })).rejects.toThrow(/open .*x\.yaml: no such file or directory/);
    await expect(load(folder({ "compose.yaml": "# nothing\n" }))).rejects.toThrow("empty compose file");
  });
});

describe("loadProject() names the project", () => {
  test("by flag, variable, file and folder, in this order", async () => {
    const at = folder({
      "My_App.v2/compose.yaml": one("a"),
      "named/compose.yaml": `name: in-\${X:-file}\n${one("a")}`,
    });
    const name = async (sub: string, options: Partial<LoadOptions> = {}): Promise<string> =>
      (await load(join(at, sub), options)).name;
    expect(await name("My_App.v2")).toBe("my_appv2");
    expect(await name("named")).toBe("in-file");
    expect(await name("named", { env: { COMPOSE_PROJECT_NAME: "var" } })).toBe("var");
    expect(await name("named", { env: { COMPOSE_PROJECT_NAME: "var" }, projectName: "flag" })).toBe("flag");
    await expect(name("named", { projectName: "Bad Name" })).rejects.toThrow(
      'invalid project name "Bad Name": must consist only of',
    );
  });

  test("after the link by which it was reached, and says so", async () => {
    const at = folder({ "real/compose.yaml": one("a") });
    symlinkSync(join(at, "real"), join(at, "link"));
    const told: string[] = [];
    expect((await load(join(at, "link"), { warn: (text) => told.push(text) })).name).toBe("link");
    expect(told.join()).toContain("from a symlink");
  });
});

describe("loadProject() chooses services", () => {
  const files = {
    "compose.yaml": `
services:
  web: {image: a, depends_on: [db]}
  db: {image: a, volumes: ["data:/d"]}
  tool: {image: a, profiles: [tools], networks: [own]}
volumes: {data: , unused: }
networks: {own: }`,
  };

  test("by profile: flag, variable, or by name", async () => {
    const names = async (options: Partial<LoadOptions>): Promise<string[]> =>
      Object.keys((await load(folder(files), options)).services).sort();
    expect(await names({})).toEqual(["db", "web"]);
    expect(await names({ profiles: ["*"] })).toEqual(["db", "tool", "web"]);
    expect(await names({ env: { COMPOSE_PROFILES: "x, tools" } })).toEqual(["db", "tool", "web"]);
    expect(await names({ services: ["tool"] })).toEqual(["tool"]);
    expect(await names({ services: ["web"] })).toEqual(["db", "web"]);
    expect(await names({ services: ["web"], withoutDependencies: true })).toEqual(["web"]);
    await expect(names({ services: ["ghost"] })).rejects.toThrow("no such service: ghost");
  });

  test("and keeps of the rest what they use", async () => {
    const kept = async (options: Partial<LoadOptions>): Promise<string[][]> => {
      const project = await load(folder(files), options);
      return [Object.keys(project.volumes), Object.keys(project.networks)];
    };
    expect(await kept({})).toEqual([["data"], ["default"]]);
    expect(await kept({ allResources: true })).toEqual([
      ["data", "unused"],
      ["own", "default"],
    ]);
  });
});

test("loadProject() keeps the files of labels, which Docker's Compose 2.40 hashes with a container", async () => {
  const at = folder({ "compose.yaml": "services: {a: {image: a, label_file: /l/a.labels}}" });
  await expect(load(at)).rejects.toThrow("label file /l/a.labels not found");
  writeFileSync(join(at, "a.labels"), "from=file\n");
  writeFileSync(join(at, "compose.yaml"), "services: {a: {image: a, label_file: a.labels}}");
  const { services } = await load(at);
  expect(services.a).toMatchObject({ labels: { from: "file" }, label_file: [join(at, "a.labels")] });
});

test("loadProject() makes a missing folder of a bind mount only where the file says so", async () => {
  const at = folder({
    "compose.yaml": `services: {a: {image: a, volumes: ["./x:/x", {type: bind, source: ./y, target: /y, bind: {create_host_path: false}}]}}`,
  });
  const { services } = await load(at);
  expect(services.a?.volumes?.map(({ bind }) => bind?.create_host_path ?? false)).toEqual([true, false]);
});

describe("loadProject() bounds what it reads", () => {
  test("a file that is too large, a folder, an endless device", async () => {
    const at = folder({ "big.yaml": `x-a: ${"a".repeat(10 << 20)}`, "dir/x": "" });
    await expect(load(at, { files: ["big.yaml"] })).rejects.toThrow("is too large: the limit is 2 MiB");
    await expect(load(at, { files: ["dir"] })).rejects.toThrow("is a directory");
    await expect(load(at, { files: ["/dev/zero"] })).rejects.toThrow("is too large");
  });

  test("a chain of env values that doubles, and an env file that is missing", async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `V${i + 1}=$V${i}$V${i}`);
    const at = folder({ "compose.yaml": one("a"), ".env": `V0=${"x".repeat(100)}\n${lines.join("\n")}` });
    await expect(load(at)).rejects.toThrow("the values are too long");
    const other = folder({ "compose.yaml": "services: {web: {image: a, env_file: ../../gone.env}}" });
    await expect(load(other)).rejects.toThrow(/env file .*gone\.env not found: stat/);
  });

  test("files that include or extend each other so often that they double and double", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`f${i}.yaml`, `include: [f${i + 1}.yaml, {path: f${i + 1}.yaml}]`]),
    );
    const at = folder({ ...files, "f30.yaml": one("a") });
    await expect(load(at, { files: ["f0.yaml"] })).rejects.toThrow("more than 500 files are included");
    const lines = (count: number, line: (i: number) => string): string =>
      `services:\n${Array.from({ length: count }, (_, i) => `  ${line(i)}\n`).join("")}`;
    const many = folder({
      "compose.yaml": lines(500, (i) => `s${i}: {extends: {file: base.yaml, service: b${i % 50}}}`),
      "base.yaml": lines(200, (i) => `b${i}: {image: x, environment: {A: 1, B: 2}}`),
    });
    const start = workMs();
    expect(Object.keys((await load(many)).services)).toHaveLength(500);
    expect(workMs() - start).toBeLessThan(2500);
  });

  test("files of other machines, which are refused by name", async () => {
    for (const file of ["oci://r/a:1", "https://example.com/a.git", "git@example.com:a/b.git"]) {
      const at = folder({ "compose.yaml": `services: {web: {extends: {file: "${file}", service: a}}}` });
      const words = `${file}: Compose files of other machines are not fetched here`;
      await expect(load(at)).rejects.toThrow(words);
      await expect(load(at, { files: [file] })).rejects.toThrow(words);
    }
  });
});

describe("loadProject() brings files of other machines", () => {
  const source = "oci://r/app:1";

  test("for -f, include, extends and COMPOSE_FILE, each once, and those that they name", async () => {
    const there = folder({
      "one/compose.yaml": `include: ["https://h/two.git"]\nservices: {one: {image: $TAG, volumes: ["./data:/d"]}}`,
      "one/.env": "TAG=from-one",
      "two/compose.yaml": "services: {two: {image: b, env_file: two.env}}",
      "two/two.env": "A=b",
    });
    const asked: string[] = [];
    const fetchRemote = async (resource: string): Promise<string> => {
      asked.push(resource);
      return join(there, resource === source ? "one" : "two", "compose.yaml");
    };
    const here = folder({
      "compose.yaml": `include: ["${source}"]\nservices: {x: {extends: {file: "https://h/two.git", service: two}}}`,
    });
    const project = await load(here, { fetchRemote });
    expect(asked.sort()).toEqual(["https://h/two.git", source]);
    expect(project.services).toMatchObject({
      one: { image: "from-one", volumes: [{ source: join(there, "one/data") }] },
      two: { image: "b", environment: { A: "b" } },
      x: { image: "b", environment: { A: "b" } },
    });
    // Its paths stand where it lies; its name and its .env come from here.
    const at = folder({ "my-app/.env": "TAG=from-here" });
    const named = await load(join(at, "my-app"), { fetchRemote, files: [source] });
    expect([named.workingDir, named.name, named.composeFiles]).toEqual([
      join(there, "one"),
      "my-app",
      [join(there, "one/compose.yaml")],
    ]);
    expect(named.services.one?.image).toBe("from-here");
    const moved = await load(folder({}), {
      fetchRemote,
      env: { TAG: "x" },
      files: [source],
      projectDirectory: join(at, "my-app"),
    });
    expect([moved.workingDir, moved.name]).toEqual([join(there, "one"), "my-app"]);
    const byVariable = await load(folder({}), {
      fetchRemote,
      env: { TAG: "x", COMPOSE_FILE: source, COMPOSE_PATH_SEPARATOR: "," },
    });
    expect(Object.keys(byVariable.services).sort()).toEqual(["one", "two"]);
  });

  test("and makes no addresses of this machine's variables, by include or extends", async () => {
    for (const text of [
      'include: ["oci://elsewhere/x:${TOKEN}"]',
      'services: {a: {extends: {file: "https://elsewhere/${TOKEN}.git", service: a}}}',
    ]) {
      const asked: string[] = [];
      const fetchRemote = async (resource: string): Promise<string> => {
        asked.push(resource);
        return join(folder({ "compose.yaml": text }), "compose.yaml");
      };
      const loading = load(folder({}), { fetchRemote, files: [source], env: { TOKEN: "secret" } });
      await expect(loading).rejects.toThrow("a Compose file of another machine may not make addresses of variables");
      expect(asked).toEqual([source]);
    }
  });

  test("and tells what cannot be fetched at its place, a circle, and a chain without end", async () => {
    const at = folder({ "compose.yaml": `include: ["${source}"]\nservices: {x: {image: a, networks: [n], user: 1}}` });
    const refuses = { fetchRemote: () => Promise.reject(new Error("no route to r")) };
    const words = `${join(at, "compose.yaml")}:1:11: no route to r (at include.0)\n`;
    const type = `${join(at, "compose.yaml")}:2:47: services.x.user must be a string`;
    await expect(load(at, refuses)).rejects.toThrow(new Error(words + type));
    await expect(load(at, { ...refuses, files: [source] })).rejects.toThrow(new Error("no route to r"));

    const circle = folder({ "compose.yaml": `include: ["${source}"]` });
    const itself = { fetchRemote: async () => join(circle, "compose.yaml") };
    await expect(load(at, itself)).rejects.toThrow("include cycle detected");

    let count = 0;
    const endless = async (): Promise<string> => {
      const name = `${count++}.yaml`;
      return join(folder({ [name]: `include: ["oci://r/app:n${count}"]` }), name);
    };
    await expect(load(at, { fetchRemote: endless })).rejects.toThrow(
      "more than 20 Compose files of other machines in a chain",
    );
    expect(count).toBeLessThan(22);
  });
});
