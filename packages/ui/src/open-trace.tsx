import { uiPath } from '@throughline/trace/client';
import { useId, useState, type SyntheticEvent } from 'react';
import { useLocation } from 'wouter';
import styles from './open-trace.module.css';
import { Icon } from './parts/icon.tsx';
import { findTraceId, NO_TRACE_ID } from './find-trace-id.ts';

/** Opens the trace whose id is pasted, whatever is around the id. */
export function OpenTrace() {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState(false);
  const problemId = useId();
  const [, navigate] = useLocation();

  const open = (event: SyntheticEvent): void => {
    event.preventDefault();
    const traceId = findTraceId(text);
    setWrong(traceId === null && text.trim() !== '');
    if (traceId === null) return;
    setText('');
    navigate(uiPath('trace', { traceId }));
  };
  return (
    <form role="search" aria-label="Open a trace" className={styles['form']} onSubmit={open}>
      <span className={styles['icon']}>
        <Icon name="search" size={14} />
      </span>
      <input
        className={styles['input']}
        value={text}
        aria-label="Go to trace ID"
        aria-invalid={wrong}
        placeholder="Go to trace ID"
        aria-describedby={wrong ? problemId : undefined}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
      />
      {wrong ? (
        <p id={problemId} className={styles['problem']} role="alert">
          {NO_TRACE_ID}
        </p>
      ) : null}
    </form>
  );
}
