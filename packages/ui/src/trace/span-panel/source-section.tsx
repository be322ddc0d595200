import type { KeyValue, SpanSource } from '@throughline/trace';
import type { ReactNode } from 'react';
import { Dropped } from './attribute-section.tsx';
import { AttributeTable } from './attribute-table.tsx';
import styles from './span-panel.module.css';

/** Where the span came from: its resource, its instrumentation scope, its IDs. */
export function SourceSection({ source }: { readonly source: SpanSource }) {
  const { span, resource, scope, resourceSchemaUrl, scopeSchemaUrl } = source;
  return (
    <>
      <Fold title="Resource" summary={resourceSummary(resource?.attributes)}>
        <AttributeTable attributes={[...(resource?.attributes ?? []), ...text('schema URL', resourceSchemaUrl)]} />
        <Dropped count={resource?.droppedAttributesCount} what="attribute" />
      </Fold>
      <Fold title="Instrumentation scope" summary={[scope?.name, scope?.version].filter(Boolean).join(' ')}>
        <AttributeTable
          attributes={[
            ...text('name', scope?.name),
            ...text('version', scope?.version),
            ...(scope?.attributes ?? []),
            ...text('schema URL', scopeSchemaUrl),
          ]}
        />
        <Dropped count={scope?.droppedAttributesCount} what="attribute" />
      </Fold>
      <Fold title="IDs and timestamps" summary={span.spanId}>
        <AttributeTable
          attributes={[
            ...text('span ID', span.spanId),
            ...text('parent span ID', span.parentSpanId),
            ...text('trace ID', span.traceId),
            ...text('trace state', span.traceState),
            ...text('flags', span.flags === undefined ? undefined : `0x${span.flags.toString(16)}`),
            ...text('start (Unix ns)', span.startTimeUnixNano),
            ...text('end (Unix ns)', span.endTimeUnixNano),
          ]}
        />
      </Fold>
    </>
  );
}

interface FoldProps {
  readonly title: string;
  readonly summary: string;
  readonly children: ReactNode;
}

function Fold({ title, summary, children }: FoldProps) {
  return (
    <details className={styles['section']}>
      <summary className={styles['summary']}>
        <span className={styles['sectionTitle']}>{title}</span>
        <span className={styles['summaryText']}>{summary}</span>
      </summary>
      {children}
    </details>
  );
}

function resourceSummary(attributes: readonly KeyValue[] = []): string {
  const find = (key: string): string | undefined =>
    attributes.find((attribute) => attribute.key === key)?.value.stringValue;
  return [find('service.name'), find('service.version')].filter(Boolean).join(' ');
}

/** A line of the table, or none where there is nothing to show. */
function text(key: string, value: string | undefined): KeyValue[] {
  return value === undefined || value === '' ? [] : [{ key, value: { stringValue: value } }];
}
