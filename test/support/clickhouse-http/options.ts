import type { Users } from './authenticate.ts';
import type { Faults } from './faults.ts';

export interface ClickHouseHttpOptions {
  /** Of the user `default`; none by default. */
  readonly password?: string;
  /** Other users and their passwords. */
  readonly users?: Users;
  /** The server's own; default UTC. */
  readonly timeZone?: string;
  /** Settings of the users' profile, such as `readonly`; those of a request come after them. */
  readonly profile?: Readonly<Record<string, string>>;
  /** After how long a connection that nothing happens on is closed; default 10 s. */
  readonly keepAliveTimeoutMs?: number;
  /**
   * A second disk, which is the volume `cold` of the storage policy `tiered`; the first one is its volume `hot`. In the
   * policy `widened` the first one is called as in the server's own policy: tables may change to it.
   */
  readonly hasColdDisk?: boolean;
  readonly faults?: Partial<Faults>;
  /** HTTPS instead of HTTP. */
  readonly tls?: Tls;
  /** Users who are known by the common name of their certificate, and have no password (`SSL CERTIFICATE`). */
  readonly certificateUsers?: Readonly<Record<string, string>>;
}

/** In PEM. */
export interface Tls {
  readonly key: string;
  readonly cert: string;
  /** Certificates that sign those of clients: nobody without one is listened to. */
  readonly clientCa?: string;
}
