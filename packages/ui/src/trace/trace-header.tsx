import { formatDuration } from '@throughline/trace';
import { useId, useState, type ReactNode } from 'react';
import { basePath } from '../api/base-path.ts';
import button from '../parts/button.module.css';
import { CopyButton } from '../parts/copy-button.tsx';
import { countOf } from '../parts/count-text.ts';
import { Icon } from '../parts/icon.tsx';
import { IconButton } from '../parts/icon-button.tsx';
import { OperationName } from '../parts/operation-name.tsx';
import { absoluteText, relativeText, unixMs } from '../time/moment-text.ts';
import { totalText } from '../time/total-text.ts';
import { useNow } from '../parts/use-now.ts';
import type { SpanAddresses } from './model/span-addresses.ts';
import type { TraceModel } from './model/trace-model.ts';
import { Decisions } from './sampling/decisions.tsx';
import { SampledFact } from './sampling/sampled-fact.tsx';
import { useTraceSampling } from './sampling/use-trace-sampling.ts';
import styles from './trace-header.module.css';

interface TraceHeaderProps {
  readonly model: TraceModel;
  readonly addresses: SpanAddresses;
  readonly onLight: (spans: readonly number[]) => void;
  readonly onJump: (span: number) => void;
  readonly onReload: () => void;
}

export function TraceHeader({ model, addresses, onLight, onJump, onReload }: TraceHeaderProps) {
  const { data: sampling } = useTraceSampling(model.traceId, model.spanCount);
  const [open, setOpen] = useState(false);
  const decisionsId = useId();
  const nowMs = useNow(5_000);
  const { rootIndex } = model;
  const startMs = unixMs(model.startUnixNano);
  const durationNs = model.durationNs[rootIndex] ?? 0;
  const total = totalText(durationNs, model.extentNs);
  return (
    <header className={styles['header']}>
      <h1 className={styles['root']}>
        <span className={styles['service']}>{model.services[model.serviceIndex[rootIndex] ?? 0]}</span>{' '}
        <OperationName name={model.names[rootIndex] ?? ''} />
      </h1>
      <dl className={styles['facts']}>
        <Fact name="Duration" strong>
          {formatDuration(durationNs)}
          {total === '' ? null : (
            <span className={styles['total']} title="From the first start to the last end of all spans">
              , {total}
            </span>
          )}
        </Fact>
        <Fact name="Started">
          <time dateTime={new Date(startMs).toISOString()} title={relativeText(startMs, nowMs)}>
            {absoluteText(startMs)}
          </time>
        </Fact>
        <Fact name="Size">
          {countOf(model.spanCount, 'span')}, {countOf(model.services.length, 'service')}
        </Fact>
        {model.errorCount === 0 ? null : (
          <Fact name="Errors" bad>
            <Icon name="error" size={13} /> {countOf(model.errorCount, 'error')}
          </Fact>
        )}
        {model.hasRoot ? null : (
          <Fact name="Root" warning>
            <Icon name="alert" size={13} /> root span not received
          </Fact>
        )}
        <Fact name="Trace ID">
          <code className={styles['id']} title={model.traceId}>
            {model.traceId}
          </code>
        </Fact>
        <Fact name="Sampling" ownLine>
          <SampledFact sampling={sampling} open={open} onToggle={() => setOpen(!open)} controls={decisionsId} />
        </Fact>
      </dl>
      <div className={styles['actions']}>
        <IconButton label="Reload" onClick={onReload}>
          <Icon name="refresh" />
        </IconButton>
        <a
          className={button['button']}
          href={`${basePath}/api/v1/traces/${model.traceId}`}
          download={`trace-${model.traceId}.json`}
          title="The trace as OTLP JSON"
        >
          <Icon name="download" /> JSON
        </a>
        <CopyButton label="Copy link" icon="link" text={() => location.href} />
      </div>
      {open && sampling !== undefined ? (
        <Decisions
          id={decisionsId}
          sampling={sampling}
          model={model}
          addresses={addresses}
          onLight={onLight}
          onJump={onJump}
        />
      ) : null}
    </header>
  );
}

interface FactProps {
  readonly name: string;
  readonly strong?: boolean;
  readonly bad?: boolean;
  readonly warning?: boolean;
  /** Below the others at any width, so that nothing moves when a span's panel narrows the header. */
  readonly ownLine?: boolean;
  readonly children: ReactNode;
}

function Fact({ name, strong = false, bad = false, warning = false, ownLine = false, children }: FactProps) {
  const marks = { 'data-strong': strong, 'data-bad': bad, 'data-warning': warning, 'data-own-line': ownLine };
  return (
    <div className={styles['fact']} {...marks}>
      <dt className={styles['factName']}>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
