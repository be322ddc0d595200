import type { SampledOperation } from '@throughline/trace/client';
import { classNames } from '../parts/class-names.ts';
import { rateText } from '../parts/count-text.ts';
import page from '../parts/page.module.css';
import { ratioText, probabilityText } from '../parts/probability-text.ts';
import table from '../parts/table.module.css';
import { useNow } from '../parts/use-now.ts';
import { OperationName } from '../parts/operation-name.tsx';
import { ServiceName } from '../services/service-name.tsx';
import { lengthText } from '../time/length-text.ts';
import { absoluteText, unixMs } from '../time/moment-text.ts';
import { sampledPerSecond, operationKey, type SampledService } from './sampled-services.ts';
import styles from './sampling-table.module.css';

interface SamplingTableProps {
  readonly services: readonly SampledService[];
  readonly slots: ReadonlyMap<string, number>;
}

/** SpanKind as numbered by the OpenTelemetry API. */
const kinds = ['internal', 'server', 'client', 'producer', 'consumer'];

export function SamplingTable({ services, slots }: SamplingTableProps) {
  return (
    <table className={classNames(table['table'], styles['table'])}>
      <caption className={page['hidden']}>The probability of each operation, and the reason for it</caption>
      <thead>
        <tr>
          <th scope="col" className={styles['service']}>
            Service
          </th>
          <th scope="col" className={styles['operation']}>
            Operation
          </th>
          <th scope="col" className={styles['sampled']}>
            Probability
          </th>
          <th scope="col">Reason</th>
          <th scope="col" className={styles['rate']}>
            Requests/s
          </th>
          <th scope="col" className={styles['rate']}>
            Sampled/s
          </th>
          <th scope="col" className={styles['rate']}>
            Errors/s
          </th>
        </tr>
      </thead>
      {services.map((service) => (
        <tbody key={service.name}>
          {service.operations.map((operation, i) => (
            <tr key={operationKey(operation)}>
              {i > 0 ? null : (
                <th scope="rowgroup" rowSpan={service.operations.length} className={styles['service']}>
                  <ServiceName name={service.name} slots={slots} />
                </th>
              )}
              <OperationCells operation={operation} />
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}

function OperationCells({ operation }: { readonly operation: SampledOperation }) {
  const { probability, decidedPerSecond, errorsPerSecond } = operation;
  return (
    <>
      <th scope="row" className={styles['operation']}>
        <span>
          <OperationName name={operation.name} />
        </span>{' '}
        <span className={styles['kind']}>{kinds[operation.kind] ?? ''}</span>
      </th>
      <td className={styles['sampled']}>
        <strong>{ratioText(probability)}</strong>{' '}
        <span className={styles['percent']}>{probabilityText(probability)}</span>
      </td>
      <td className={styles['why']}>
        {operation.boostedUntilUnixNano === null ? null : <Boost untilUnixNano={operation.boostedUntilUnixNano} />}
        {operation.reason === 'target' ? `target of ${operation.policy}` : operation.policy}
      </td>
      <Rate name="decided" perSecond={decidedPerSecond} />
      <Rate name="sampled" perSecond={sampledPerSecond(operation)} />
      <Rate name="errors" perSecond={errorsPerSecond} bad={errorsPerSecond > 0} />
    </>
  );
}

interface RateProps {
  /** Read where the columns' headings have no room. */
  readonly name: string;
  /** Null where it is not known. */
  readonly perSecond: number | null;
  readonly bad?: boolean;
}

function Rate({ name, perSecond, bad = false }: RateProps) {
  return (
    <td className={styles['rate']} data-name={name} data-bad={bad}>
      {perSecond === null ? (
        <span title="Not reported yet">
          –<span className={page['hidden']}> not known yet</span>
        </span>
      ) : (
        rateText(perSecond)
      )}
    </td>
  );
}

function Boost({ untilUnixNano }: { readonly untilUnixNano: string }) {
  const nowMs = useNow(1_000);
  const untilMs = unixMs(untilUnixNano);
  const left = lengthText((untilMs - nowMs) / 1_000);
  return (
    <time
      className={styles['boost']}
      dateTime={new Date(untilMs).toISOString()}
      title={`at least until ${absoluteText(untilMs)}`}
    >
      error boost, {left} left
    </time>
  );
}
