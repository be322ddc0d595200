import type { SampledOperationSettings, SamplingRule, SamplingSettingsView } from '@throughline/trace/client';
import { countOf } from '../parts/count-text.ts';
import page from '../parts/page.module.css';
import { ratioText, probabilityText } from '../parts/probability-text.ts';
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
      <h3 className={styles['subheading']}>Current settings</h3>
      <div className={page['card']}>
        <dl className={styles['figures']}>
          <Figure name="Target per operation" detail="across all instances">
            {countOf(tracesPerSecond, 'trace')} a second
          </Figure>
          <Figure name="Target for error traces" detail="during error bursts">
            {countOf(errorTracesPerSecond, 'trace')} a second
          </Figure>
          <Figure name="Probability limits" detail="min – max">
            {probabilityText(minProbability)} – {probabilityText(maxProbability)}
          </Figure>
          <Figure name="Default probability" detail={probabilityText(defaultProbability)}>
            {ratioText(defaultProbability)}
          </Figure>
        </dl>
        <Exceptions title="Per-operation overrides" items={settings.operations.map(operationText)} />
        <Exceptions title="Rules (evaluated first)" items={settings.rules.map(ruleText)} />
      </div>
      <details className={styles['change']}>
        <summary className={styles['summary']}>Edit settings</summary>
        <p className={styles['text']}>
          The current settings as a command: change the numbers and run it. It takes effect immediately and persists.
          Omitted settings are reset to their defaults. Give an operation its own target or fixed probability by an
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
  if (probability !== undefined) return `${what}: ${ratioText(probability)} (${probabilityText(probability)})`;
  return `${what}: ${countOf(tracesPerSecond ?? 0, 'trace')} a second`;
}

function ruleText({ probability, ...conditions }: SamplingRule): string {
  const met = Object.entries(conditions).map(([name, value]) => `${name} ${value}`);
  return `${met.join(', ')}: ${ratioText(probability)}`;
}
