import { useState } from 'react';
import { parseDurationText, writeDurationText } from '../time/duration-text.ts';
import styles from '../parts/field.module.css';

interface DurationFieldProps {
  readonly label: string;
  readonly valueNs: number | null;
  readonly onChange: (ns: number | null) => void;
}

/** Takes effect on Enter or on leaving; what cannot be read stays to be mended, marked. */
export function DurationField({ label, valueNs, onChange }: DurationFieldProps) {
  const written = valueNs === null ? '' : writeDurationText(valueNs);
  // What is typed counts until the filter takes another value, from here or from elsewhere.
  const [typed, setTyped] = useState({ text: written, over: written });
  const text = typed.over === written ? typed.text : written;
  const setText = (next: string): void => setTyped({ text: next, over: written });

  const readNs = parseDurationText(text);
  const wrong = readNs === null && text.trim() !== '';
  const commit = (): void => {
    if (!wrong && readNs !== valueNs) onChange(readNs);
  };
  return (
    <input
      className={`${styles['input']} ${styles['duration']}`}
      aria-label={`${label} this long`}
      aria-invalid={wrong}
      placeholder={label === 'At least' ? '0' : '1.5s'}
      title={wrong ? 'A number with ns, us, ms, s, m or h, such as 500ms' : `${label} this long, such as 500ms or 1.5s`}
      value={text}
      data-set={valueNs !== null}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') setText(written);
      }}
    />
  );
}
