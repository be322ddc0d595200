import { Session, type Profiler } from 'node:inspector';

export interface Coverage {
  readonly file: string;
  /** Blocks of code that V8 counts, which are a branch's sides, and functions. */
  readonly blocks: number;
  readonly reached: number;
}

/**
 * Counts which blocks run, exactly, until it is stopped for the first time; modules have to be loaded after it. Code
 * runs slower meanwhile.
 */
export function startBranchCoverage(): { readonly stop: (files: RegExp) => Coverage[] } {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  let scripts: Profiler.ScriptCoverage[] | null = null;
  return {
    stop: (files) => {
      if (scripts !== null) return [];
      // Answers before it returns: the session is connected to its own thread.
      session.post('Profiler.takePreciseCoverage', (_error, answer) => (scripts = answer?.result ?? []));
      session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
      return (scripts ?? []).filter(({ url }) => files.test(url)).map((script) => summarise(script));
    },
  };
}

function summarise({ url, functions }: Profiler.ScriptCoverage): Coverage {
  const ranges = functions.flatMap((each) => each.ranges);
  return {
    file: url.replace(/^.*\//, '').replace(/\?.*$/, ''),
    blocks: ranges.length,
    reached: ranges.filter(({ count }) => count > 0).length,
  };
}
