import { expect, test } from "bun:test";
import { binarySize, humanSize, parseBytes, parseCpus, significant } from "./units.ts";

test("humanSize() and binarySize() print as Docker's lists do", () => {
  expect([0, 999, 1000, 1984000, 12_345_678_901].map((n) => humanSize(n, 3))).toEqual([
    "0B",
    "999B",
    "1kB",
    "1.98MB",
    "12.3GB",
  ]);
  expect(humanSize(1_984_200)).toBe("1.984MB");
  expect(binarySize(64 * 1024 * 1024)).toBe("64MiB");
  expect(binarySize(8_241_983_488n)).toBe("7.676GiB");
});

test("significant() follows %.3g into exponents", () => {
  expect(significant(999.9, 3)).toBe("1e+03");
  expect(significant(0.00001234, 3)).toBe("1.23e-05");
});

test("parseBytes() reads units of 1024 and refuses the rest", () => {
  expect(["1", "1b", "1k", "1.5m", "2GiB", "3 tb"].map(parseBytes)).toEqual([
    1, 1, 1024, 1572864, 2147483648, 3298534883328,
  ]);
  expect([".5k", "1e3", "1_0k", "+1"].map(parseBytes)).toEqual([512, 1000, 10240, 1]);
  for (const text of ["", "-1", "m"]) expect(() => parseBytes(text)).toThrow(`invalid size: '${text}'`);
  for (const suffix of ["x", "kk", "ib", "bb", "kibx"])
    expect(() => parseBytes(`1${suffix}`)).toThrow(`invalid suffix: '${suffix}'`);
  for (const number of ["1.2.3", "0x10", " 1", "1__0"])
    expect(() => parseBytes(`${number}k`)).toThrow(`strconv.ParseFloat: parsing "${number}": invalid syntax`);
});

test("parseCpus() counts billionths", () => {
  expect([".5", "1.5", "2", "1/2"].map(parseCpus)).toEqual([5e8, 15e8, 2e9, 5e8]);
  expect(() => parseCpus("x")).toThrow("rational");
});
