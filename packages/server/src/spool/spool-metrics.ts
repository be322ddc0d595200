import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { SpoolStatus } from './spool-status.ts';

export class SpoolMetrics {
  readonly bytes: Counter;
  readonly blocked: Counter;
  readonly heldCommits: Counter;
  readonly damagedBlocks: Counter;
  readonly sealed: Counter<'because'>;
  readonly commitSeconds: Histogram;

  constructor(registry: Registry, status: () => SpoolStatus, prefix = 'throughline_spool') {
    const registers = [registry];
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.bytes = counter(`${prefix}_bytes_total`, 'Bytes that were made durable in the spool');
    this.blocked = counter(`${prefix}_blocked_total`, 'Blocks that the spool did not take: disk or backlog full');
    this.heldCommits = counter(
      `${prefix}_held_commits_total`,
      'Commits that waited for a store that had fallen behind',
    );
    this.damagedBlocks = counter(`${prefix}_damaged_blocks_total`, 'Acknowledged blocks that were found damaged');
    this.sealed = new Counter({
      name: `${prefix}_sealed_segments_total`,
      help: 'Segments that were handed over to the store, by what made them whole',
      labelNames: ['because'],
      registers,
    });
    for (const because of ['bytes', 'rows', 'age', 'close']) this.sealed.inc({ because }, 0);
    this.commitSeconds = new Histogram({
      name: `${prefix}_commit_seconds`,
      help: 'Time of one write and fdatasync',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
      registers,
    });
    gauge(`${prefix}_backlog_bytes`, 'Bytes that the store has not taken', (now) => now.backlogBytes);
    gauge(`${prefix}_backlog_segments`, 'Segments that the store has not taken', (now) => now.backlogSegments);
    gauge(`${prefix}_backlog_seconds`, 'Age of the oldest block that waits', (now) => now.backlogAgeMs / 1000);
    gauge(`${prefix}_rejected_segments`, 'Segments that were set aside', (now) => now.rejectedSegments.length);

    function gauge(name: string, help: string, value: (now: SpoolStatus) => number): void {
      const metric = new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value(status()));
        },
      });
      registry.registerMetric(metric);
    }
  }
}
