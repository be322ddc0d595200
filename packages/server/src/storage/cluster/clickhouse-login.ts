export interface ClickHouseLogin {
  /** Without user and password: Node would make a second login of them. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The one form in which user and password are sent: a current ClickHouse refuses a request that has two. HTTP's own
 * Basic carries every byte of a password, which a header of its own would not.
 * `url`: `http(s)://[user[:password]@]host[:port]`, percent-encoded. `given` is the password where it is not in the
 * URL. A user without a password whose connection has a certificate is one that ClickHouse knows by it: those take no
 * password, not even an empty one. Throws a `RangeError` for a user with a colon.
 * @see https://clickhouse.com/docs/guides/sre/ssl-user-auth
 */
export function loginOf(url: string, given: string | null = null, hasCertificate = false): ClickHouseLogin {
  const bare = new URL(url);
  const [user, password] = [decoded(bare.username), given ?? decoded(bare.password)];
  bare.username = '';
  bare.password = '';
  if (user === '' && password === '') return { url: bare, headers: {} };
  if (user.includes(':')) throw new RangeError(`the user for ${bare.origin} has a colon, which HTTP cannot send`);
  if (hasCertificate && password === '') {
    // Node writes the characters of a header as bytes.
    const name = Buffer.from(user, 'utf8').toString('latin1');
    return { url: bare, headers: { 'x-clickhouse-user': name, 'x-clickhouse-ssl-certificate-auth': 'on' } };
  }
  // ClickHouse calls the user `default` whom nobody has named.
  const text = `${user === '' ? 'default' : user}:${password}`;
  return { url: bare, headers: { authorization: `Basic ${Buffer.from(text, 'utf8').toString('base64')}` } };
}

/** A percent sign that encodes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll(/(%[0-9A-Fa-f]{2})+/g, (encoded) =>
      Buffer.from(encoded.replaceAll('%', ''), 'hex').toString('utf8'),
    );
  }
}
