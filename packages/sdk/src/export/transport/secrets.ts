/** Shorter ones would hide what is none; a part of a header, such as the token behind `Bearer`, is longer. */
const SECRET_CHARACTERS_MIN = 4;
const PART_CHARACTERS_MIN = 8;

/** Which texts of a request must not show up in a message: what a transport or a proxy says of it may repeat them. */
export function secretsOf(urls: readonly (URL | undefined)[], headers: Readonly<Record<string, string>>): string[] {
  const texts = Object.values(headers).flatMap((value) => [
    value,
    ...value.split(/[\s;,=:]+/).filter((part) => part.length >= PART_CHARACTERS_MIN),
  ]);
  for (const url of urls) {
    if (url === undefined) continue;
    const { username, password, searchParams } = url;
    for (const text of [password, username, ...searchParams.values()]) texts.push(text, decoded(text));
    if (password !== '') texts.push(Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64'));
  }
  const secrets = new Set(texts.filter((text) => text.length >= SECRET_CHARACTERS_MIN));
  return [...secrets].toSorted((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function withoutTexts(message: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, '…'), message);
}
