/** Keys as terminals send them. */

const sequences: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[C": "right",
  "\x1bOC": "right",
  "\x1b[D": "left",
  "\x1bOD": "left",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
  "\x1b[H": "home",
  "\x1b[1~": "home",
  "\x1b[F": "end",
  "\x1b[4~": "end",
  "\x1b[Z": "tab",
};

const controls: Readonly<Record<string, string>> = {
  "\0": "ctrl-space",
  "\t": "tab",
  "\r": "enter",
  "\n": "enter",
  "\x1b": "escape",
  "\x7f": "backspace",
  "\b": "backspace",
};

/** Names of the keys in what was read at once: a character by itself, `up`, `ctrl-f`, ...; what is unknown is left out. */
export function keysOf(text: string): string[] {
  const keys: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const sequence = /^\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])/.exec(rest)?.[0];
    if (sequence) {
      const known = sequences[sequence];
      if (known) keys.push(known);
      rest = rest.slice(sequence.length);
      continue;
    }
    const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    rest = rest.slice(char.length);
    const named = controls[char] ?? (char < " " ? `ctrl-${String.fromCharCode(char.charCodeAt(0) + 96)}` : char);
    keys.push(named);
  }
  return keys;
}
