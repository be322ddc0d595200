import { Counter, type Registry } from 'prom-client';
import { COMMIT_FAILURES, type CommitFailure } from './group-commit.ts';
import { BAD_PARTS } from '../columns/drop-counts.ts';
import { REJECTION_CODES } from '../columns/ingest-result.ts';

/** Where something failed that should not have. */
export type IngestFailure = CommitFailure | 'decode';

const FAILURES: readonly IngestFailure[] = ['decode', ...COMMIT_FAILURES];

export class IngestMetrics {
  readonly accepted: Counter;
  readonly rejected: Counter<'reason'>;
  readonly repairedTexts: Counter;
  readonly badParts: Counter<'part'>;
  readonly failures: Counter<'kind'>;

  constructor(registry: Registry, readOtherSpans: () => number) {
    const registers = [registry];
    this.accepted = new Counter({
      name: 'throughline_accepted_spans_total',
      help: 'Spans that were made durable and acknowledged',
      registers,
    });
    const otherSpans: Counter = new Counter({
      name: 'throughline_rollup_other_spans_total',
      help: 'Spans that are counted without their names because the day has too many services or operations',
      registers: [],
      collect: (): void => {
        otherSpans.reset();
        otherSpans.inc(readOtherSpans());
      },
    });
    registry.registerMetric(otherSpans);
    this.rejected = new Counter({
      name: 'throughline_rejected_spans_total',
      help: 'Spans that were rejected one by one, by reason',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of REJECTION_CODES) this.rejected.inc({ reason }, 0);
    this.repairedTexts = new Counter({
      name: 'throughline_repaired_texts_total',
      help: 'Texts of accepted spans that were not in UTF-8; each broken part became U+FFFD',
      registers,
    });
    this.badParts = new Counter({
      name: 'throughline_bad_parts_total',
      help: 'Invalid parts of requests that were dropped or replaced while the rest was accepted, by part',
      labelNames: ['part'],
      registers,
    });
    for (const part of BAD_PARTS) this.badParts.inc({ part }, 0);
    this.failures = new Counter({
      name: 'throughline_ingest_failures_total',
      help: `Unexpected ingest errors by stage (${FAILURES.join(', ')}); the log has a line for each`,
      labelNames: ['kind'],
      registers,
    });
    for (const kind of FAILURES) this.failures.inc({ kind }, 0);
  }
}
