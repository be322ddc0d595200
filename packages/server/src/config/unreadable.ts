const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8',
};

/** Returns why a file could not be read, to follow its name: `not found`, `cannot be read: permission denied`. */
export function unreadable(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'not found' : `cannot be read: ${REASONS[code] ?? message}`;
}
