import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SamplingSettingsView } from '@throughline/trace/client';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { CountsMessage, TotalsResult } from '../exchange/exchange-message.ts';
import type { WireMessage } from '../exchange/wire-message.ts';
import { MessageReader } from '../exchange/message-reader.ts';
import type { Route } from '../http/route.ts';
import type { Job } from '../jobs/jobs.ts';
import { SamplingController } from './sampling-controller.ts';
import { Forwarder } from './forwarder.ts';
import { replaceFile } from '../durable-file.ts';
import { readJsonFile } from './read-json-file.ts';
import { SAMPLING_LIMITS, type SamplingLimits } from './limits.ts';
import { settingsChangeSchema } from '../schema/sampling-settings-schema.ts';
import { SamplingMetrics } from './sampling-metrics.ts';
import { samplingExchangeRoutes, type ExchangeResult } from './sampling-exchange-routes.ts';
import { readSavedState, stateToSave } from './saved-state.ts';
import { readSamplingSettings, SamplingSettingsError, type SamplingSettings } from './sampling-settings.ts';

export interface SamplingOptions {
  /** Holds `settings.json`, which people write, and `state.json`, which we do. Created where it is missing. */
  readonly directory: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<SamplingLimits>;
  readonly takeTotals: TakeTotals;
  /** A limit was hit, by the name of its setting. */
  readonly onLimit?: (limit: string) => void;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

/** Makes the totals of a message durable. A forwarded one is counted by the collector that it comes from. */
export type TakeTotals = (message: CountsMessage, isForwarded: boolean) => Promise<TotalsResult>;

/** The outcome of a change of the settings. */
export type SettingsChange =
  | { readonly kind: 'changed'; readonly settings: SamplingSettingsView }
  /** The message is for people. */
  | { readonly kind: 'rejected' | 'failed'; readonly message: string };

/** Operations and processes live for minutes. */
const TICK_INTERVAL_MS = 60_000;

/** Remote sampling: takes what applications report, and returns the probabilities to sample with. */
export class Sampling {
  readonly controller: SamplingController;
  readonly #log: Logger;
  readonly #settingsPath: string;
  readonly #statePath: string;
  readonly #metrics: SamplingMetrics;
  readonly #limits: SamplingLimits;
  readonly #takeTotals: TakeTotals;
  readonly #messages: MessageReader;
  readonly #forwarder: Forwarder;
  /** Paths beside those for spans. */
  readonly routes: readonly Route[];
  #isChanged = false;
  /** Files are written one after the other. */
  #written: Promise<unknown> = Promise.resolve();

  /**
   * Throws `SamplingSettingsError` for a settings file that is not accepted. A state that cannot be read is learned
   * anew.
   */
  constructor({ directory, log, registry, limits, takeTotals, onLimit = () => {}, now }: SamplingOptions) {
    this.#log = log;
    this.#limits = { ...SAMPLING_LIMITS, ...limits };
    this.#takeTotals = takeTotals;
    this.#messages = new MessageReader(this.#limits);
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    this.#settingsPath = join(directory, 'settings.json');
    this.#statePath = join(directory, 'state.json');
    this.controller = new SamplingController({
      settings: readSettingsFile(this.#settingsPath),
      limits: this.#limits,
      ...(now !== undefined && { now }),
    });
    this.#restore();
    this.#metrics = new SamplingMetrics(registry, this.controller);
    this.#forwarder = new Forwarder(this.#limits, (outcome) => {
      this.#metrics.forwards.inc({ outcome });
      if (outcome === 'dropped') onLimit('forwardsMax');
    });
    this.routes = samplingExchangeRoutes({
      controller: this.controller,
      limits: this.#limits,
      messageSchema: this.#messages.schema,
      exchange: (...given) => this.#exchange(...given),
      onMalformed: () => this.#metrics.exchanges.inc({ outcome: 'rejected' }),
    });
  }

  /** The current probabilities and settings, and how the settings are changed: for the API. */
  get control() {
    const { controller } = this;
    return {
      get settings() {
        return withoutPeers(controller.settings);
      },
      operations: (service?: string) => controller.sampling(service),
      changeSchema: settingsChangeSchema,
      change: (given: unknown) => this.#change(given),
    };
  }

