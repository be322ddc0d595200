import { formatDuration } from '@throughline/trace';
import { useRef, type PointerEvent, type RefObject } from 'react';

/**
 * A line under the pointer with its time. It moves by writing to the style directly: a render of the
 * rows for each move would be far too much.
 */
export function useTimeCursor(lane: RefObject<HTMLElement | null>, extentNs: number) {
  const labelRef = useRef<HTMLSpanElement>(null);
  return {
    labelRef,
    onPointerMove: (event: PointerEvent<HTMLElement>): void => {
      const box = lane.current?.getBoundingClientRect();
      if (box === undefined || event.pointerType === 'touch') return;
      const px = event.clientX - box.left;
      const within = px >= 0 && px <= box.width;
      placeCursor(event.currentTarget, within ? px : null);
      if (labelRef.current !== null) {
        labelRef.current.textContent = formatDuration((px / Math.max(1, box.width)) * extentNs);
        labelRef.current.toggleAttribute('data-left', px > box.width * 0.9);
      }
    },
    onPointerLeave: (event: PointerEvent<HTMLElement>): void => placeCursor(event.currentTarget, null),
  };
}

/** `px` counts from the lane's start; null takes the line away. */
function placeCursor(grid: HTMLElement, px: number | null): void {
  grid.style.setProperty('--cursor-x', `${px ?? -1}px`);
  grid.toggleAttribute('data-cursor', px !== null);
}
