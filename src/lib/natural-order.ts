/** Order of names as people count: `web2` before `web10`. Less than 0 when `a` comes first; digits come before all else. */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [a.match(chunks) ?? [], b.match(chunks) ?? []];
  for (const [at, one] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    if (isNumber(one) !== isNumber(other)) return isNumber(one) ? -1 : 1;
    const order = isNumber(one) ? numberOrder(one, other) : one < other ? -1 : one > other ? 1 : 0;
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers whole, anything else character by character. */
const chunks = /\d+|\D/gu;

const isNumber = (text: string): boolean => /^\d/.test(text);

/** By value, however long; of equal ones that with fewer zeros in front comes first. */
function numberOrder(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  if (left.length !== right.length) return left.length - right.length;
  if (left !== right) return left < right ? -1 : 1;
  return a.length - b.length;
}
