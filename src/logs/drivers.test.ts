import { describe, expect, test } from "bun:test";
import { messageOf } from "../lib/errors.ts";
import { checkLogConfig, logDriverNames } from "./drivers.ts";
import { info } from "./fixtures/sinks.ts";
import { extraAttributes, tagOf } from "./log-info.ts";
import { logTarget } from "./log-target.ts";

function refusal(Type: string, Config: Record<string, string>): string | null {
  try {
    checkLogConfig({ Type, Config });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

describe("checkLogConfig() refuses in dockerd's words", () => {
  // As dockerd 28.5.2 answered.
  test.each<[string, Record<string, string>, string]>([
    ["awslogs", {}, 'error looking up logging plugin awslogs: plugin "awslogs" not found'],
    ["json-file", { foo: "x" }, "unknown log opt 'foo' for json-file log driver"],
    ["local", { labels: "x" }, "unknown log opt 'labels' for log driver local"],
    ["json-file", { mode: "x" }, "logger: logging mode not supported: x"],
    [
      "json-file",
      { "max-buffer-size": "1m" },
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ],
    [
      "json-file",
      { mode: "non-blocking", "max-buffer-size": "x" },
      "error parsing option max-buffer-size: invalid size: 'x'",
    ],
    ["syslog", { "cache-disabled": "x" }, "invalid value for option cache-disabled: x"],
    ["syslog", { "cache-foo": "x" }, "unknown log opt 'cache-foo' for syslog log driver"],
    ["syslog", { foo: "1" }, "unknown log opt 'foo' for syslog log driver"],
    ["syslog", { "syslog-address": "127.0.0.1" }, "unsupported scheme: ''"],
    [
      "syslog",
      { "syslog-address": "127.0.0.1:514" },
      'parse "127.0.0.1:514": first path segment in URL cannot contain colon',
    ],
    ["syslog", { "syslog-address": "http://x" }, "unsupported scheme: 'http'"],
    ["syslog", { "syslog-address": "unix:///nope" }, "stat /nope: no such file or directory"],
    ["syslog", { "syslog-facility": "foo" }, "invalid syslog facility"],
    ["syslog", { "syslog-format": "foo" }, "Invalid syslog format"],
    ["journald", { foo: "1" }, "unknown log opt 'foo' for journald log driver"],
    [
      "fluentd",
      { "fluentd-address": "tcp://x:99999" },
      'invalid fluentd-address (tcp://x:99999): invalid port: strconv.ParseUint: parsing "99999": value out of range',
    ],
    [
      "fluentd",
      { "fluentd-write-timeout": "-5s" },
      "invalid value for fluentd-write-timeout: value must be a duration that is non-negative",
    ],
    ["gelf", {}, "gelf-address is a required parameter"],
    ["gelf", { "gelf-address": "http://a:1" }, "gelf: endpoint needs to be TCP or UDP"],
    ["gelf", { "gelf-address": "udp://a" }, "gelf: please provide gelf-address as proto://host:port"],
    [
      "gelf",
      { "gelf-address": "udp://a:1", "gelf-compression-level": "99" },
      'unknown value "99" for log opt "gelf-compression-level" for gelf log driver',
    ],
    ["gelf", { "gelf-address": "tcp://a:1", "gelf-compression-type": "gzip" }, "compression is only supported on UDP"],
    [
      "gelf",
      { "gelf-address": "udp://a:1", "gelf-tcp-max-reconnect": "1" },
      '"gelf-tcp-max-reconnect" is only valid for TCP',
    ],
    [
      "gelf",
      { "gelf-address": "tcp://a:1", "gelf-tcp-max-reconnect": "-1" },
      '"gelf-tcp-max-reconnect" must be a positive integer',
    ],
    ["gelf", { "gelf-address": "tcp://a:1", foo: "1" }, 'unknown log opt "foo" for gelf log driver'],
    ["fluentd", { foo: "1" }, "unknown log opt 'foo' for fluentd log driver"],
    [
      "fluentd",
      { "fluentd-address": "http://a:1" },
      "invalid fluentd-address (http://a:1): unsupported scheme: 'http'",
    ],
    [
      "fluentd",
      { "fluentd-address": "a:b" },
      'invalid fluentd-address (a:b): parse "tcp://a:b": invalid port ":b" after host',
    ],
    ["fluentd", { "fluentd-address": "unix://" }, "invalid fluentd-address (unix://): path is empty"],
    [
      "fluentd",
      { "fluentd-address": "tcp://a:1/p" },
      "invalid fluentd-address (tcp://a:1/p): should not contain a path element",
    ],
    ["fluentd", { "fluentd-async": "x" }, 'strconv.ParseBool: parsing "x": invalid syntax'],
    ["fluentd", { "fluentd-buffer-limit": "x" }, "invalid size: 'x'"],
    ["fluentd", { "fluentd-max-retries": "x" }, 'strconv.ParseUint: parsing "x": invalid syntax'],
    ["fluentd", { "fluentd-retry-wait": "x" }, 'time: invalid duration "x"'],
    [
      "fluentd",
      { "fluentd-write-timeout": "x" },
      'invalid value for fluentd-write-timeout: value must be a duration: time: invalid duration "x"',
    ],
    [
      "fluentd",
      { "fluentd-async-reconnect-interval": "5ms" },
      'invalid value for fluentd-async-reconnect-interval: value ("5ms") must be between 100ms and 10s',
    ],
  ])("%s %o", (driver, options, words) => {
    expect(refusal(driver, options)).toBe(words);
  });

  test("and takes what every driver takes", () => {
    const common = { mode: "non-blocking", "max-buffer-size": "4m", "cache-disabled": "true", "cache-max-size": "1m" };
    const own: Record<string, Record<string, string>> = { gelf: { "gelf-address": "udp://127.0.0.1:1" } };
    for (const name of logDriverNames) expect(refusal(name, { ...common, ...own[name] })).toBeNull();
    expect(refusal("syslog", { "syslog-facility": "23", "syslog-format": "rfc5424", tag: "{{.Name}}" })).toBeNull();
  });
});

describe("logTarget()", () => {
  const target = (Type: string, Config: Record<string, string>) => logTarget({ Type, Config }, info(Config), "/c");
  const path = `/c/${info({}).containerId}-json.log`;

  test("rotates a json-file log that says nothing of sizes: 5 files of 20 MB, packed", () => {
    const kept = { path, format: "json-file", maxSize: 20_000_000, maxFile: 5, compress: true } as const;
    expect(target("json-file", {})).toEqual(kept);
    expect(target("json-file", { tag: "{{.Name}}", labels: "team,none", env: "COLOUR" })).toEqual({
      ...kept,
      attrs: { team: "blue", COLOUR: "red", tag: "web" },
    });
  });

  test("does with explicit sizes what dockerd does", () => {
    expect(target("json-file", { "max-size": "10m" })).toMatchObject({ maxSize: 10e6, maxFile: 1, compress: false });
    expect(target("json-file", { "max-size": "-1" })).toMatchObject({ maxSize: 0 });
    expect(target("json-file", { "max-file": "3" })).toMatchObject({ maxSize: 0, maxFile: 3 });
    expect(target("json-file", { "max-size": "1k", "max-file": "2", compress: "1" })).toMatchObject({ compress: true });
    expect(target("none", {})).toBeNull();
    expect(target("local", {})).toMatchObject({ path: "/c/local-logs/container.log", maxSize: 20 * 2 ** 20 });
  });

  // As dockerd 28.5.2 answered at the start.
  test.each<[string, Record<string, string>, string]>([
    ["json-file", { compress: "true" }, "compress cannot be true when max-file is less than 2 or max-size is not set"],
    ["json-file", { compress: "x" }, 'strconv.ParseBool: parsing "x": invalid syntax'],
    ["json-file", { "max-size": "x" }, "invalid size: 'x'"],
    ["json-file", { "max-size": "0" }, "max-size must be a positive number"],
    ["json-file", { "max-file": "x" }, 'strconv.Atoi: parsing "x": invalid syntax'],
    ["json-file", { "max-file": "0" }, "max-file cannot be less than 1"],
    ["local", { "max-size": "x" }, "invalid value for max-size: x: invalid size: 'x'"],
    ["local", { "max-file": "0" }, "compression cannot be enabled when max file count is 1"],
    [
      "json-file",
      { tag: "{{.Foo}}" },
      'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
    ],
  ])("refuses %s %o", (driver, options, words) => {
    expect(() => target(driver, options)).toThrow(words);
  });

  test("keeps a cache for drivers that deliver elsewhere, with a place for what is delivered", () => {
    expect(target("syslog", {})).toEqual({
      path: "/c/container-cached.log",
      format: "json-file",
      position: "/c/container-cached.log.position",
      maxSize: 20 * 2 ** 20,
      maxFile: 5,
      compress: true,
    });
    expect(target("syslog", { "cache-max-size": "1m", "cache-max-file": "1" })).toMatchObject({
      maxSize: 2 ** 20,
      maxFile: 1,
      compress: false,
    });
    expect(target("syslog", { "cache-disabled": "true", mode: "non-blocking", "max-buffer-size": "9m" })).toMatchObject(
      { maxSize: 9 * 2 ** 20, maxFile: 2, compress: false },
    );
  });
});

test("tagOf() runs Docker's template over what Docker tells it", () => {
  const tag = (source: string): string => tagOf(info({ tag: source }), "");
  expect(tag("{{.ImageName}}/{{.Name}}/{{.ID}}")).toBe("busybox/web/0123456789ab");
  expect(tag("{{.DaemonName}} {{.FullID}} {{.ContainerName}} {{.ImageID}}")).toBe(
    `docker ${info({}).containerId} /web sha256:ccccc`,
  );
  expect(tag('{{.Command}} {{index .ContainerLabels "com.example.x"}} {{upper .Name}}')).toBe("sh -c echo <hi> 1 WEB");
  expect(tagOf(info({}), "{{.ID}}")).toBe("0123456789ab");
});

test("extraAttributes() takes labels and variables by name and by pattern", () => {
  const extra = (config: Record<string, string>) => extraAttributes(info(config));
  expect(extra({})).toEqual({});
  expect(extra({ labels: "team", "labels-regex": "^com\\.", env: "EMPTY,NONE", "env-regex": "(?i)^col" })).toEqual({
    team: "blue",
    "com.example.x": "1",
    EMPTY: "",
    COLOUR: "red",
  });
  expect(extraAttributes(info({ labels: "team" }), (key) => `_${key}`)).toEqual({ _team: "blue" });
  expect(() => extra({ "env-regex": "([" })).toThrow("error parsing regexp: ");
});
