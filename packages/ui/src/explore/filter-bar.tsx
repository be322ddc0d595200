import type { OperationSummary } from '@throughline/trace/client';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../api/api.ts';
import { IconButton } from '../parts/icon-button.tsx';
import { Icon } from '../parts/icon.tsx';
import { Segmented } from '../parts/segmented.tsx';
import { useServices } from '../services/use-services.ts';
import { AttributeFilters } from './attribute-filters.tsx';
import { DurationField } from './duration-field.tsx';
import type { ExploreState, StatusFilter } from './state/explore-state.ts';
import styles from './filter-bar.module.css';
import { NameSelect } from '../parts/name-select.tsx';
import { TimeRangePicker } from './time-range-picker.tsx';

interface FilterBarProps {
  readonly state: ExploreState;
  readonly onChange: (changes: Partial<ExploreState>) => void;
  readonly onRefresh: () => void;
  readonly busy: boolean;
  /** The names that can be chosen are kept up to date. */
  readonly live: boolean;
}

const operationsIntervalMs = 15_000;

const statuses = [
  { value: 'any', text: 'Any' },
  { value: 'error', text: 'Error' },
  { value: 'ok', text: 'OK' },
  { value: 'unset', text: 'Unset' },
] as const;

export function FilterBar({ state, onChange, onRefresh, busy, live }: FilterBarProps) {
  const services = useServices({ follow: live }).data?.services ?? [];
  const operations = useOperations(state.service, live);
  const setStatus = (value: StatusFilter | 'any'): void => onChange({ status: value === 'any' ? null : value });
  return (
    <section className={styles['bar']} aria-label="Filters">
      <Field label="Service">
        <NameSelect
          label="Service"
          any="Any service"
          {...choicesOf(services)}
          value={state.service}
          onChange={(service) => onChange({ service, operation: null })}
        />
      </Field>
      <Field label="Operation">
        <NameSelect
          label="Operation"
          any={state.service === null ? 'Select a service first' : 'Any operation'}
          {...choicesOf(operations)}
          value={state.operation}
          disabled={state.service === null && state.operation === null}
          onChange={(operation) => onChange({ operation })}
        />
      </Field>
      <Field label="Status">
        <Segmented label="Status" options={statuses} value={state.status ?? 'any'} onChange={setStatus} />
      </Field>
      <Field label="Duration">
        <span className={styles['pair']}>
          <DurationField
            label="At least"
            valueNs={state.minDurationNs}
            onChange={(minDurationNs) => onChange({ minDurationNs })}
          />
          <span className={styles['to']}>to</span>
          <DurationField
            label="At most"
            valueNs={state.maxDurationNs}
            onChange={(maxDurationNs) => onChange({ maxDurationNs })}
          />
        </span>
      </Field>
      <Field label="Time">
        <span className={styles['pair']}>
          <TimeRangePicker time={state.time} onChange={(time) => onChange({ time })} />
          <span className={busy ? styles['busy'] : undefined}>
            <IconButton label="Refresh" onClick={onRefresh}>
              <Icon name="refresh" />
            </IconButton>
          </span>
        </span>
      </Field>
      <Field label="Attributes" wide>
        <AttributeFilters filters={state.attributes} onChange={(attributes) => onChange({ attributes })} />
      </Field>
    </section>
  );
}

interface FieldProps {
  readonly label: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

function Field({ label, wide = false, children }: FieldProps) {
  return (
    <div className={wide ? `${styles['field']} ${styles['wide']}` : styles['field']}>
      {/* The controls carry names of their own; this one is for the eye. */}
      <span className={styles['label']} aria-hidden="true">
        {label}
      </span>
      {children}
    </div>
  );
}

/** What can be chosen by its name, and whether there is more. */
function choicesOf(listed: readonly Pick<OperationSummary, 'name' | 'isOthers'>[]) {
  return {
    names: listed.flatMap(({ name, isOthers }) => (isOthers ? [] : [name])),
    hasOthers: listed.some(({ isOthers }) => isOthers),
  };
}

function useOperations(service: string | null, live: boolean): readonly OperationSummary[] {
  const { data } = useQuery({
    queryKey: ['operations', service],
    queryFn: () => (service === null ? { operations: [] } : api.operations(service)),
    enabled: service !== null,
    refetchInterval: live ? operationsIntervalMs : false,
  });
  return service === null ? [] : (data?.operations ?? []);
}
