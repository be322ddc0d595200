import { diag, DiagConsoleLogger, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Diagnostics, type LogLevel } from './diagnostics.ts';
import { Tracer, type TracerOptions } from '../index.ts';

describe('the log', () => {
  it.each<[LogLevel, string[]]>([
    ['none', []],
    ['error', ['lost']],
    ['warn', ['lost', 'wrong setting']],
    ['info', ['lost', 'wrong setting', 'well again']],
    ['debug', ['lost', 'wrong setting', 'well again']],
  ])('at the level %s says %j', (level, expected) => {
    const lines: string[] = [];
    const diagnostics = new Diagnostics((line) => lines.push(line), level);
    diagnostics.state('export', 'failing', 'lost');
    diagnostics.warn('wrong setting');
    diagnostics.state('export', 'ok', 'well again');
    expect(lines).toEqual(expected);
  });
});

describe('OTEL_LOG_LEVEL', () => {
  const tracers: Tracer[] = [];
  const start = (level: string, options: TracerOptions = {}): string[] => {
    vi.stubEnv('OTEL_LOG_LEVEL', level);
    const lines: string[] = [];
    tracers.push(new Tracer({ exporter: 'none', log: (line) => lines.push(line), ...options }));
    return lines;
  };
  afterEach(async () => {
    for (const tracer of tracers.splice(0)) await tracer.shutdown();
    diag.disable();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('is read in upper and lower case, and a wrong one is ignored with a warning', () => {
    start('WARN', { register: false });
    expect(tracers[0]?.config).toMatchObject({ logLevel: 'warn', sources: { logLevel: 'OTEL_LOG_LEVEL' } });
    expect(start('loud', { register: false })).toEqual([
      expect.stringMatching(/^OTEL_LOG_LEVEL is ignored: got "loud", expected .*none/),
    ]);
  });

  it('prints what libraries say of themselves, until the shutdown', async () => {
    const setLogger = vi.spyOn(diag, 'setLogger').mockReturnValue(true);
    const disable = vi.spyOn(diag, 'disable');
    start('debug');
    expect(setLogger.mock.calls).toEqual([[expect.any(DiagConsoleLogger), DiagLogLevel.DEBUG]]);
    expect(disable).not.toHaveBeenCalled();
    await tracers[0]?.shutdown();
    expect(disable).toHaveBeenCalledOnce();
  });

  it('prints nothing where it is not set, or where nothing is registered', () => {
    const setLogger = vi.spyOn(diag, 'setLogger');
    start('debug', { register: false });
    start('');
    expect(setLogger).not.toHaveBeenCalled();
  });

  it("leaves an application's own logger alone", async () => {
    const error = vi.fn<(...args: unknown[]) => void>();
    const logger: DiagLogger = { error, warn: error, info: error, debug: error, verbose: error };
    diag.setLogger(logger, DiagLogLevel.ERROR);
    start('debug');
    await tracers[0]?.shutdown();
    diag.error('to the application');
    expect(error.mock.calls).toEqual([['to the application']]);
  });
});
