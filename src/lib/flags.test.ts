import { expect, test } from "bun:test";
import { flag, HelpRequest, parseFlags, splitCsv } from "./flags.ts";
import { describeFlags } from "./flags-help.ts";

const table = {
  all: flag.bool("All", { short: "a" }),
  init: flag.bool("Init", { initial: true }),
  name: flag.string("Name", { short: "n" }),
  count: flag.int("Count", { short: "c", initial: -1 }),
  env: flag.list("Env", { short: "e" }),
  memory: flag.bytes("Memory", { short: "m" }),
  label: flag.map("Label"),
  filter: flag.filter("Filter"),
};

test("parseFlags() reads every getopt form", () => {
  const { flags, args, changed } = parseFlags(table, [
    "-ac5",
    "--name=x",
    "a",
    "-e",
    "A=1",
    "-eB",
    "--init=false",
    "--",
    "-z",
  ]);
  expect(flags.all).toBe(true);
  expect(flags.count).toBe(5);
  expect(flags.name).toBe("x");
  expect(flags.env).toEqual(["A=1", "B"]);
  expect(flags.init).toBe(false);
  expect(args).toEqual(["a", "-z"]);
  expect([...changed].sort()).toEqual(["all", "count", "env", "init", "name"]);
});

test("parseFlags() leaves what follows the first argument alone when not interspersed", () => {
  expect(parseFlags(table, ["-a", "image", "ls", "-a", "--name"], false).args).toEqual(["image", "ls", "-a", "--name"]);
});

test("parseFlags() complains in the words scripts know", () => {
  const complaint = (...argv: string[]): string => {
    try {
      parseFlags(table, argv);
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
    return "";
  };
  expect(complaint("--nope")).toBe("unknown flag: --nope");
  expect(complaint("-az")).toBe("unknown shorthand flag: 'z' in -z");
  expect(complaint("-n")).toBe("flag needs an argument: 'n' in -n");
  expect(complaint("--name")).toBe("flag needs an argument: --name");
  expect(complaint("-c", "x")).toBe(
    'invalid argument "x" for "-c, --count" flag: strconv.ParseInt: parsing "x": invalid syntax',
  );
  expect(complaint("--init=zz")).toBe(
    'invalid argument "zz" for "--init" flag: strconv.ParseBool: parsing "zz": invalid syntax',
  );
  expect(complaint("-m", "zz")).toBe(`invalid argument "zz" for "-m, --memory" flag: invalid size: 'zz'`);
});

test("parseFlags() does not take names of Object.prototype for flags", () => {
  expect(() => parseFlags(table, ["--constructor"])).toThrow("unknown flag: --constructor");
});

test("parseFlags() throws HelpRequest for --help and for -h where it is free", () => {
  expect(() => parseFlags(table, ["--help"])).toThrow(HelpRequest);
  expect(() => parseFlags(table, ["-h"])).toThrow(HelpRequest);
});

test("flag.filter() gathers values by key", () => {
  expect(parseFlags(table, ["-f", "a=1", "--filter", "A=2", "-f", "b=c=d"]).flags.filter).toEqual({
    a: ["1", "2"],
    b: ["c=d"],
  });
});

test("splitCsv() honours quotes", () => {
  expect(splitCsv('type=bind,"src=/a,b",x')).toEqual(["type=bind", "src=/a,b", "x"]);
  expect(() => splitCsv('a"b')).toThrow('bare " in non-quoted-field');
});

test("describeFlags() wraps and names defaults", () => {
  const lines = describeFlags({ last: flag.int("Show the newest N", { short: "n", initial: -1 }) }, 80);
  expect(lines).toBe("  -n, --last int   Show the newest N (default -1)");
});
