import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evalChild, type Child } from '../test-support/child.ts';
import { startSink, type Sink } from '../test-support/sink.ts';

let sink: Sink;

beforeEach(async () => {
  sink = await startSink();
});
afterEach(() => sink.close());

/** An application that does the first part, ends one span, and then does the rest. */
function app(rest: string, endpoint = sink.url, flushTimeoutMillis = 30_000, first = ''): Child {
  return evalChild(`
    import { Tracer } from './src/index.ts';
    ${first}
    const tracer = new Tracer({
      endpoint: ${JSON.stringify(endpoint)},
      flushTimeoutMillis: ${flushTimeoutMillis},
      scheduledDelayMillis: 3_600_000,
      exportTimeoutMillis: 3_600_000,
    });
    tracer.startSpan('last').end();
    ${rest}
    console.log('ready');
  `);
}

const STAY = 'const stay = setInterval(() => undefined, 1000);';

describe('the end of the process', () => {
  it('by an empty event loop sends what is left, and is not held up by the tracer', async () => {
    const child = app('');
    // The tracer's timers are an hour long: one that held the process up would outlast the test.
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    expect(sink.spans.map(({ name }) => name)).toEqual(['last']);
  });

  it('waits for a collector that hangs no longer than flushTimeoutMillis', async () => {
    const hanging = await startSink(() => undefined);
    const child = app(
      "process.on('exit', () => console.log(JSON.stringify(tracer.stats().dropped)));",
      hanging.url,
      300,
    );
    await child.line();
    expect(JSON.parse(await child.line())).toMatchObject({ shutdown: 1 });
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    await hanging.close();
  });

  it('does not wait for a collector that is away, however long it may wait', async () => {
    const away = await startSink();
    await away.close();
    const count = "process.on('exit', () => console.log(tracer.stats().dropped.shutdown));";
    const child = app(count, away.url, 3_600_000);
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    expect([await child.line(), await child.line()]).toEqual(['ready', '1']);
    const signalled = app(`${STAY} process.kill(process.pid, 'SIGINT');`, away.url, 3_600_000);
    expect(await signalled.exited()).toEqual({ code: null, signal: 'SIGINT' });
    expect(signalled.stderr()).toContain('ECONNREFUSED');
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s sends what is left, and ends by that signal',
    async (signal) => {
      const child = app(STAY);
      await child.line();
      child.process.kill(signal);
      expect(await child.exited()).toEqual({ code: null, signal });
      expect(sink.spans).toHaveLength(1);
    },
  );

  it('by a signal ends in time although the collector hangs', async () => {
    const hanging = await startSink(() => undefined);
    const child = app(STAY, hanging.url, 300);
    await child.line();
    child.process.kill('SIGTERM');
    expect(await child.exited()).toEqual({ code: null, signal: 'SIGTERM' });
    await hanging.close();
  });

  it('is left to the application where that listens for the signal itself', async () => {
    const child = app(`${STAY} process.on('SIGTERM', () => setTimeout(() => process.exit(7), 200));`);
    await child.line();
    child.process.kill('SIGTERM');
    expect(await child.exited()).toEqual({ code: 7, signal: null });
    expect(sink.spans).toHaveLength(1);
  });

  const DRAIN = '() => setTimeout(() => process.exit(7), 200)';

  it.each(['on', 'once', 'prependListener', 'prependOnceListener'])(
    'is left to the application that has called process.%s, before or after the tracer was made',
    async (method) => {
      const listen = `process.${method}('SIGTERM', ${DRAIN});`;
      for (const child of [app(`${STAY} ${listen}`), app(STAY, sink.url, 30_000, listen)]) {
        await child.line();
        child.process.kill('SIGTERM');
        expect(await child.exited()).toEqual({ code: 7, signal: null });
      }
      expect(sink.spans).toHaveLength(2);
    },
  );

  it('by a second signal is not held up by an application that still drains behind the first', async () => {
    const child = app(`${STAY} process.once('SIGTERM', () => console.log('draining'));`);
    await child.line();
    child.process.kill('SIGTERM');
    expect(await child.line()).toBe('draining');
    child.process.kill('SIGTERM');
    expect(await child.exited()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(sink.spans).toHaveLength(1);
  });

  it('by a second signal does not wait for a collector that hangs', async () => {
    const hanging = await startSink(() => undefined);
    const child = app(`${STAY} process.on('exit', () => {});`, hanging.url, 3_600_000);
    await child.line();
    child.process.kill('SIGTERM');
    const twice = setInterval(() => child.process.kill('SIGTERM'), 100);
    expect(await child.exited()).toEqual({ code: null, signal: 'SIGTERM' });
    clearInterval(twice);
    await hanging.close();
  });

  const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  const isLong = process.env['THROUGHLINE_TEST_LONG'] === 'true';

  describe.each([
    [
      'signal-exit 3',
      'SIGTERM',
      "const { default: onExit } = await import('signal-exit-3'); onExit(() => console.log('tidied'));",
    ],
    ['signal-exit 4', 'SIGINT', "const { onExit } = await import('signal-exit'); onExit(() => console.log('tidied'));"],
    [
      'both versions of signal-exit',
      'SIGHUP',
      "const [three, four] = await Promise.all([import('signal-exit-3'), import('signal-exit')]); three.default(() => {}); four.onExit(() => console.log('tidied'));",
    ],
  ] as const)('with %s', (_, inShort, tidy) => {
    // In the short form each signal once.
    it.each(isLong ? SIGNALS : [inShort])('comes by %s, when it has tidied up', async (signal) => {
      for (const child of [app(`${STAY} ${tidy}`), app(STAY, sink.url, 30_000, tidy)]) {
        await child.line();
        child.process.kill(signal);
        expect(await child.line()).toBe('tidied');
        expect(await child.exited()).toEqual({ code: null, signal });
      }
      expect(sink.spans).toHaveLength(2);
    });

    it('is left to an application that listens as well', async () => {
      const listen = `process.once('SIGTERM', ${DRAIN});`;
      for (const child of [app(`${STAY} ${tidy} ${listen}`), app(STAY, sink.url, 30_000, `${listen} ${tidy}`)]) {
        await child.line();
        child.process.kill('SIGTERM');
        expect(await child.line()).toBe('tidied');
        expect(await child.exited()).toEqual({ code: 7, signal: null });
      }
      expect(sink.spans).toHaveLength(2);
    });
  });

  it('comes for two copies of the SDK together', async () => {
    const second = `const copy = await import('./dist/index.js');
      const other = new copy.Tracer({ endpoint: SINK, scheduledDelayMillis: 3_600_000, register: false });
      other.startSpan('of the copy').end();`.replace('SINK', JSON.stringify(sink.url));
    for (const child of [app(`${STAY} ${second}`), app(STAY, sink.url, 30_000, second)]) {
      await child.line();
      child.process.kill('SIGTERM');
      expect(await child.exited()).toEqual({ code: null, signal: 'SIGTERM' });
    }
    expect(sink.spans.map(({ name }) => name).toSorted()).toEqual(['last', 'last', 'of the copy', 'of the copy']);
    const left = app(`${STAY} ${second} process.once('SIGTERM', ${DRAIN});`);
    await left.line();
    left.process.kill('SIGTERM');
    expect(await left.exited()).toEqual({ code: 7, signal: null });
  });

  it('comes although the application ends spans whenever the event loop runs empty', async () => {
    const child = app(`let times = 0;
      process.on('beforeExit', () => { times += 1; tracer.span('good-bye', () => {}); });
      process.on('exit', () => console.log(times));`);
    expect([await child.line(), await child.line()]).toEqual(['ready', '2']);
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    expect(sink.spans.map(({ name }) => name).toSorted()).toEqual(['good-bye', 'good-bye', 'last']);
  });

  it.each([
    ['process.exit', 'process.exit(3);', 3],
    ['an uncaught exception', "setTimeout(() => { throw new Error('bug'); });", 1],
  ])('by %s sends what is left while the process stands still', async (_, end, code) => {
    const child = app(`console.log('ready'); ${end}`);
    expect(await child.exited()).toMatchObject({ code });
    expect(sink.spans.map(({ name }) => name)).toEqual(['last']);
  });

  it('by process.exit counts what arrived, with compression too', async () => {
    const child = evalChild(`
      import { Tracer } from './src/index.ts';
      const options = { endpoint: ${JSON.stringify(sink.url)}, compression: 'gzip', maxExportBatchSize: 10 };
      const tracer = new Tracer(options);
      process.on('exit', () => console.log(JSON.stringify(tracer.stats())));
      for (let i = 0; i < 25; i++) tracer.startSpan('x').end();
      process.exit();
    `);
    expect(JSON.parse(await child.line())).toMatchObject({ exported: 25, pendingSpans: 0, pendingBytes: 0 });
    expect(sink.spans).toHaveLength(25);
    expect(await child.exited()).toEqual({ code: 0, signal: null });
  });

  it('by process.exit is not held up for long by a collector that hangs, and not at all by one that is away', async () => {
    const hanging = await startSink(() => undefined);
    const child = app(
      "process.on('exit', () => console.log(tracer.stats().dropped.shutdown)); process.exit();",
      hanging.url,
    );
    expect(await child.line()).toBe('1');
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    await hanging.close();
    const away = app('process.exit();', hanging.url);
    expect(await away.exited()).toEqual({ code: 0, signal: null });
  });

  it('is as without the tracer once that was shut down', async () => {
    const child = app(`${STAY} await tracer.shutdown(); console.log(process.listenerCount('SIGTERM'));`);
    expect(await child.line()).toBe('0');
    child.process.kill('SIGTERM');
    expect(await child.exited()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('can be left alone: flushOnExit', async () => {
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
      new Tracer({ endpoint: ${JSON.stringify(sink.url)} }).startSpan('lost').end();`,
      { THROUGHLINE_FLUSH_ON_EXIT: 'false' },
    );
    expect(await child.exited()).toEqual({ code: 0, signal: null });
    expect(sink.spans).toEqual([]);
  });
});
