/** The type of a value in Go's words, as messages show it. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "interface {}";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint")
    return Number.isInteger(Number(value)) ? "int" : "float64";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}
