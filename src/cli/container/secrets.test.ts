import { expect, test } from "bun:test";
import { parseSecret, readSecret } from "./secrets.ts";

test("parseSecret() reads every key, and what is not said is swarm's default", () => {
  expect(parseSecret("id=key,src=a/b")).toEqual({
    source: { file: "a/b" },
    secret: { Name: "key", Target: "key", UID: 0, GID: 0, Mode: 0o444 },
  });
  expect(parseSecret("ID=key,env=VAR,target=/etc/key,mode=400,uid=7,gid=8")).toEqual({
    source: { env: "VAR" },
    secret: { Name: "key", Target: "/etc/key", UID: 7, GID: 8, Mode: 0o400 },
  });
  expect(parseSecret('id=key,"source=with,comma",mode=0o640')).toMatchObject({
    source: { file: "with,comma" },
    secret: { Mode: 0o640 },
  });
});

test.each([
  ["src=f", "invalid secret 'src=f': id is required"],
  ["id=key", "secret key: src or env is required"],
  ["id=key,src=f,env=V", "secret key: src and env exclude each other"],
  ["id=a,id=b,src=f", "'id' is given twice in 'id=a,id=b,src=f'"],
  ["id=a,src=f,source=g", "'source' is given twice in 'id=a,src=f,source=g'"],
  ["id=key,src=", "invalid value for src: it is empty"],
  ["id=key,src=f,readonly", "invalid field 'readonly' must be a key=value pair"],
  ["id=key,src=f,type=file", "unexpected key 'type' in 'type=file'"],
  ["id=a/b,src=f", "invalid secret id 'a/b': it must not contain '/'"],
  ["id=key,src=f,mode=888", "secret key: invalid mode: '888'"],
  ["id=key,src=f,gid=-1", "secret key: invalid gid: '-1' is not a number"],
])("parseSecret() refuses %s", (text, reason) => {
  expect(() => parseSecret(text)).toThrow(reason);
});

test("readSecret() sends the bytes as they are", async () => {
  process.env.SECRET_OF_THE_TEST = "käse\n";
  expect(await readSecret("id=key,env=SECRET_OF_THE_TEST")).toMatchObject({ Data: "a8Okc2UK" });
});
