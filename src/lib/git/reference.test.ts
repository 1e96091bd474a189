import { expect, test } from "bun:test";
import { withoutCredentials } from "../url-credentials.ts";
import { readGitReference } from "./reference.ts";

const plain = {
  credentials: null,
  ref: "",
  subdirectory: "",
  checksum: null,
  keepsGitDirectory: null,
  submodules: null,
};

test.each([
  ["https://h/r.git", { remote: "https://h/r.git" }],
  ["https://h/r.git#main", { remote: "https://h/r.git", ref: "main" }],
  ["https://h/r.git#:sub", { remote: "https://h/r.git", subdirectory: "sub" }],
  ["git://h/r#v1:a/b", { remote: "git://h/r", ref: "v1", subdirectory: "a/b" }],
  ["ssh://git@h:22/r", { remote: "ssh://git@h:22/r" }],
  ["git@h:a/r.git#x", { remote: "git@h:a/r.git", ref: "x" }],
  ["https://u:p%40@h/r.git", { remote: "https://h/r.git", credentials: { user: "u", password: "p@" } }],
  ["https://h/r.git?tag=v1&submodules=0", { remote: "https://h/r.git", ref: "refs/tags/v1", submodules: false }],
  ["https://h/r.git?commit=0123abcd", { remote: "https://h/r.git", ref: "0123abcd", checksum: "0123abcd" }],
  ["https://h/r.git?keep-git-dir", { remote: "https://h/r.git", keepsGitDirectory: true }],
])("readGitReference(%j)", (text, wanted) => {
  expect(readGitReference(text)).toEqual({ ...plain, ...wanted });
});

test.each(["https://h/file.tar.gz", "./a.git", "a/b", "C:/x", "ext::sh -c x", "file:///r.git", "https://h/r.git/"])(
  "readGitReference(%j) is no repository",
  (text) => {
    expect(readGitReference(text)).toBe(null);
  },
);

test.each([
  ["https://h/r.git#-x", '"-x" is no part of a git source'],
  ["https://-h/r.git", '"-h/r.git" is no part of a git source'],
  ["https://h/r.git#a:-b", '"-b" is no part of a git source'],
  ["git@-oProxyCommand=x:r", null],
  ["https://h/r.git#a:../b", "outside of the repository"],
  ["https://h/r.git#a:/../../b", "outside of the repository"],
  ["https://h/r.git#a:b/../../c", "outside of the repository"],
  ["https://h/r.git?ref=a#b", 'ref conflicts: "b" vs "a"'],
  ["https://h/r.git?tag=a&branch=b", "branch conflicts with tag"],
  ["https://h/r.git?x=1", 'unexpected query "x"'],
  ["https://h/r.git?ref=", 'query "ref" has no value'],
  ["https://h/r.git?ref=a&ref=b", 'query "ref" has multiple values'],
  ["https://h/r.git?checksum=zz", 'invalid checksum "zz"'],
  ["https://h/r.git?submodules=some", 'invalid submodules value: "some"'],
])("readGitReference(%j) is refused or none: %p", (text, why) => {
  if (why === null) expect(readGitReference(text)).toBe(null);
  else expect(() => readGitReference(text)).toThrow(why);
});

test("withoutCredentials() leaves the rest of a text as it is", () => {
  expect(withoutCredentials("ADD https://u:p@h/x http://token@h git@h:r ssh://git@h/r ssh://a:b@h /y")).toBe(
    "ADD https://xxxxx:xxxxx@h/x http://xxxxx:xxxxx@h git@h:r ssh://git@h/r ssh://xxxxx:xxxxx@h /y",
  );
});
