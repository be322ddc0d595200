/** What is in the way of a migration, in words for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code = 'migration_refused';
}
