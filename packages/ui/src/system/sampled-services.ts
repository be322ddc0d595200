import type { SampledOperation } from '@throughline/trace/client';

/** A service with its operations, the one with most arrivals first. */
export interface SampledService {
  readonly name: string;
  readonly operations: readonly SampledOperation[];
}

/** Services by name, as many of their operations as `rowsMax` leaves room for; `service` narrows them to one. */
export function sampledServices(
  operations: readonly SampledOperation[],
  { service, rowsMax }: { readonly service: string | null; readonly rowsMax: number },
): readonly SampledService[] {
  const meant = service === null ? operations : operations.filter((each) => each.service === service);
  const shown = meant.toSorted(byServiceThenRate).slice(0, rowsMax);
  const services = new Map<string, SampledOperation[]>();
  for (const operation of shown) {
    const known = services.get(operation.service);
    if (known === undefined) services.set(operation.service, [operation]);
    else known.push(operation);
  }
  return [...services].map(([name, own]) => ({ name, operations: own }));
}

/** Traces a second that are to be expected; null where nobody has reported how many there are. */
export function sampledPerSecond({ probability, decidedPerSecond }: SampledOperation): number | null {
  return decidedPerSecond === null ? null : probability * decidedPerSecond;
}

/** What distinguishes a row from the others of its service. */
export function operationKey({ kind, name }: SampledOperation): string {
  return `${kind} ${name}`;
}

function byServiceThenRate(a: SampledOperation, b: SampledOperation): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  const rate = (b.decidedPerSecond ?? -1) - (a.decidedPerSecond ?? -1);
  return rate || (operationKey(a) < operationKey(b) ? -1 : 1);
}
