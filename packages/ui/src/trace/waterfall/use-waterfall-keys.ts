import { useLayoutEffect, useRef, type RefObject } from 'react';
import type { TraceModel } from '../model/trace-model.ts';
import { keyAction, type KeyAction } from './keys.ts';
import { nextPlace, nextSegment } from './navigation.ts';

interface WaterfallKeys {
  readonly model: TraceModel;
  readonly rows: Int32Array;
  readonly rowOfSpan: Int32Array;
  readonly folded: ReadonlySet<number>;
  readonly active: number;
  readonly matches: ReadonlySet<number> | null;
  readonly grid: RefObject<HTMLElement | null>;
  readonly panelOpen: boolean;
  /** Goes to a span, and has the panel follow where `open` is set. */
  readonly onGo: (index: number, open: boolean) => void;
  readonly onFold: (index: number) => void;
  /** -1 closes. */
  readonly onOpen: (index: number) => void;
  readonly onFind: () => void;
  readonly onHelp: () => void;
}

/** Lets the keys of `keys.ts` work on the whole page, except where somebody types. */
export function useWaterfallKeys(keys: WaterfallKeys): void {
  const latest = useRef(keys);
  const segment = useRef(-1);
  useLayoutEffect(() => {
    latest.current = keys;
  });
  // Before the first paint: a key that is pressed on what can be seen is never lost.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (!(target instanceof HTMLElement) || isTyping(target)) return;
      const { grid, panelOpen } = latest.current;
      const action = keyAction(event.key, target === grid.current);
      if (action === null || (action === 'close' && !panelOpen)) return;
      event.preventDefault();
      // The critical path is walked in time, not down the page: the next segment may be above.
      if (action === 'nextCritical' || action === 'previousCritical') {
        const { model, active } = latest.current;
        segment.current = nextSegment(model.segments.span, segment.current, active, action === 'nextCritical' ? 1 : -1);
        go(model.segments.span[segment.current] ?? -1, latest.current);
      } else perform(action, latest.current);
      if (action !== 'find' && action !== 'help') grid.current?.focus({ preventScroll: true });
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

function isTyping(target: HTMLElement): boolean {
  return target.closest('input, textarea, select, dialog[open], [contenteditable]') !== null;
}

function perform(action: KeyAction, keys: WaterfallKeys): void {
  if (action === 'find') return keys.onFind();
  if (action === 'help') return keys.onHelp();
  if (action === 'close') return keys.onOpen(-1);
  if (action === 'open') return keys.onOpen(keys.active);
  if (action === 'inward' || action === 'outward') return foldOrMove(action, keys);
  return go(targetOf(action, keys), keys);
}

function go(target: number, { onGo, panelOpen }: WaterfallKeys): void {
  if (target >= 0) onGo(target, panelOpen);
}

/** Opens or closes a level first, and moves along it only when there is nothing left to open or close. */
function foldOrMove(action: 'inward' | 'outward', keys: WaterfallKeys): void {
  const { model, rows, rowOfSpan, folded, active } = keys;
  if (active < 0) return;
  const isParent = (model.subtreeSize[active] ?? 1) > 1;
  if (isParent && folded.has(active) === (action === 'inward')) return keys.onFold(active);
  const parent = model.parentIndex[active] ?? -1;
  const child = isParent ? (rows[(rowOfSpan[active] ?? -1) + 1] ?? -1) : -1;
  return go(action === 'outward' ? parent : child, keys);
}

/** The span to go to; -1 where there is none. */
function targetOf(action: KeyAction, { model, rows, rowOfSpan, active, matches }: WaterfallKeys): number {
  const place = rowOfSpan[active] ?? -1;
  const among = (step: 1 | -1, wanted: (index: number) => boolean): number =>
    nextPlace(model.spanCount, active, step, wanted);
  const isError = (index: number): boolean => model.isError[index] === 1;
  const isMatch = (index: number): boolean => matches?.has(index) ?? false;
  switch (action) {
    case 'next':
      return rows[Math.min(place + 1, rows.length - 1)] ?? -1;
    case 'previous':
      return rows[Math.max(place - 1, 0)] ?? -1;
    case 'first':
      return rows[0] ?? -1;
    case 'last':
      return rows.at(-1) ?? -1;
    case 'nextError':
      return among(1, isError);
    case 'previousError':
      return among(-1, isError);
    case 'nextMatch':
      return among(1, isMatch);
    case 'previousMatch':
      return among(-1, isMatch);
    default:
      return -1;
  }
}
