import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proxyFor } from './proxy.ts';

const PROXIES = { https: 'http://secure.proxy:1', http: 'http://plain.proxy:2' };

function isProxied(url: string, except: string): boolean {
  return proxyFor(new URL(url), { ...PROXIES, except }) !== undefined;
}

describe('the proxy for a collector', () => {
  it('goes by the scheme', () => {
    const settings = { ...PROXIES, except: '' };
    expect(proxyFor(new URL('https://collector/'), settings)?.href).toBe('http://secure.proxy:1/');
    expect(proxyFor(new URL('http://collector/'), settings)?.href).toBe('http://plain.proxy:2/');
    expect(proxyFor(new URL('http://collector/'), { ...settings, http: undefined })).toBeUndefined();
  });

  it.each(['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]', 'LOCALHOST'])('is none for %s', (host) => {
    expect(isProxied(`http://${host}:4318/`, '')).toBe(false);
  });

  it.each([
    ['collector.example', 'example'],
    ['collector.example', '.example'],
    ['collector.example', '*.example'],
    ['collector.example', 'collector.example'],
    ['collector.example', 'other, collector.example:80'],
    ['collector.example', 'other COLLECTOR.EXAMPLE'],
    ['collector.example.', 'collector.example'],
    ['collector.example', '*'],
    ['10.1.2.3', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3'],
    ['[fd00::1]', 'fd00::/8'],
    ['[fd00::1]', 'fd00::1'],
    ['[fd00::1]', '[fd00::1]:80'],
    ['[fd00::1]', 'fd00:0:0:0:0:0:0:1'],
    ['collector.example', 'example.'],
    ['xn--mnchen-3ya.de', 'münchen.de'],
  ])('is none for %s where NO_PROXY is "%s"', (host, except) => {
    expect(isProxied(`http://${host}/`, except)).toBe(false);
  });

  it.each([
    ['collector.example', 'ample'],
    ['collector.example', 'llector.example'],
    ['collector.example', 'sub.collector.example'],
    ['collector.example', 'collector.example:8080'],
    ['collector.example', '.'],
    ['collector.example', ', ,'],
    ['collector.example', '10.0.0.0/8'],
    ['11.1.2.3', '10.0.0.0/8'],
    ['10.1.2.3', '10.0.0.0/99'],
    ['10.1.2.3', '10.0.0.0/'],
    ['11.1.2.3', '10.0.0.0/8/'],
    ['10.1.2.3', '1.2.3'],
    ['[fd00::2]', 'fd00::1'],
  ])('is used for %s where NO_PROXY is "%s"', (host, except) => {
    expect(isProxied(`http://${host}/`, except)).toBe(true);
  });

  it('is found whatever NO_PROXY holds', () => {
    assert(
      property(string({ unit: 'binary' }), (except) => {
        expect(isProxied('https://10.1.2.3/', except)).toBeTypeOf('boolean');
      }),
    );
  });
});
