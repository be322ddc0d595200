import type { Engine } from '../engine.ts';
import type { CheckedTable } from './part-check.ts';

/** What changes tables and moves rows between them: a migration, a rebuild, a repair. */
export interface MigratedEngine extends Pick<Engine, 'query' | 'command' | 'tables'> {
  /**
   * Rejects where a part of the table is not what the engine has written, which it does not say of an insert, and drops
   * it: call it before what was inserted is removed from where it was. Missing where nobody can look at the store's
   * files.
   */
  expectWhole?(table: CheckedTable): Promise<void>;
}
