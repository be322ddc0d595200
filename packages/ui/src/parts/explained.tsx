import {
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
} from 'react';
import { classNames } from './class-names.ts';
import styles from './explained.module.css';

interface ExplainedProps {
  /** One or two words. */
  readonly label: string;
  readonly explanation: string;
  readonly warning?: boolean;
}

/** Away from the edges of the window, in pixels. */
const marginPx = 8;

/** A badge that explains itself: under the pointer, with the focus, and when it is pressed; until Escape. */
export function Explained({ label, explanation, warning = false }: ExplainedProps) {
  const id = useId();
  const whole = useRef<HTMLSpanElement>(null);
  const badge = useRef<HTMLButtonElement>(null);
  const tip = useRef<HTMLSpanElement>(null);
  const [shown, setShown] = useState(false);

  // In the top layer, because tables cut off what reaches beyond them.
  useLayoutEffect(() => {
    const { current } = tip;
    if (!shown || current === null || badge.current === null) return undefined;
    current.showPopover();
    const anchor = badge.current.getBoundingClientRect();
    const { width, height } = current.getBoundingClientRect();
    const isRoomBelow = anchor.bottom + height + marginPx < innerHeight;
    current.style.left = `${Math.max(marginPx, Math.min(anchor.left, innerWidth - width - marginPx))}px`;
    current.style.top = `${isRoomBelow ? anchor.bottom : Math.max(marginPx, anchor.top - height)}px`;
    return () => current.hidePopover();
  }, [shown]);

  useEffect(() => {
    if (!shown) return undefined;
    const hide = ({ type, target }: Event): void => {
      if (type === 'scroll' || !(target instanceof Node && whole.current?.contains(target))) setShown(false);
    };
    // A finger neither hovers nor, in every browser, moves the focus: it presses elsewhere.
    for (const type of ['scroll', 'pointerdown']) addEventListener(type, hide, { capture: true, passive: true });
    return () => {
      for (const type of ['scroll', 'pointerdown']) removeEventListener(type, hide, { capture: true });
    };
  }, [shown]);

  const hover = (over: boolean) => (event: PointerEvent) => {
    if (event.pointerType !== 'touch') setShown(over);
  };
  // Rows are pressed as a whole; this badge in them is not.
  const press = (event: MouseEvent): void => {
    event.stopPropagation();
    setShown(true);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || !shown) return;
    event.stopPropagation();
    setShown(false);
  };
  return (
    <span
      ref={whole}
      className={styles['explained']}
      onPointerEnter={hover(true)}
      onPointerLeave={hover(false)}
      onFocus={() => setShown(true)}
      onBlur={() => setShown(false)}
    >
      <button
        ref={badge}
        type="button"
        className={classNames(styles['badge'], warning && styles['warning'])}
        aria-describedby={id}
        onClick={press}
        onKeyDown={onKeyDown}
      >
        {label}
      </button>
      <span ref={tip} id={id} role="tooltip" popover="manual" className={styles['tip']}>
        <span className={styles['text']}>{explanation}</span>
      </span>
    </span>
  );
}
