import { sparklinePath } from './sparkline-path.ts';
import styles from './sparkline.module.css';

const width = 72;
const height = 18;

/** A course over time, for the eye alone: a number is beside it. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  return (
    <svg className={styles['line']} width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={sparklinePath(values, width, height)} />
    </svg>
  );
}
