import { StatusCode, type SpanStatus } from '@throughline/trace';
import { Icon } from '../../parts/icon.tsx';
import styles from './span-panel.module.css';

export function StatusBadge({ status }: { readonly status: SpanStatus | undefined }) {
  if (status?.code === StatusCode.error) {
    return (
      <span className={styles['badge']} data-status="error">
        <Icon name="error" size={13} /> Error
      </span>
    );
  }
  if (status?.code === StatusCode.ok) {
    return (
      <span className={styles['badge']} data-status="ok">
        <Icon name="check" size={13} /> OK
      </span>
    );
  }
  return (
    <span className={styles['unset']} title="The application has not set a status">
      status unset
    </span>
  );
}
