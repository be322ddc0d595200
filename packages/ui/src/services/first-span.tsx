import { useOtlpEndpoint } from '../api/use-otlp-endpoint.ts';
import { Snippet } from '../parts/snippet.tsx';
import styles from './first-span.module.css';
import { sampleTraceCommand } from './sample-trace-command.ts';

/** A fresh collector: how to send something to it, while the page waits for the first span. */
export function FirstSpan() {
  const endpoint = useOtlpEndpoint();
  // Nothing to copy before it is known to be right.
  if (endpoint === null) return null;
  const settings = `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;
  const command = sampleTraceCommand(endpoint);
  return (
    <div className={styles['page']}>
      <p className={styles['waiting']} role="status">
        <span className={styles['pulse']} aria-hidden="true" />
        Waiting for the first span
      </p>
      <h1 className={styles['title']}>Throughline is running. Send it a trace.</h1>
      <p className={styles['lead']}>
        Your services appear here as soon as the first span arrives at <code>{endpoint}</code>.
      </p>
      <ol className={styles['ways']}>
        <li className={styles['way']}>
          <h2 className={styles['name']}>From your application</h2>
          <p className={styles['text']}>
            Every OpenTelemetry SDK and collector sends OTLP over HTTP here, as protobuf or JSON. Most need no more than
            these settings:
          </p>
          <Snippet text={settings} label="Copy the settings" />
        </li>
        <li className={styles['way']}>
          <h2 className={styles['name']}>From a terminal, right now</h2>
          <p className={styles['text']}>A sample trace of two services, one of them slow:</p>
          <Snippet text={command} label="Copy the command" />
        </li>
      </ol>
    </div>
  );
}
