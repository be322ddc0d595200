import { writeTag, type Tag } from '@throughline/trace/client';
import { useId, useState, type SyntheticEvent } from 'react';
import { Icon } from '../parts/icon.tsx';
import { canBeAsked, parseAttributeFilter } from './state/explore-state.ts';
import styles from '../parts/field.module.css';

interface AttributeFiltersProps {
  readonly filters: readonly Tag[];
  readonly onChange: (filters: readonly Tag[]) => void;
}

/** `key=value` chips, all of which must hold for one span. */
export function AttributeFilters({ filters, onChange }: AttributeFiltersProps) {
  const [text, setText] = useState('');
  const problemId = useId();
  const [problem, setProblem] = useState<string | null>(null);

  const add = (event: SyntheticEvent): void => {
    event.preventDefault();
    const filter = parseAttributeFilter(text.trim());
    const why = text.trim() === '' ? null : problemOf(filter);
    setProblem(why);
    if (filter === null || why !== null) return;
    setText('');
    if (!filters.some(({ key, value }) => key === filter.key && value === filter.value)) onChange([...filters, filter]);
  };
  return (
    <div className={styles['chips']}>
      {filters.map((filter) => (
        <span key={writeTag(filter)} className={styles['chip']}>
          <span className={styles['chipText']} title={writeTag(filter)}>
            <span className={styles['chipKey']}>{filter.key}</span>={filter.value}
          </span>
          <button
            type="button"
            className={styles['remove']}
            aria-label={`Remove ${writeTag(filter)}`}
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
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : problemId}
          placeholder="http.route=/pay ⏎"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setProblem(null);
          }}
        />
        {problem === null ? null : (
          <span id={problemId} className={styles['problem']} role="alert">
            {problem}
          </span>
        )}
      </form>
    </div>
  );
}

function problemOf(filter: Tag | null): string | null {
  if (filter === null) return 'Use key=value, for example http.route=/pay';
  return canBeAsked(filter) ? null : 'This value is too long for a search';
}
