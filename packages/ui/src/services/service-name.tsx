import { serviceColour } from './service-colour.ts';
import styles from './service-name.module.css';

interface ServiceNameProps {
  readonly name: string;
  /** From `assignSlots` over the services that are shown together. */
  readonly slots: ReadonlyMap<string, number>;
}

/** A service's colour, never without its name. */
export function ServiceName({ name, slots }: ServiceNameProps) {
  return (
    <span className={styles['name']} title={name}>
      <span className={styles['pip']} style={{ background: serviceColour(name, slots) }} />
      <span className={styles['text']}>{name}</span>
    </span>
  );
}
