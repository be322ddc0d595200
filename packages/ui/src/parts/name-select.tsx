import styles from './field.module.css';

interface NameSelectProps {
  readonly label: string;
  /** The text of the choice that does not filter. */
  readonly any: string;
  readonly names: readonly string[];
  readonly value: string | null;
  readonly disabled?: boolean;
  readonly onChange: (name: string | null) => void;
}

export function NameSelect({ label, any, names, value, disabled = false, onChange }: NameSelectProps) {
  // A link may name what is not stored (yet): it stays visible as what it is, a filter.
  const listed = [...new Set(value === null ? names : [...names, value])].toSorted();
  return (
    <select
      className={styles['select']}
      aria-label={label}
      value={value ?? ''}
      disabled={disabled}
      data-set={value !== null}
      onChange={(event) => onChange(event.target.value === '' ? null : event.target.value)}
    >
      <option value="">{any}</option>
      {listed.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}
