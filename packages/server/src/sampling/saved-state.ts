import { Type } from '@sinclair/typebox';
import { KIND_MAX } from '../exchange/wire-message.ts';
import { JsonChecker } from '../schema/json-checker.ts';
import { count } from '../schema/json-schema.ts';
import type { SavedOperation } from './operation-state.ts';

const STATE_VERSION = 1;

/** What is written to the data directory, so that rates survive a restart. */
export function stateToSave(operations: readonly SavedOperation[]): object {
  return { version: STATE_VERSION, operations };
}

const amount = Type.Number({ minimum: 0 });
const checker = new JsonChecker(
  Type.Object({
    version: Type.Literal(STATE_VERSION),
    operations: Type.Array(
      Type.Object({
        service: Type.String(),
        name: Type.String(),
        kind: count({ maximum: KIND_MAX }),
        decidedPerSecond: amount,
        baseline: Type.Object({ requests: amount, errors: amount }),
      }),
    ),
  }),
);

/** The operations of a state that was saved, or `undefined` for what is none. */
export function readSavedState(given: unknown): readonly SavedOperation[] | undefined {
  return checker.fits(given) ? given.operations : undefined;
}
