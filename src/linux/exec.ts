import { check, cstring, FFIType, fixedBuffer, openLibc, ptr } from "./libc.ts";

/**
 * Replaces this process by another program under the same pid (execve(2)); returns only by throwing. `argv` includes the
 * program's own name.
 */
export function replaceProcess(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never {
  const libc = openLibc({ execve: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 } });
  const args = pointerArray(argv);
  const variables = pointerArray(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  check(libc.execve(ptr(cstring(path)), ptr(args.pointers), ptr(variables.pointers)), "execve", path);
  throw new Error(`execve ${path} returned (${args.strings.length + variables.strings.length} strings)`);
}

/** A NULL-terminated `char *[]`; `strings` keeps the memory alive. */
function pointerArray(values: readonly string[]): { pointers: BigUint64Array; strings: Buffer[] } {
  const strings = values.map((value) => {
    const bytes = cstring(value);
    const fixed = fixedBuffer(bytes.length);
    fixed.set(bytes);
    return fixed;
  });
  const pointers = new BigUint64Array(new ArrayBuffer(8 * (values.length + 1)));
  for (const [index, string] of strings.entries()) pointers[index] = BigInt(ptr(string));
  return { pointers, strings };
}
