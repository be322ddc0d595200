import type { ReactNode } from 'react';
import styles from './button.module.css';

interface IconButtonProps {
  /** Read aloud, and shown on hover. */
  readonly label: string;
  readonly onClick: () => void;
  readonly children: ReactNode;
}

export function IconButton({ label, onClick, children }: IconButtonProps) {
  return (
    <button
      type="button"
      className={`${styles['button']} ${styles['icon']}`}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
