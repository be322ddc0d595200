import { useEffect, useLayoutEffect, useState, type RefObject } from 'react';
import { rowPx } from './geometry.ts';
import { rowWindow, type RowWindow } from './row-window.ts';

/** Enough for one frame of fast scrolling; more would only cost time. */
const overscan = 14;

/** The rows of `ref`'s element that the browser window shows, followed as the page scrolls and changes its size. */
export function useRowWindow(ref: RefObject<HTMLElement | null>, rowCount: number): RowWindow {
  const [shown, setShown] = useState<RowWindow>({ first: 0, last: 0 });

  const [measure] = useState(() => (count: number): void => {
    const top = ref.current?.getBoundingClientRect().top ?? 0;
    const next = rowWindow(-top, innerHeight, rowPx, count, overscan);
    setShown((old) => (old.first === next.first && old.last === next.last ? old : next));
  });

  // After every render, since anything above the rows may have changed its height.
  useLayoutEffect(() => measure(rowCount));

  useEffect(() => {
    const follow = (): void => measure(rowCount);
    addEventListener('scroll', follow, { passive: true });
    addEventListener('resize', follow);
    return () => {
      removeEventListener('scroll', follow);
      removeEventListener('resize', follow);
    };
  }, [measure, rowCount]);
  return shown;
}
