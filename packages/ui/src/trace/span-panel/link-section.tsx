import type { SpanLink } from '@throughline/trace';
import { Link } from 'wouter';
import { countText } from '../../parts/count-text.ts';
import { Dropped } from './attribute-section.tsx';
import { AttributeTable } from './attribute-table.tsx';
import { linkHref } from './link-href.ts';
import styles from './span-panel.module.css';

interface LinkSectionProps {
  readonly links: readonly SpanLink[] | undefined;
  readonly dropped: number | undefined;
}

export function LinkSection({ links = [], dropped }: LinkSectionProps) {
  if (links.length === 0 && !dropped) return null;
  return (
    <section className={styles['section']}>
      <div className={styles['sectionHead']}>
        <h3 className={styles['sectionTitle']}>
          Links <span className={styles['count']}>{countText(links.length)}</span>
        </h3>
      </div>
      <ul className={styles['events']}>
        {links.map((link, place) => (
          // The same span may be linked twice with other attributes.
          // oxlint-disable-next-line react/no-array-index-key
          <li key={place} className={styles['event']}>
            <LinkedTrace link={link} />
            <p className={styles['linkSpan']}>
              span <code>{link.spanId || 'unknown'}</code>
            </p>
            {link.attributes?.length ? <AttributeTable attributes={link.attributes} /> : null}
          </li>
        ))}
      </ul>
      <Dropped count={dropped} what="link" />
    </section>
  );
}

function LinkedTrace({ link }: { readonly link: SpanLink }) {
  const href = linkHref(link);
  if (href === null) return <code>{link.traceId || 'unknown trace'}</code>;
  return (
    <Link className={styles['link']} href={href}>
      <code>{link.traceId}</code>
    </Link>
  );
}
