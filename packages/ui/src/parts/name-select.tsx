import styles from './field.module.css';

interface NameSelectProps {
  readonly label: string;
  /** The text of the choice that does not filter. */
  readonly any: string;
  readonly names: readonly string[];
  /** Whether there are some that are not listed by their names. */
  readonly hasOthers?: boolean;
  readonly value: string | null;
  readonly disabled?: boolean;
  readonly onChange: (name: string | null) => void;
}

export function NameSelect({
  label,
  any,
  names,
  hasOthers = false,
  value,
  disabled = false,
  onChange,
}: NameSelectProps) {
  // A link may name what is not stored (yet): it stays visible as what it is, a filter.
  const listed = [...new Set(value === null ? names : [...names, value])].toSorted();
  const hasUnnamed = listed.includes('');
  return (
    <select
      className={styles['select']}
      aria-label={label}
      value={value === null ? ANY : optionOf(value)}
      disabled={disabled}
      data-set={value !== null}
      data-unnamed={value === ''}
      onChange={({ target }) => onChange(target.value === ANY ? null : target.value.slice(NAMED.length))}
    >
      <option value={ANY}>{any}</option>
      {listed
        .filter((name) => name !== '')
        .map((name) => (
          <option key={name} value={optionOf(name)}>
            {name}
          </option>
        ))}
      {hasUnnamed || hasOthers ? (
        // A name may read like either of these: what is in the group is none.
        <optgroup label="Grouped">
          {hasUnnamed ? <option value={optionOf('')}>(no name)</option> : null}
          {hasOthers ? (
            <option disabled value={OTHERS} title="Spans keep their names: the name in the address is still found">
              (other): those not counted by name
            </option>
          ) : null}
        </optgroup>
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
