import type { KeyValue } from '@throughline/trace';
import { useState } from 'react';
import { countOf, countText } from '../../parts/count-text.ts';
import { AttributeTable } from './attribute-table.tsx';
import styles from './span-panel.module.css';
import { valueText } from './value-text.ts';

interface AttributeSectionProps {
  readonly title: string;
  readonly attributes: readonly KeyValue[] | undefined;
  readonly dropped: number | undefined;
}

/** Fewer than this are found by looking. */
const searchFrom = 8;

export function AttributeSection({ title, attributes = [], dropped = 0 }: AttributeSectionProps) {
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const found = attributes.filter(({ key, value }) => `${key}=${valueText(value)}`.toLowerCase().includes(wanted));
  return (
    <section className={styles['section']}>
      <div className={styles['sectionHead']}>
        <h3 className={styles['sectionTitle']}>
          {title} <span className={styles['count']}>{countText(attributes.length)}</span>
        </h3>
        {attributes.length < searchFrom ? null : (
          <input
            className={styles['search']}
            aria-label={`Search the ${title.toLowerCase()}`}
            placeholder="Search"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </div>
      {attributes.length === 0 ? <p className={styles['empty']}>None</p> : <AttributeTable attributes={found} />}
      {attributes.length > 0 && found.length === 0 ? (
        <p className={styles['empty']}>No attribute contains this text.</p>
      ) : null}
      <Dropped count={dropped} what="attribute" />
    </section>
  );
}

/** What the sender dropped because of its limits. */
export function Dropped({ count, what }: { readonly count: number | undefined; readonly what: string }) {
  if (!count) return null;
  return <p className={styles['dropped']}>{countOf(count, `more ${what}`)} dropped by the sender</p>;
}
