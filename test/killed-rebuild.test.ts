import { describe, expect, it } from 'vitest';
import { canInjectFaults, type FaultAction } from './support/fault-injection.ts';
import { FaultyCollector } from './support/faulty-collector.ts';
import { dayOfSpans, NOTHING_WRONG } from './support/span-ledger.ts';

const dropDay = (table: string): string => `ALTER TABLE throughline.${table} DROP PARTITION '${dayOfSpans()}'`;

describe.skipIf(!canInjectFaults)(
  'a day whose derived tables are made anew when collector and engine are killed',
  () => {
    it.each<[string, string, FaultAction]>([
      ['operation_15m', 'request_1h', 'kill-before both'],
      ['operation_15m', 'request_1m', 'kill-before both'],
      ['operation_15m', 'request_1m', 'kill-after both'],
      ['trace_times', 'attribute_values', 'kill-before both'],
    ])(
      'is right behind the next start, where %s was wrong and %s was being filled: %s',
      async (harmed, filled, action) => {
        const faulty = new FaultyCollector();
        await faulty.start();
        await faulty.send();
        await faulty.settle();
        await faulty.inStore((store) => store.engine.command(dropDay(harmed)));
        faulty.faults.plan([{ process: 'engine', kind: 'rename', pattern: faulty.newPartsOf(filled), action }]);
        await faulty.tryToStart();
        expect(faulty.faults.applied()).toBe(1);
        faulty.faults.plan([]);
        await faulty.ensureStarted();
        await faulty.settle();
        expect(await faulty.end(), faulty.faults.trace().join('\n')).toMatchObject(NOTHING_WRONG);
      },
    );
  },
);
