/**
 * What there is once a process, however many copies of this package run in it: two versions, or one installed and one
 * in a bundle. It is kept on `process` under a name that ends in a version: a change that the other copies would not
 * understand counts that up.
 */
export function processWide<Shared extends object>(name: string, make: () => Shared): Shared {
  const key = Symbol.for(`throughline.${name}`);
  const known = Reflect.get(process, key) as Shared | undefined;
  if (known !== undefined) return known;
  const made = make();
  // A getter: Jest gives each test file a deep copy of `process`, and copies of values would be broken ones.
  Object.defineProperty(process, key, { get: () => made });
  return made;
}
