import type { SampledOperationSettings, SamplingRule, SamplingSettingsView } from '@throughline/trace';
import { countOf } from '../parts/count-text.ts';
import page from '../parts/page.module.css';
import { keptText, probabilityText } from '../parts/probability-text.ts';
import { Snippet } from '../parts/snippet.tsx';
import { Figure } from './figure.tsx';
import { collectorUrl } from '../api/base-path.ts';
import { settingsCommand } from './settings-command.ts';
import styles from './system-page.module.css';

interface SamplingSettingsProps {
  readonly settings: SamplingSettingsView;
  /** Where the command is sent to; null until it is known. */
}

/** The defaults and bounds in force, and the command that changes them. */
export function SamplingSettings({ settings }: SamplingSettingsProps) {
  const { tracesPerSecond, errorTracesPerSecond, minProbability, maxProbability, defaultProbability } = settings;
  return (
    <>
      <h3 className={styles['subheading']}>Settings in force</h3>
      <div className={page['card']}>
        <dl className={styles['figures']}>
          <Figure name="Wanted of each operation" detail="over all its processes">
            {countOf(tracesPerSecond, 'trace')} a second
          </Figure>
          <Figure name="While its errors are up" detail="with an error">
            {countOf(errorTracesPerSecond, 'trace')} a second
          </Figure>
          <Figure name="Bounds" detail="never less, never more">
            {probabilityText(minProbability)} to {probabilityText(maxProbability)}
          </Figure>
          <Figure name="Until its traffic is known" detail={probabilityText(defaultProbability)}>
            {keptText(defaultProbability)}
          </Figure>
        </dl>
        <Exceptions title="Set for some operations" items={settings.operations.map(operationText)} />
        <Exceptions title="Rules, decided first" items={settings.rules.map(ruleText)} />
      </div>
      <details className={styles['change']}>
        <summary className={styles['summary']}>Change the settings</summary>
        <p className={styles['text']}>
          What is in force, as a command: change the numbers and run it. It counts at once and over restarts. Settings
          that are left out go back to their defaults. An operation gets a target or a fixed share of its own by an
          entry such as <code>{'{ "service": "shop", "operation": "GET /cart", "tracesPerSecond": 50 }'}</code> in{' '}
          <code>operations</code>.
        </p>
        <Snippet text={settingsCommand(collectorUrl(), settings)} label="Copy the command" />
      </details>
    </>
  );
}

function Exceptions({ title, items }: { readonly title: string; readonly items: readonly string[] }) {
  if (items.length === 0) return null;
  return (
    <div className={styles['exceptions']}>
      <h4 className={styles['name']}>{title}</h4>
      <ul>
        {items.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
    </div>
  );
}

function operationText({ service, operation, tracesPerSecond, probability }: SampledOperationSettings): string {
  const what = operation === undefined ? `every operation of ${service}` : `${service} ${operation}`;
  if (probability !== undefined) return `${what}: ${keptText(probability)} (${probabilityText(probability)})`;
  return `${what}: ${countOf(tracesPerSecond ?? 0, 'trace')} a second`;
}

function ruleText({ probability, ...conditions }: SamplingRule): string {
  const met = Object.entries(conditions).map(([name, value]) => `${name} ${value}`);
  return `${met.join(', ')}: ${keptText(probability)}`;
}
