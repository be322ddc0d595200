import { types } from 'node:util';
import { epoch, runAgain } from '../context/active-store.ts';
import type { ActiveContext } from '../context/active-context.ts';
import { property } from '../runtime/property.ts';
import type { Span } from '../span/span.ts';

type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;
type Step = (this: unknown, ...args: unknown[]) => unknown;

const STEPS = ['next', 'return', 'throw'] as const;

/**
 * What a generator function returns, whose body has not run yet. Not whatever else can be iterated: streams, cursors
 * and responses have begun, and may be handed on or never be read.
 */
export function isGenerator(value: unknown): value is AnyGenerator {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof property(value, 'next') === 'function' &&
    types.isGeneratorObject(value)
  );
}

/**
 * Runs each step of a generator with `active` active. The generator stays what it is, with three properties of its own.
 */
export function keepActive(generator: AnyGenerator, active: ActiveContext | undefined): void {
  const since = epoch();
  wrapSteps(generator, (step) => runAgain(since, active, step));
}

/**
 * The same for what was stored `since` an epoch, and the span ends with the generator: when it is done or fails, or
 * when nobody can go on with it any more.
 */
export function endWithGenerator(
  generator: AnyGenerator,
  since: number,
  active: ActiveContext,
  span: Span,
  fail: (error: unknown) => void,
): void {
  const followed = new FollowedGenerator(span, fail);
  const isWrapped = wrapSteps(generator, (step, thrown) => followed.run(() => runAgain(since, active, step), thrown));
  if (isWrapped) abandoned.register(generator, followed, followed);
  else span.end();
}

const abandoned = new FinalizationRegistry<FollowedGenerator>((followed) => followed.endAtLastStep());

/** It must not refer to its generator, which would then never be garbage. */
class FollowedGenerator {
  readonly #span: Span;
  readonly #fail: (error: unknown) => void;
  #lastStepUnixMs = Date.now();
  #isRunning = false;

  constructor(span: Span, fail: (error: unknown) => void) {
    this.#span = span;
    this.#fail = fail;
  }

  /** What is `thrown` into the generator may come out of it again. */
  run(step: () => unknown, thrown: unknown): unknown {
    // A generator that goes on with itself gets an error, and is not over.
    if (this.#isRunning) return step();
    this.#isRunning = true;
    let result: unknown;
    try {
      result = step();
    } catch (error) {
      this.#failed(error, thrown);
      throw error;
    } finally {
      this.#isRunning = false;
    }
    if (!types.isPromise(result)) return this.#went(result);
    return result.then(
      (value) => this.#went(value),
      (error: unknown) => {
        this.#failed(error, thrown);
        throw error;
      },
    );
  }

  #went(result: unknown): unknown {
    if (property(result, 'done') === true) {
      abandoned.unregister(this);
      this.#span.end();
    } else this.#lastStepUnixMs = Date.now();
    return result;
  }

  /**
   * A stream that is broken off throws an abort into the generator that it reads: that is the end of its work, and no
   * error of it.
   */
  #failed(error: unknown, thrown: unknown): void {
    abandoned.unregister(this);
    if (error === thrown && property(error, 'name') === 'AbortError') this.#span.end();
    else this.#fail(error);
  }

  endAtLastStep(): void {
    this.#span.end(this.#lastStepUnixMs);
  }
}

/** Whether it could be done: a generator may be frozen. */
function wrapSteps(generator: AnyGenerator, run: (step: () => unknown, thrown: unknown) => unknown): boolean {
  try {
    const steps = STEPS.map((name) => [name, wrapped(generator[name] as Step, run, name === 'throw')] as const);
    for (const [name, value] of steps) {
      Object.defineProperty(generator, name, { value, configurable: true, writable: true });
    }
    return true;
  } catch {
    return false;
  }
}

function wrapped(original: Step, run: (step: () => unknown, thrown: unknown) => unknown, isThrow: boolean): Step {
  return function (...args) {
    return run(() => Reflect.apply(original, this, args), isThrow ? args[0] : undefined);
  };
}