  /** Writes the state where it has changed, and forgets what has been silent for long. */
  get jobs(): readonly Job[] {
    return [
      {
        name: 'sampling-state',
        everyMs: this.#limits.saveIntervalMs,
        startsLater: true,
        run: () => this.#save(),
      },
      {
        name: 'sampling-tick',
        everyMs: TICK_INTERVAL_MS,
        startsLater: true,
        run: () => Promise.resolve(this.controller.tick()),
      },
    ];
  }

  /** Writes the state a last time. */
  async close(): Promise<void> {
    await this.#save();
  }

  async #exchange(given: WireMessage, bytes: Uint8Array, isForwarded: boolean): Promise<ExchangeResult> {
    const message = this.#messages.read(given);
    if (typeof message === 'string') return this.#reject(message);
    const taken = await this.#takeTotals(message, isForwarded);
    if (taken.kind === 'rejected') return this.#reject(taken.message);
    this.#isChanged = true;
    if (isForwarded) {
      this.#metrics.exchanges.inc({ outcome: 'forwarded' });
      this.controller.take(message);
      return { kind: 'forwarded' };
    }
    this.#metrics.exchanges.inc({ outcome: 'answered' });
    this.#forwarder.forward(this.controller.settings.peers, bytes);
    const response = this.controller.exchange(message);
    return { kind: 'exchanged', response: taken.kind === 'deferred' ? { ...response, totalsNoted: false } : response };
  }

  #reject(message: string): ExchangeResult {
    this.#metrics.exchanges.inc({ outcome: 'rejected' });
    return { kind: 'rejected', message };
  }

  /** The new settings are in the file before they count. */
  async #change(given: unknown): Promise<SettingsChange> {
    let settings: SamplingSettings;
    try {
      settings = this.#withPeers(readSamplingSettings(given, 'request'));
    } catch (error) {
      if (!(error instanceof SamplingSettingsError)) throw error;
      return { kind: 'rejected', message: error.message };
    }
    try {
      await this.#write(this.#settingsPath, settings);
    } catch (error) {
      this.#log.error({ err: error, path: this.#settingsPath }, 'writing the sampling settings failed');
      return { kind: 'failed', message: 'writing the settings to the data directory failed' };
    }
    this.controller.settings = settings;
    return { kind: 'changed', settings: withoutPeers(settings) };
  }

  /** Who may change settings must not be able to make this collector send to wherever they like. */
  #withPeers(settings: SamplingSettings): SamplingSettings {
    const { peers } = this.controller.settings;
    if (settings.peers.length > 0 && settings.peers.join() !== peers.join()) {
      throw new SamplingSettingsError(`peers can only be set in the file ${this.#settingsPath}`);
    }
    return { ...settings, peers };
  }

  #restore(): void {
    try {
      const saved = readJsonFile(this.#statePath);
      if (saved === undefined) return;
      const operations = readSavedState(saved);
      if (operations !== undefined) this.controller.restore(operations);
      else this.#log.warn({ path: this.#statePath }, 'sampling state is malformed; learning rates from scratch');
    } catch (error) {
      this.#log.warn(
        { err: error, path: this.#statePath },
        'could not read the sampling state; learning rates from scratch',
      );
    }
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    try {
      await this.#write(this.#statePath, stateToSave(this.controller.save()));
    } catch (error) {
      this.#isChanged = true;
      this.#metrics.saveFailures.inc();
      this.#log.warn({ err: error, path: this.#statePath }, 'writing the sampling state failed; will retry');
    }
  }

  #write(path: string, value: object): Promise<void> {
    const written = this.#written.then(() => replaceFile(path, JSON.stringify(value)));
    this.#written = written.catch(() => {});
    return written;
  }
}

/** Where else messages go is nothing that readers need. */
function withoutPeers(settings: SamplingSettings): SamplingSettingsView {
  const { peers: _, ...others } = settings;
  return others;
}

function readSettingsFile(path: string): SamplingSettings {
  try {
    return readSamplingSettings(readJsonFile(path) ?? {});
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not valid JSON' : (error as Error).message;
    throw new SamplingSettingsError(`the sampling settings in ${path} cannot be used: ${why}`);
  }
}
