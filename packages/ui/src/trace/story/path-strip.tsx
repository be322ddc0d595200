import { formatDuration } from '@throughline/trace';
import { useMemo } from 'react';
import { pathRuns } from './path-runs.ts';
import styles from './path-strip.module.css';
import type { StoryPanelProps } from './story-panel-props.ts';

/** Thinner stretches of the strip could not be seen. */
const leastShare = 0.001;

/** The critical path in one line: which service the request was waiting for at each moment. */
export function PathStrip({ model, colours, onLight, onJump }: StoryPanelProps) {
  const rootNs = model.durationNs[model.rootIndex] ?? 0;
  const rootStartNs = model.startNs[model.rootIndex] ?? 0;
  const runs = useMemo(() => pathRuns(model, rootNs * leastShare), [model, rootNs]);
  if (rootNs === 0) return null;
  const percent = (ns: number): string => `${(100 * ns) / rootNs}%`;
  return (
    // The same is said in words by the steps below.
    <div className={styles['strip']} aria-hidden="true">
      {runs.map((run) => (
        <span
          key={run.startNs}
          className={styles['run']}
          style={{
            left: percent(run.startNs - rootStartNs),
            width: percent(run.endNs - run.startNs),
            background: colours[run.service],
          }}
          title={`${model.services[run.service] ?? ''}: ${formatDuration(run.endNs - run.startNs)}, mostly in ${model.names[run.spanIndex] ?? ''}`}
          onPointerEnter={() => onLight([run.spanIndex])}
          onPointerLeave={() => onLight([])}
          onClick={() => onJump(run.spanIndex)}
        />
      ))}
    </div>
  );
}
