import { expect, test } from "bun:test";
import { decode, encode, type Packet, RECURSION_DESIRED, type RecordType } from "dns-packet";
import { answerLocally, FORMERR, failure, SERVFAIL } from "./answer.ts";
import { NameTable } from "./names.ts";

const seen = [{ network: "front", names: [], aliases: {} }];
const table = new NameTable();
table.add({ network: "front", names: ["web"], aliases: {} }, "10.1.0.2");
for (let i = 0; i < 200; i++) table.add({ network: "front", names: ["many"], aliases: {} }, `10.1.1.${i}`);

const query = (name: string, type: RecordType, more: Partial<Packet> = {}): Buffer =>
  encode({ type: "query", id: 77, flags: RECURSION_DESIRED, questions: [{ name, type, class: "IN" }], ...more });
const ask = (bytes: Uint8Array, tcp = false) => answerLocally(bytes, { table, seen }, tcp);
function answered(bytes: Uint8Array, tcp = false) {
  const answer = ask(bytes, tcp);
  if (typeof answer === "string") throw new Error(answer);
  return decode(answer);
}
const rcode = (bytes: Uint8Array): number => {
  const answer = ask(bytes);
  if (typeof answer === "string") throw new Error(answer);
  return (answer[3] ?? 0) & 0xf;
};

test("an address is answered with the query's id, its question and Docker's time to live", () => {
  const packet = answered(query("WEB", "A"));
  expect(packet).toMatchObject({ id: 77, type: "response", flag_aa: true, flag_ra: true, flag_rd: true });
  expect(packet.questions).toMatchObject([{ name: "WEB", type: "A" }]);
  expect(packet.answers).toMatchObject([{ name: "WEB", type: "A", ttl: 600, data: "10.1.0.2" }]);
});

test("what a known name does not have is an empty answer, never a question to others", () => {
  for (const type of ["AAAA", "MX", "TXT", "SRV"] as const) {
    const packet = answered(query("web", type));
    expect(packet).toMatchObject({ rcode: "NOERROR", answers: [] });
  }
});

test("reverse lookups give the name with its network", () => {
  expect(answered(query("2.0.1.10.in-addr.arpa", "PTR")).answers).toMatchObject([{ type: "PTR", data: "web.front" }]);
  expect(ask(query("9.9.9.10.in-addr.arpa", "PTR"))).toBe("forward");
  expect(ask(query("web", "PTR"))).toBe("forward");
});

test("a name has the addresses of both families, each for the question that asks for it", () => {
  const both = { network: "front", names: ["both"], aliases: {} };
  for (const address of ["10.1.0.3", "fd00::3"]) table.add(both, address);
  expect(answered(query("both", "A")).answers).toMatchObject([{ type: "A", data: "10.1.0.3" }]);
  expect(answered(query("both", "AAAA")).answers).toMatchObject([{ type: "AAAA", data: "fd00::3" }]);
  const reversed = `3.${"0.".repeat(29)}d.f.IP6.ARPA`;
  expect(reversed.split(".")).toHaveLength(34);
  expect(answered(query(reversed, "PTR")).answers).toMatchObject([{ type: "PTR", data: "both.front" }]);
  expect(ask(query(reversed.replace("3.", "4."), "PTR"))).toBe("forward");
  table.remove(both, "fd00::3");
  expect(answered(query("both", "AAAA")).answers).toEqual([]);
});

test("an unknown name is for the servers outside", () => {
  expect(ask(query("example.org", "A"))).toBe("forward");
  expect(ask(query("constructor", "A"))).toBe("forward");
});

test("many addresses come in turn, cut to what the client takes", () => {
  const plain = ask(query("many", "A"));
  expect(plain.length).toBeLessThanOrEqual(512);
  expect(decode(plain as Buffer).flag_tc).toBe(true);
  const wide = answered(
    query("many", "A", {
      additionals: [
        {
          name: ".",
          type: "OPT",
          udpPayloadSize: 4096,
          flags: 0,
          flag_do: false,
          extendedRcode: 0,
          ednsVersion: 0,
          options: [],
        },
      ],
    }),
  );
  expect(wide).toMatchObject({ flag_tc: false });
  expect(wide.answers).toHaveLength(200);
  const tcp = answered(query("many", "A"), true).answers?.map((each) => (each as { data: string }).data);
  expect(new Set(tcp).size).toBe(200);
  const again = answered(query("many", "A"), true).answers?.map((each) => (each as { data: string }).data);
  expect(again).not.toEqual(tcp);
});

test("what is no query is dropped: no server talks to another", () => {
  expect(ask(new Uint8Array(0))).toBe("drop");
  expect(ask(query("web", "A").subarray(0, 11))).toBe("drop");
  const response = query("web", "A");
  response[2] = 0x80;
  expect(ask(response)).toBe("drop");
});

test("hardening 106: malformed questions are refused at once", () => {
  const cut = query("web", "A");
  expect(rcode(cut.subarray(0, cut.length - 3))).toBe(FORMERR);
  const loop = Buffer.concat([query("web", "A").subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
  expect(rcode(loop)).toBe(FORMERR);
  const forward = Buffer.concat([query("web", "A").subarray(0, 12), Buffer.of(0xc0, 40, 0, 1, 0, 1)]);
  expect(rcode(forward)).toBe(FORMERR);
  const two = query("web", "A");
  two.writeUInt16BE(2, 4);
  expect(rcode(two)).toBe(FORMERR);
  const notify = query("web", "A");
  notify[2] = 0x20;
  expect(rcode(notify)).toBe(4);
  const lies = query("web", "A");
  lies.writeUInt16BE(0xffff, 6);
  expect([FORMERR, 0]).toContain(rcode(lies));
  for (let i = 0; i < 2000; i++) {
    const noise = crypto.getRandomValues(new Uint8Array(12 + (i % 60)));
    noise[2] = 1;
    noise[4] = 0;
    noise[5] = 1;
    const answer = ask(noise);
    expect(typeof answer === "string" || answer.length >= 12).toBe(true);
  }
});

test("hardening 106: what no resolver asks with is refused before it is read", () => {
  const padded = (bytes: number) => {
    const option = Buffer.alloc(bytes);
    option.writeUInt16BE(12, 0);
    option.writeUInt16BE(bytes - 4, 2);
    const record = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, bytes >> 8, bytes & 0xff]);
    const made = Buffer.concat([query("web", "A"), record, option]);
    made.writeUInt16BE(1, 10);
    return made;
  };
  expect(answered(padded(468)).answers).toHaveLength(1);
  expect(rcode(padded(1400))).toBe(FORMERR);
  const record = Buffer.from([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
  for (const [at, count] of [
    [6, 1],
    [8, 1],
    [10, 3],
  ] as const) {
    const made = Buffer.concat([query("web", "A"), ...Array<Buffer>(count).fill(record)]);
    made.writeUInt16BE(count, at);
    expect([at, rcode(made)]).toEqual([at, FORMERR]);
  }
});

test("failure() repeats a readable question and nothing else", () => {
  const made = decode(failure(query("some.name", "AAAA"), SERVFAIL));
  expect(made).toMatchObject({ id: 77, type: "response", rcode: "SERVFAIL", answers: [] });
  expect(made.questions).toMatchObject([{ name: "some.name", type: "AAAA" }]);
  expect(failure(Buffer.concat([query("x", "A").subarray(0, 12), Buffer.alloc(5, 0xff)]), SERVFAIL)).toHaveLength(12);
});
