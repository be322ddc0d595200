import type { KeyValue } from '@throughline/trace';
import { Fragment } from 'react';
import { Link } from 'wouter';
import { exploreHref } from '../../explore/state/explore-state.ts';
import button from '../../parts/button.module.css';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Icon } from '../../parts/icon.tsx';
import styles from './attribute-table.module.css';
import { isSearchable, valueText, valueType } from './value-text.ts';

/** Keys and typed values; each can be copied, and searched for in all traces. */
export function AttributeTable({ attributes }: { readonly attributes: readonly KeyValue[] }) {
  return (
    <dl className={styles['table']}>
      {attributes.map(({ key, value }, place) => {
        const text = valueText(value);
        return (
          // A key may come twice; the order is the sender's.
          // oxlint-disable-next-line react/no-array-index-key
          <div key={`${place} ${key}`} className={styles['line']}>
            <dt className={styles['key']}>
              <BreakableKey text={key} />
            </dt>
            <dd className={styles['value']}>
              <span className={styles['text']} data-type={valueType(value)} title={valueType(value)}>
                {text}
              </span>
              <span className={styles['actions']}>
                {isSearchable(key, value) ? (
                  <Link
                    className={`${button['button']} ${button['icon']}`}
                    href={exploreHref({ attributes: [{ key, value: text }], time: { kind: 'all' } })}
                    aria-label={`Find traces with ${key}=${text}`}
                    title="Find traces with this attribute"
                  >
                    <Icon name="filter" size={14} />
                  </Link>
                ) : null}
                <CopyButton label={`Copy the value of ${key}`} text={() => text} iconOnly />
              </span>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** Lines break after the dots of a long key, and not within a word. */
function BreakableKey({ text }: { readonly text: string }) {
  return text.split(/(?<=\.)/).map((part, place) => (
    // The parts of one text do not move.
    // oxlint-disable-next-line react/no-array-index-key
    <Fragment key={place}>
      {part}
      <wbr />
    </Fragment>
  ));
}
