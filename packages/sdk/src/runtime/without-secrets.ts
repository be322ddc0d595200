/** What was meant as a URL, without what may be credentials: user and password, query and fragment. */
export function withoutSecrets(url: string): string {
  // A password may hold whatever ends it in a URL: what comes before the last @ may be one.
  return url.replace(/^([a-z][\w+.-]*:\/\/)?.*@/is, '$1…@').replace(/[?#].*$/s, '?…');
}
