import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A key and a certificate that vouches for itself, for a server of this name (`IP:127.0.0.1`, `DNS:collector.test`).
 */
export function newCertificate(subjectAltName: string): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${subjectAltName}`];
  const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
  execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...subject], { stdio: 'ignore' });
  const made = { key: file('key'), cert: file('cert') };
  rmSync(folder, { recursive: true });
  return made;
}
