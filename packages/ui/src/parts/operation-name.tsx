import styles from './operation-name.module.css';

/** The name of a span, which may be empty; text that says so looks like no name. */
export function OperationName({ name }: { readonly name: string }) {
  if (name !== '') return name;
  return (
    <span className={styles['unnamed']} title="The span was sent with an empty name">
      (no name)
    </span>
  );
}
