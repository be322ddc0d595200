import { useEffect, useState } from 'react';
import styles from './button.module.css';
import { copyText } from './copy-text.ts';
import { Icon } from './icon.tsx';

interface CopyButtonProps {
  /** What the button says; only its icon is drawn where `iconOnly` is set. */
  readonly label: string;
  /** Read when the button is pressed. */
  readonly text: () => string;
  readonly iconOnly?: boolean;
  readonly icon?: 'copy' | 'link';
}

const confirmationMs = 1_600;

export function CopyButton({ label, text, iconOnly = false, icon = 'copy' }: CopyButtonProps) {
  const [result, setResult] = useState<'copied' | 'refused' | null>(null);

  useEffect(() => {
    if (result === null) return undefined;
    const timer = setTimeout(() => setResult(null), confirmationMs);
    return () => clearTimeout(timer);
  }, [result]);

  const copy = async (): Promise<void> => {
    setResult((await copyText(text())) ? 'copied' : 'refused');
  };
  const shown = result === 'copied' ? 'Copied' : result === 'refused' ? 'Copy blocked by the browser' : label;
  return (
    <button
      type="button"
      className={`${styles['button']} ${iconOnly ? styles['icon'] : ''}`}
      aria-label={iconOnly ? shown : undefined}
      title={shown}
      onClick={() => void copy()}
    >
      <Icon name={result === 'copied' ? 'check' : icon} />
      {iconOnly ? null : <span aria-live="polite">{shown}</span>}
    </button>
  );
}
