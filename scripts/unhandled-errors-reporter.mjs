// A reporter of Vitest: writes the errors that no test caught to the file that THROUGHLINE_TEST_ERRORS names. The JSON report has
// none of them, and they fail a run whose tests all pass.
import { writeFileSync } from 'node:fs';

export default class UnhandledErrorsReporter {
  onTestRunEnd(_modules, unhandledErrors) {
    const messages = unhandledErrors.map(({ name, message, stack }) => stack || `${name ?? 'Error'}: ${message}`);
    writeFileSync(process.env.THROUGHLINE_TEST_ERRORS, JSON.stringify(messages));
  }
}
