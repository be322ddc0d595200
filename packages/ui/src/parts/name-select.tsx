import { OTHER_NAME } from '@throughline/trace';
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
  const known = names.filter((name) => name !== OTHER_NAME);
  const listed = [...new Set(value === null ? known : [...known, value])].toSorted();
  return (
    <select
      className={styles['select']}
      aria-label={label}
      value={value === null ? ANY : optionOf(value)}
      disabled={disabled}
      data-set={value !== null}
      onChange={({ target }) => onChange(target.value === ANY ? null : target.value.slice(NAMED.length))}
    >
      <option value={ANY}>{any}</option>
      {listed.map((name) => (
        <option key={name} value={optionOf(name)}>
          {name === '' ? '(no name)' : name}
        </option>
      ))}
      {names.includes(OTHER_NAME) && value !== OTHER_NAME ? (
        <option
          disabled
          value={OTHERS}
          title="Spans keep their names: one that is in the address is found all the same"
        >
          (other): names beyond the collector’s limit
        </option>
      ) : null}
    </select>
  );
}

/** Neither is the value of a name, whatever it is: the empty one is a name, too. */
const ANY = 'any';
const OTHERS = 'others';
const NAMED = 'name:';

function optionOf(name: string): string {
  return NAMED + name;
}
