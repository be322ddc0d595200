import { attributeText, findAttribute, type SpanEvent } from '@throughline/trace';
import { countText } from '../../parts/count-text.ts';
import { Dropped } from './attribute-section.tsx';
import { AttributeTable } from './attribute-table.tsx';
import { eventOffset } from './event-offset.ts';
import styles from './span-panel.module.css';

interface EventSectionProps {
  readonly events: readonly SpanEvent[] | undefined;
  readonly dropped: number | undefined;
  readonly spanStartUnixNano: string;
}

export function EventSection({ events = [], dropped, spanStartUnixNano }: EventSectionProps) {
  if (events.length === 0 && !dropped) return null;
  return (
    <section className={styles['section']}>
      <div className={styles['sectionHead']}>
        <h3 className={styles['sectionTitle']}>
          Events <span className={styles['count']}>{countText(events.length)}</span>
        </h3>
      </div>
      <ol className={styles['events']}>
        {events.map((event, place) => (
          // Events have no id; their order is the sender's.
          // oxlint-disable-next-line react/no-array-index-key
          <Event key={place} event={event} spanStartUnixNano={spanStartUnixNano} />
        ))}
      </ol>
      <Dropped count={dropped} what="event" />
    </section>
  );
}

/** An exception's parts by the semantic conventions; each is shown where a reader looks for it. */
const exceptionKeys = ['exception.type', 'exception.message', 'exception.stacktrace'] as const;

function Event({ event, spanStartUnixNano }: { readonly event: SpanEvent; readonly spanStartUnixNano: string }) {
  const offset = eventOffset(event.timeUnixNano, spanStartUnixNano);
  const [type, message, stack] = exceptionKeys.map((key) => attributeText(findAttribute(event.attributes, key)));
  const isException = event.name === 'exception';
  const others = isException
    ? (event.attributes ?? []).filter(({ key }) => !exceptionKeys.some((known) => known === key))
    : (event.attributes ?? []);
  return (
    <li className={styles['event']} data-exception={isException}>
      <p className={styles['eventHead']}>
        <span className={styles['eventName']}>{isException && type ? type : event.name}</span>
        <span className={styles['offset']} title="Since the span began">
          {offset === '' ? 'time unknown' : offset}
        </span>
      </p>
      {isException && message ? <p className={styles['eventMessage']}>{message}</p> : null}
      {isException && stack ? (
        <pre className={styles['stack']} tabIndex={0} aria-label="Stack trace">
          {stack}
        </pre>
      ) : null}
      {others.length === 0 ? null : <AttributeTable attributes={others} />}
      <Dropped count={event.droppedAttributesCount} what="attribute" />
    </li>
  );
}
