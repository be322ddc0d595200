export type KeyAction =
  | 'next'
  | 'previous'
  | 'first'
  | 'last'
  | 'inward'
  | 'outward'
  | 'open'
  | 'close'
  | 'nextError'
  | 'previousError'
  | 'nextCritical'
  | 'previousCritical'
  | 'nextMatch'
  | 'previousMatch'
  | 'find'
  | 'help';

interface Shortcut {
  readonly keys: readonly string[];
  readonly action: KeyAction;
  readonly text: string;
  /** Only while the rows have the focus: elsewhere these keys belong to the page. */
  readonly inRowsOnly?: boolean;
}

/** Named as `KeyboardEvent.key` names them. What the help lists is what works. */
export const shortcuts: readonly Shortcut[] = [
  { keys: ['j'], action: 'next', text: 'Next span' },
  { keys: ['ArrowDown'], action: 'next', text: 'Next span', inRowsOnly: true },
  { keys: ['k'], action: 'previous', text: 'Previous span' },
  { keys: ['ArrowUp'], action: 'previous', text: 'Previous span', inRowsOnly: true },
  { keys: ['l'], action: 'inward', text: 'Expand, then go to the first child' },
  { keys: ['ArrowRight'], action: 'inward', text: 'Expand, then go to the first child', inRowsOnly: true },
  { keys: ['h'], action: 'outward', text: 'Collapse, then go to the parent' },
  { keys: ['ArrowLeft'], action: 'outward', text: 'Collapse, then go to the parent', inRowsOnly: true },
  { keys: ['Home'], action: 'first', text: 'First span', inRowsOnly: true },
  { keys: ['End'], action: 'last', text: 'Last span', inRowsOnly: true },
  { keys: ['Enter', ' '], action: 'open', text: 'Open the span', inRowsOnly: true },
  { keys: ['Escape'], action: 'close', text: 'Close the span' },
  { keys: ['e'], action: 'nextError', text: 'Next error' },
  { keys: ['E'], action: 'previousError', text: 'Previous error' },
  { keys: ['c'], action: 'nextCritical', text: 'Next segment of the critical path' },
  { keys: ['C'], action: 'previousCritical', text: 'Previous segment of the critical path' },
  { keys: ['/'], action: 'find', text: 'Find in this trace' },
  { keys: [']'], action: 'nextMatch', text: 'Next match' },
  { keys: ['['], action: 'previousMatch', text: 'Previous match' },
  { keys: ['?'], action: 'help', text: 'Show this help' },
];

/** What a key does; null for a key that is the page's own. */
export function keyAction(key: string, inRows: boolean): KeyAction | null {
  const shortcut = shortcuts.find((candidate) => candidate.keys.includes(key));
  return shortcut === undefined || (shortcut.inRowsOnly === true && !inRows) ? null : shortcut.action;
}
