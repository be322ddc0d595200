import styles from './page.module.css';

/** A grey line where text will be. `width` is a CSS width. */
export function Skeleton({ width }: { readonly width: string }) {
  return <span className={styles['skeleton']} style={{ width }} aria-hidden="true" />;
}
