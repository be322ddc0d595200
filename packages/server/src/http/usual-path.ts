/**
 * The path of a target as it is meant: senders write a slash behind it, or two where an endpoint that ends in one is
 * joined with a path that begins with one.
 */
export function usualPath(target: string): string {
  const [path = ''] = target.split('?', 1);
  return path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
}
