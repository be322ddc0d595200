/** Sender processes, started and ended from here. */
import { fork } from 'node:child_process';

/** Starts a sender, see `sender.mjs`. Returns a promise of its result, and a way to end it before its time. */
export async function startSender(options) {
  const child = fork(new URL('./sender.mjs', import.meta.url), [JSON.stringify(options)]);
  const message = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', () => reject(new Error('a sender ended without a result')));
    });
  await message();
  const result = message().then((sent) => {
    if (Object.keys(sent.statuses).some((status) => status !== '200' && status !== '503')) {
      throw new Error(`answers were ${JSON.stringify(sent.statuses)}`);
    }
    return sent;
  });
  // Whoever awaits it hears of a failure; a failure elsewhere comes first.
  result.catch(() => {});
  child.send('go');
  return { result, stop: () => child.connected && child.send('stop', () => {}) };
}

/** Runs a sender to its end and answers its result; `whileSending` runs beside it. */
export async function send(options, whileSending = async () => {}) {
  const sender = await startSender(options);
  try {
    const [sent] = await Promise.all([sender.result, whileSending()]);
    return sent;
  } finally {
    sender.stop();
  }
}
