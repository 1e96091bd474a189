import { expect, test } from "bun:test";
import { sshCommand } from "./ssh-endpoint.ts";

test.each([
  ["ssh://h", "ssh -o ConnectTimeout=30 -T -- h dhow system dial-stdio"],
  ["ssh://h:2222", "ssh -o ConnectTimeout=30 -T -p 2222 -- h dhow system dial-stdio"],
  [
    "ssh://u@h:2222/run/x.sock",
    "ssh -o ConnectTimeout=30 -T -l u -p 2222 -- h dhow --host unix:///run/x.sock system dial-stdio",
  ],
  ["ssh://u@h/", "ssh -o ConnectTimeout=30 -T -l u -- h dhow system dial-stdio"],
  ["ssh://u%40x@h", "ssh -o ConnectTimeout=30 -T -l u@x -- h dhow system dial-stdio"],
  ["ssh://[::1]:22", "ssh -o ConnectTimeout=30 -T -p 22 -- ::1 dhow system dial-stdio"],
  ["ssh://-oProxyCommand=x", "ssh -o ConnectTimeout=30 -T -- -oProxyCommand=x dhow system dial-stdio"],
])("sshCommand() of %s", (address, command) => {
  expect(sshCommand(address, "dhow").join(" ")).toBe(command);
});

test.each([
  ["ssh://u:pw@h", "plain-text password is not supported"],
  ["ssh://", "hostname is empty"],
  ["ssh:///x", "hostname is empty"],
  ["ssh://u@:22", "hostname is empty"],
  ["ssh://h?x=1", 'query parameters are not allowed: "x=1"'],
  ["ssh://h#x", 'fragments are not allowed: "x"'],
  ["ssh://a%20b", "invalid host"],
  ["ssh://h:x", 'invalid port ":x" after host'],
])("sshCommand() refuses %s", (address, why) => {
  expect(() => sshCommand(address, "docker")).toThrow("ssh host connection is not valid: invalid SSH URL: ");
  expect(() => sshCommand(address, "docker")).toThrow(why);
});
