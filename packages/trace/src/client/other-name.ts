/**
 * The name of all services, or operations, that are not counted by their own. A service may have this name as well:
 * `isOthers` distinguishes them.
 */
export const OTHER_NAME = '(other)';
