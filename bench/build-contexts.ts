/** The directories that `bench/builds.ts` builds: each stands for something that people build. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Context extends Disposable {
  readonly path: string;
  write(name: string, text: string): void;
}

export function makeContext(files: Readonly<Record<string, string>>): Context {
  const path = mkdtempSync(join(tmpdir(), "dhow-bench-build-"));
  const write = (name: string, text: string): void => {
    const file = join(path, name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Ten steps: an argument that makes them new, six commands, and three copies, of which `late.txt` comes last but one. */
export const tenSteps = (base: string): Record<string, string> => ({
  Dockerfile: [
    `FROM ${base}`,
    "ARG ROUND",
    "WORKDIR /app",
    "RUN echo $ROUND > round",
    "COPY early.txt .",
    ...["a", "b", "c", "d"].map((name) => `RUN cat round early.txt > ${name}`),
    "COPY sources sources",
    "COPY late.txt .",
    "RUN cat late.txt sources/* > all",
    "",
  ].join("\n"),
  "early.txt": "early\n",
  "late.txt": "late\n",
  ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`sources/${i}.txt`, `source ${i}\n`])),
});

/** Eight stages that work for about half a second each, and one that gathers what they made. */
export const eightStages = (base: string): Record<string, string> => {
  const stages = Array.from({ length: 8 }, (_, i) => i);
  const work = (i: number): string => `ARG ROUND\nRUN dd if=/dev/zero bs=1M count=100 | sha256sum > /sum-${i}`;
  return {
    Dockerfile: [
      ...stages.map((i) => `FROM ${base} AS stage-${i}\n${work(i)}`),
      `FROM ${base}`,
      ...stages.map((i) => `COPY --from=stage-${i} /sum-${i} /`),
      "",
    ].join("\n"),
  };
};

/** 50,000 small files in 500 directories. */
export function manyFiles(base: string): Context {
  const context = makeContext({ Dockerfile: `FROM ${base}\nCOPY . /files\n` });
  for (let i = 0; i < 50_000; i++) context.write(`d${i % 500}/f${i}.txt`, `file ${i}\n`);
  return context;
}

/** A package of Debian's, fetched anew each time. */
export const debianPackage = (base: string): Record<string, string> => ({
  Dockerfile: [
    `FROM ${base}`,
    "ARG ROUND",
    "RUN apt-get update && apt-get install -y --no-install-recommends nginx && rm -rf /var/lib/apt/lists/*",
    "",
  ].join("\n"),
});

/** What a Node application needs, once per engine; where this machine has authorities of its own for TLS, those too. */
export const nodeBase = (base: string): Record<string, string> => {
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  return {
    Dockerfile: [
      `FROM ${base}`,
      "RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm ca-certificates",
      "COPY authorities.pem /etc/authorities.pem",
      "ENV NODE_EXTRA_CA_CERTS=/etc/authorities.pem",
      "",
    ].join("\n"),
    "authorities.pem": authorities ? readFileSync(authorities, "utf8") : "",
  };
};

/** A server in TypeScript: packages, compiler, and a last stage with what runs. */
export const nodeApplication = (base: string): Record<string, string> => ({
  Dockerfile: [
    `FROM ${base} AS build`,
    "ARG ROUND",
    "WORKDIR /app",
    "COPY package.json .",
    "RUN npm install --no-audit --no-fund",
    "COPY . .",
    "RUN npx tsc --outDir out server.ts",
    `FROM ${base}`,
    "WORKDIR /app",
    "COPY package.json .",
    "RUN npm install --omit=dev --no-audit --no-fund",
    "COPY --from=build /app/out out",
    'CMD ["node", "out/server.js"]',
    "",
  ].join("\n"),
  "package.json": JSON.stringify({
    name: "bench",
    version: "1.0.0",
    dependencies: { express: "4.21.2" },
    devDependencies: { typescript: "5.6.3", "@types/node": "20.17.10" },
  }),
  "server.ts":
    'import * as http from "node:http";\nhttp.createServer((_, answer) => answer.end("hello")).listen(8080);\n',
});
