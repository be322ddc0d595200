import { Counter, Histogram, type Registry } from 'prom-client';
import type { SpoolStatus } from './spool-status.ts';
import { registerGauge } from '../register-gauge.ts';

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
    this.blocked = counter(
      `${prefix}_blocked_total`,
      'Blocks that the spool rejected because the disk or the backlog was full',
    );
    this.heldCommits = counter(
      `${prefix}_held_commits_total`,
      'Commits that were delayed because the store had fallen behind',
    );
    this.damagedBlocks = counter(`${prefix}_damaged_blocks_total`, 'Acknowledged blocks that were found damaged');
    this.sealed = new Counter({
      name: `${prefix}_sealed_segments_total`,
      help: 'Segments that were sealed and handed to the store, by the limit that sealed them',
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
    registerGauge(registry, `${prefix}_backlog_bytes`, 'Bytes that are not stored yet', () => status().backlogBytes);
    registerGauge(
      registry,
      `${prefix}_backlog_segments`,
      'Segments that are not stored yet',
      () => status().backlogSegments,
    );
    registerGauge(
      registry,
      `${prefix}_backlog_seconds`,
      'Age of the oldest block that is not stored yet',
      () => status().backlogAgeMs / 1000,
    );
    registerGauge(
      registry,
      `${prefix}_quarantined_segments`,
      'Quarantined segments: rejected by the store, or damaged',
      () => status().quarantinedSegments.length,
    );
  }
}
