/** Waits for an effect whose result no client sees. */
export async function ignore(effect: Promise<unknown>): Promise<undefined> {
  await effect;
}
