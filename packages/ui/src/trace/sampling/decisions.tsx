import type { TraceSamplingResponse } from '@throughline/trace/client';
import { findNamed, type SpanAddresses } from '../model/span-addresses.ts';
import type { TraceModel } from '../model/trace-model.ts';
import styles from './sampled.module.css';
import { reasonText } from './sampled-text.ts';

interface DecisionsProps {
  readonly id: string;
  readonly sampling: TraceSamplingResponse;
  readonly model: TraceModel;
  readonly addresses: SpanAddresses;
  readonly onLight: (spans: readonly number[]) => void;
  readonly onJump: (span: number) => void;
}

/** Who decided to sample the trace, and with which probability, in the order of the trace. */
export function Decisions({ id, sampling, model, addresses, onLight, onJump }: DecisionsProps) {
  const dim = (): void => onLight([]);
  return (
    <section id={id} className={styles['decisions']} aria-label="Why this trace was sampled">
      <ol>
        {sampling.decisions.map((decision, i) => {
          const { spanId, service, operation: name } = decision;
          const span = findNamed(model, addresses, { spanId, service, name });
          const reason = reasonText(decision);
          const light = (): void => onLight(span < 0 ? [] : [span]);
          return (
            <li key={`${spanId} ${i}`} className={styles['decision']}>
              {span < 0 ? (
                decision.text
              ) : (
                <button
                  type="button"
                  className={styles['text']}
                  onPointerEnter={light}
                  onPointerLeave={dim}
                  onFocus={light}
                  onBlur={dim}
                  onClick={() => onJump(span)}
                >
                  {decision.text}
                </button>
              )}
              {reason === '' ? null : <span className={styles['reason']}>now: {reason}</span>}
              {decision.threshold === '' ? null : (
                <code className={styles['threshold']} title="Sampling threshold (tracestate ot=th:…)">
                  th:{decision.threshold}
                </code>
              )}
            </li>
          );
        })}
      </ol>
      {sampling.estimate === 'biased' ? (
        <p className={styles['reason']}>
          Some spans report no sampling probability, so the number of traces that this one represents is uncertain.
        </p>
      ) : null}
    </section>
  );
}
