/** Gives memory that the C library holds and nobody uses back to the system. Takes milliseconds. */
export type MallocTrim = () => void;

/**
 * Null where the C library has no `malloc_trim` (glibc alone has it, as of malloc_trim(3)), or nothing to call it with:
 * koffi is optional.
 */
export async function loadMallocTrim(): Promise<MallocTrim | null> {
  if (process.platform !== 'linux') return null;
  try {
    const { default: koffi } = await import('koffi');
    const trim = koffi.load(null).func('int malloc_trim(size_t pad)');
    return () => void trim(0);
  } catch {
    return null;
  }
}
