import { useQuery } from '@tanstack/react-query';
import { api } from '../api/api.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import styles from './first-span.module.css';
import { sampleTraceCommand } from './sample-trace.ts';

/** A fresh collector: how to send something to it, while the page waits for the first span. */
export function FirstSpan() {
  const { data } = useQuery({ queryKey: ['endpoints'], queryFn: () => api.endpoints(), staleTime: Infinity });
  // Nothing to copy before it is known to be right.
  if (data === undefined) return null;
  // Whoever serves the page also takes the spans.
  const endpoint = `http://${location.hostname}:${data.otlpHttpPort}`;
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
        This page turns into the list of your services as soon as a span arrives at <code>{endpoint}</code>.
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

function Snippet({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className={styles['snippet']}>
      <pre className={styles['code']} tabIndex={0}>
        {text}
      </pre>
      <div className={styles['copy']}>
        <CopyButton label={label} text={() => text} iconOnly />
      </div>
    </div>
  );
}
