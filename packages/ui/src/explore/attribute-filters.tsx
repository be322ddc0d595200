import { useState, type SyntheticEvent } from 'react';
import { Icon } from '../parts/icon.tsx';
import { parseAttributeFilter, type AttributeFilter } from './explore-state.ts';
import styles from '../parts/field.module.css';

interface AttributeFiltersProps {
  readonly filters: readonly AttributeFilter[];
  readonly onChange: (filters: readonly AttributeFilter[]) => void;
}

/** `key=value` chips, all of which must hold for one span. */
export function AttributeFilters({ filters, onChange }: AttributeFiltersProps) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState(false);

  const add = (event: SyntheticEvent): void => {
    event.preventDefault();
    const filter = parseAttributeFilter(text.trim());
    setWrong(filter === null && text.trim() !== '');
    if (filter === null) return;
    setText('');
    if (!filters.some(({ key, value }) => key === filter.key && value === filter.value)) onChange([...filters, filter]);
  };
  return (
    <div className={styles['chips']}>
      {filters.map((filter) => (
        <span key={`${filter.key}=${filter.value}`} className={styles['chip']}>
          <span className={styles['chipText']} title={`${filter.key}=${filter.value}`}>
            <span className={styles['chipKey']}>{filter.key}</span>={filter.value}
          </span>
          <button
            type="button"
            className={styles['remove']}
            aria-label={`Remove ${filter.key}=${filter.value}`}
            onClick={() => onChange(filters.filter((other) => other !== filter))}
          >
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
      <form className={styles['add']} onSubmit={add}>
        <input
          className={`${styles['input']} ${styles['attribute']}`}
          aria-label="Add an attribute as key=value"
          aria-invalid={wrong}
          title={wrong ? 'Write a key, an equals sign and a value, such as http.route=/pay' : undefined}
          placeholder="http.route=/pay ⏎"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setWrong(false);
          }}
        />
      </form>
    </div>
  );
}
