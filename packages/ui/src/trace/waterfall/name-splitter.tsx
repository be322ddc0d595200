import type { KeyboardEvent, PointerEvent } from 'react';
import styles from './axis.module.css';

interface NameSplitterProps {
  readonly width: number;
  readonly limits: { readonly least: number; readonly most: number };
  readonly onChange: (width: number) => void;
}

const keyStepPx = 20;

/** Drags, or moves with the arrow keys, the border between names and time. */
export function NameSplitter({ width, limits, onChange }: NameSplitterProps) {
  const set = (wanted: number): void => onChange(Math.min(limits.most, Math.max(limits.least, Math.round(wanted))));
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    event.preventDefault();
    const handle = event.currentTarget;
    const offset = width - event.clientX;
    handle.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent): void => set(moved.clientX + offset);
    handle.addEventListener('pointermove', move);
    handle.addEventListener('lostpointercapture', () => handle.removeEventListener('pointermove', move), {
      once: true,
    });
  };
  const step = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    event.stopPropagation();
    set(width + (event.key === 'ArrowLeft' ? -keyStepPx : keyStepPx));
  };
  return (
    <div
      role="separator"
      tabIndex={0}
      aria-label="Resize name column"
      aria-orientation="vertical"
      aria-valuenow={width}
      aria-valuemin={limits.least}
      aria-valuemax={limits.most}
      className={styles['splitter']}
      onPointerDown={drag}
      onKeyDown={step}
    />
  );
}
