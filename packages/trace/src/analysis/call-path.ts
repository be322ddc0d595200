import type { Trace } from '../tree/trace.ts';

/** Calls that are nested deeper are a recursion, and have no normal of their own. */
export const PATH_DEPTH_MAX = 64;

/** Stands for the path of a parent that is not here. */
export const ORPHAN_PATH = '0'.repeat(16);

/**
 * The ID of a place in the call tree, whatever trace it is in: 16 hexadecimal digits, of the path above it ('' for
 * none), and of service, name and kind of the span.
 */
export function pathId(above: string, service: string, operation: string, kind: number): string {
  return hashOf(JSON.stringify([above, service, operation, kind]));
}

/** That of a span; null where it is deeper than `PATH_DEPTH_MAX`. */
export function callPathId(trace: Trace, span: number): string | null {
  const chain: number[] = [];
  for (let at = span; at >= 0; at = trace.parentIndex[at]!) {
    chain.push(at);
    if (chain.length > PATH_DEPTH_MAX) return null;
  }
  let id = trace.missingParent[chain.at(-1)!] === 1 ? ORPHAN_PATH : '';
  for (const at of chain.toReversed()) {
    id = pathId(id, trace.services[trace.serviceIndex[at]!] ?? '', trace.names[at] ?? '', trace.kind[at]!);
  }
  return id;
}

/** 64 bits, for keys that nobody chooses to collide. */
function hashOf(text: string): string {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x5f356495);
  }
  low = mixed(low) ^ mixed(high ^ 0x85ebca6b);
  high = mixed(high) ^ mixed(low ^ 0xc2b2ae35);
  return hex(high) + hex(low);
}

function mixed(word: number): number {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
