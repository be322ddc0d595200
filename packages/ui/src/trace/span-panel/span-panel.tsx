import { formatDuration } from '@throughline/trace';
import button from '../../parts/button.module.css';
import { IconButton } from '../../parts/icon-button.tsx';
import { Icon } from '../../parts/icon.tsx';
import { OperationName } from '../../parts/operation-name.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { overflowText } from '../model/overflow.ts';
import { selfTimeNs } from '../model/self-time.ts';
import type { SpanAddresses } from '../model/span-addresses.ts';
import type { TraceModel } from '../model/trace-model.ts';
import type { TraceSession } from '../model/trace-session.ts';
import { AttributeSection } from './attribute-section.tsx';
import { EventSection } from './event-section.tsx';
import { kindText } from './kind-text.ts';
import { LinkSection } from './link-section.tsx';
import { SourceSection } from './source-section.tsx';
import styles from './span-panel.module.css';
import { StatusBadge } from './status-badge.tsx';
import { useSpanSource } from './use-span-source.ts';

interface SpanPanelProps {
  readonly model: TraceModel;
  readonly addresses: SpanAddresses;
  readonly session: TraceSession;
  readonly index: number;
  readonly colours: readonly string[];
  readonly onSelect: (index: number) => void;
  readonly onClose: () => void;
}

/** Everything that is known of one span. */
export function SpanPanel({ model, addresses, session, index, colours, onSelect, onClose }: SpanPanelProps) {
  const shown = useSpanSource(session, index);
  const source = shown?.source ?? null;
  const service = model.serviceIndex[index] ?? 0;
  const shared = addresses.sharedText(index);
  return (
    <aside className={styles['panel']} aria-label={['Span', model.services[service], model.names[index]].join(' ')}>
      <header className={styles['head']}>
        <div className={styles['who']}>
          <p className={styles['service']}>
            <span className={styles['pip']} style={{ background: colours[service] }} />
            {model.services[service]}
          </p>
          <h2 className={styles['name']}>
            <OperationName name={model.names[index] ?? ''} />
          </h2>
        </div>
        <IconButton label="Close the span" onClick={onClose}>
          <Icon name="close" />
        </IconButton>
      </header>
      {source === null ? (
        <div className={styles['section']}>
          <Skeleton width="60%" />
        </div>
      ) : (
        <div className={styles['content']} aria-busy={shown?.current !== true}>
          <div className={styles['section']}>
            <p className={styles['marks']}>
              <StatusBadge status={source.span.status} />
              <span className={styles['kind']}>{kindText(source.span.kind)}</span>
              {shared === '' ? null : <span className={styles['kind']}>{shared}</span>}
            </p>
            {source.span.status?.message ? (
              <p className={styles['message']} data-error={model.isError[index] === 1}>
                {source.span.status.message}
              </p>
            ) : null}
            <Times model={model} index={index} />
            <Parent model={model} index={index} parentSpanId={source.span.parentSpanId} onSelect={onSelect} />
          </div>
          <AttributeSection
            title="Attributes"
            attributes={source.span.attributes}
            dropped={source.span.droppedAttributesCount}
          />
          <EventSection
            events={source.span.events}
            dropped={source.span.droppedEventsCount}
            spanStartUnixNano={source.span.startTimeUnixNano}
          />
          <LinkSection links={source.span.links} dropped={source.span.droppedLinksCount} />
          <SourceSection source={source} />
        </div>
      )}
    </aside>
  );
}

function Times({ model, index }: { readonly model: TraceModel; readonly index: number }) {
  const overflow = model.overflows.get(index);
  const facts = [
    ['Start offset', `+${formatDuration(model.startNs[index] ?? 0)}`],
    ['Duration', formatDuration(model.durationNs[index] ?? 0)],
    ['Self time', formatDuration(selfTimeNs(model, index))],
    ['On critical path', formatDuration(model.criticalNs[index] ?? 0)],
  ] as const;
  return (
    <>
      <dl className={styles['times']}>
        {facts.map(([name, text]) => (
          <div key={name} className={styles['fact']}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {overflow === undefined ? null : (
        <p className={styles['overflow']}>
          <Icon name="alert" size={14} /> It {overflowText(model, overflow)}.
        </p>
      )}
    </>
  );
}

interface ParentProps {
  readonly model: TraceModel;
  readonly index: number;
  readonly parentSpanId: string | undefined;
  readonly onSelect: (index: number) => void;
}

function Parent({ model, index, parentSpanId, onSelect }: ParentProps) {
  const parent = model.parentIndex[index] ?? -1;
  if (parent >= 0) {
    return (
      <button type="button" className={`${button['button']} ${styles['parent']}`} onClick={() => onSelect(parent)}>
        <Icon name="up" size={14} />
        <span className={styles['parentName']}>
          {model.services[model.serviceIndex[parent] ?? 0]} <OperationName name={model.names[parent] ?? ''} />
        </span>
      </button>
    );
  }
  if (!parentSpanId) return null;
  return (
    <p className={styles['overflow']}>
      <Icon name="alert" size={14} /> The parent span {parentSpanId} is missing.
    </p>
  );
}
