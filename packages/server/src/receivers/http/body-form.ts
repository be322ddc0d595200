import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Refusal } from '../../http/refusal.ts';
import { COMPRESSIONS } from '../body/compression.ts';
import { bodyEncoding } from '../body/request-body.ts';

/** A way to write bodies, such as JSON. */
export interface BodyForm<Name extends string = string> {
  readonly name: Name;
  /** In lower case; answers name the first. */
  readonly mediaTypes: readonly [string, ...string[]];
  /** Text is taken in UTF-8 alone. */
  readonly isText: boolean;
}

/** Returns the form that Content-Type names; null for another one. One that a proxy has repeated is still the one. */
export function formOf<F extends BodyForm>(
  forms: readonly F[],
  { 'content-type': given = '' }: IncomingHttpHeaders,
): F | null {
  const [type = '', ...others] = given.includes(',') ? given.split(',').map(mediaType) : [mediaType(given)];
  if (others.some((other) => other !== type)) return null;
  for (const form of forms) if (form.mediaTypes.includes(type)) return form;
  return null;
}

function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

const ACCEPTED_ENCODINGS = [...COMPRESSIONS, 'identity'].join(', ');

/** Returns why a body cannot be read, by the headers that describe it; null where it can. */
export function bodyProblem(
  request: IncomingMessage,
  forms: readonly BodyForm[],
  form: BodyForm | null,
): Refusal | null {
  const { headers } = request;
  if (forms.length > 0 && form === null) {
    const found = headers['content-type'] ?? 'none';
    const accepted = forms.map(({ mediaTypes: [first] }) => first).join(' and ');
    return unsupported(`the content type is ${found}; ${accepted} ${forms.length > 1 ? 'are' : 'is'} accepted`);
  }
  const charset = form?.isText === true ? foreignCharset(headers['content-type']) : null;
  if (charset !== null) return unsupported(`the charset is ${charset.slice(0, 100)}; UTF-8 is accepted`);
  if (bodyEncoding(headers['content-encoding']) === null) {
    return {
      ...unsupported(`the content encoding is ${headers['content-encoding']}; ${ACCEPTED_ENCODINGS} are accepted`),
      headers: { 'accept-encoding': ACCEPTED_ENCODINGS },
    };
  }
  const coding = foreignTransferCoding(headers);
  if (coding === null) return null;
  const message = `the transfer encoding is ${coding}; chunked is accepted, and ${ACCEPTED_ENCODINGS} as the content encoding`;
  return { status: 501, code: 'unsupported_transfer_encoding', message };
}

function unsupported(message: string): Refusal {
  return { status: 415, code: 'unsupported_body', message };
}

/** The charset that a content type names, where it is another one than UTF-8; null otherwise. */
function foreignCharset(contentType = ''): string | null {
  if (!contentType.includes(';')) return null;
  const charset = /;\s*charset\s*=\s*"?([^\s;",]*)/i.exec(contentType)?.[1] ?? '';
  return /^(?:utf-?8|us-ascii|)$/i.test(charset) ? null : charset;
}

/**
 * The codings of a transfer of which Node takes off the last alone, such as `gzip, chunked`; null where there is none.
 * Where the last is not `chunked`, Node refuses the request.
 */
function foreignTransferCoding({ 'transfer-encoding': codings }: IncomingHttpHeaders): string | null {
  return codings !== undefined && /,\s*chunked\s*$/i.test(codings) ? codings.slice(0, 100) : null;
}
