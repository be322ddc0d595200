import { describe, expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { canInjectFaults } from './support/fault-injection.ts';
import type { FaultRule } from './support/fault-injection.ts';
import { FaultyCollector } from './support/faulty-collector.ts';
import { anAction, countsOf, seenBy } from './support/random-faults.ts';
import { NOTHING_WRONG } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_128);
/** Each store has so many faults, one after the other, before it is audited. */
const FAULTS_PER_STORE = IS_LONG ? 10 : 6;
const STORES = IS_LONG ? 40 : 2;

describe.skipIf(!canInjectFaults)(
  `faults at ${STORES * FAULTS_PER_STORE} calls of the file system by collector and engine`,
  () => {
    for (let number = 1; number <= STORES; number++) {
      it(`lose nothing and store nothing twice, store ${number} of ${STORES}`, { timeout: 600_000 }, async () => {
        const random = new Seeded(SEED + number);
        const faulty = new FaultyCollector();
        await faulty.start();
        // So many calls of each kind belong to one request.
        faulty.faults.plan(countsOf(`${faulty.dataDirectory}/*`));
        await faulty.send();
        await faulty.settle();
        const possible = seenBy(faulty);
        const met: string[] = [];
        for (let fault = 0; fault < FAULTS_PER_STORE; fault++) {
          const { rule, calls } = random.pick(possible);
          const action = anAction(random, rule);
          const times = action.startsWith('fail') && random.chance(0.5) ? 1 + random.below(5) : 1;
          const chosen: FaultRule = { ...rule, first: 1 + random.below(calls), times, action };
          const isMet = await faulty.meet(chosen);
          met.push(
            `${isMet ? 'met' : 'not met'}: ${chosen.process} ${chosen.kind} ${chosen.first} × ${times} ${action}`,
          );
        }
        await faulty.send();
        await faulty.settle();
        const words = [...met, ...faulty.faults.trace()].join('\n');
        const audit = await faulty.end();
        console.log(JSON.stringify({ seed: SEED, store: number, requests: faulty.ledger.counts, met, ...audit }));
        expect(audit, words).toMatchObject(NOTHING_WRONG);
      });
    }
  },
);
