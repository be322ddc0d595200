import type { Static, TSchema } from '@sinclair/typebox';

/** Whatever is said of members that may not be changed is the same: JSON has none. */
export type Plain<T> = { readonly [K in keyof T]: Plain<T[K]> };

/** True where the types name the same members, each as optional as in the other. */
// Two functions are the same where what they ask of any type is.
// oxlint-disable-next-line no-unnecessary-type-parameters
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/**
 * Takes the schema of a type that somebody else makes, and of no other: the compiler holds that both name the same
 * members. The types of the API's client need none of this: `scripts/api-types.mjs` writes them from the schemas.
 */
export function responseSchema<T>() {
  return <S extends TSchema>(schema: IsSame<Plain<Static<S>>, Plain<T>> extends true ? S : never): S => schema;
}
