import button from './button.module.css';
import { describeFailure } from './describe-failure.ts';
import { Icon } from './icon.tsx';
import { Notice } from './notice.tsx';

interface FailureProps {
  readonly error: Error;
  readonly onRetry: () => void;
  readonly heading?: 'h1' | 'h2';
}

/** A request that failed or was rejected, in words, with a way to retry. */
export function Failure({ error, onRetry, heading = 'h1' }: FailureProps) {
  const { title, detail, canChange } = describeFailure(error);
  return (
    <Notice
      bad
      icon="alert"
      title={title}
      heading={heading}
      actions={
        canChange ? (
          <button type="button" className={button['button']} onClick={onRetry}>
            <Icon name="refresh" /> Try again
          </button>
        ) : null
      }
    >
      {detail}
    </Notice>
  );
}
