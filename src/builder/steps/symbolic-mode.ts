/** chmod(1)'s symbolic modes over the bits of one file. */

const bitsOf = { r: 0o444, w: 0o222, x: 0o111 } as const;
const whoMasks = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 } as const;
/** Where a class's three bits stand. */
const shiftOf = { u: 6, g: 3, o: 0 } as const;

/** `mode` after `change`, such as `u=rwX,go=rX`, whose form is right; a missing who is everybody. */
export function changedMode(mode: number, change: string, isDirectory: boolean): number {
  let result = mode;
  for (const clause of change.split(",")) {
    const [, who = "", actions = ""] = /^([ugoa]*)(.*)$/.exec(clause) ?? [];
    const mask = [...(who === "" ? "a" : who)].reduce((sum, one) => sum | whoMasks[one as keyof typeof whoMasks], 0);
    for (const [, operator, permissions = ""] of actions.matchAll(/([-+=])([rwxXst]*|[ugo])/g)) {
      const bits = permissionBits(permissions, result, isDirectory) & mask;
      if (operator === "+") result |= bits;
      else if (operator === "-") result &= ~bits;
      // What `=` does not name of a directory's set-id bits stays, as chmod(1) leaves it.
      else result = (result & ~(mask & (isDirectory ? 0o1777 : 0o7777))) | bits;
    }
  }
  return result;
}

function permissionBits(permissions: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(permissions)) {
    const three = (mode >> shiftOf[permissions as keyof typeof shiftOf]) & 7;
    return three * 0o111;
  }
  let bits = 0;
  for (const letter of permissions) {
    if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? bitsOf.x : 0;
    else if (letter === "s") bits |= 0o6000;
    else if (letter === "t") bits |= 0o1000;
    else bits |= bitsOf[letter as keyof typeof bitsOf];
  }
  return bits;
}
